"""The roster: adds new machines to a history and picks machines for events."""

import random
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from etl.demo.hostnames import Hostnames
from etl.demo.machines import (
    AGENT_CLASSES,
    GUESTS,
    HOSTS,
    MOBILES,
    NETWORK,
    SERVERS,
    WORKSTATIONS,
    Machine,
    Stay,
    build_machine,
    random_person,
)
from etl.demo.register import Register
from etl.demo.sites import Site

_REST_DAYS = 7
_TRIES = 60


class Roster:
    """The machines in use. All randomness comes from one seeded generator."""

    def __init__(self, rng: random.Random, sites: list[Site], register: Register) -> None:
        self.rng = rng
        self.sites = sites
        self.register = register
        self.hostnames = Hostnames(rng)
        self.alive: list[Machine] = []
        self._ninja_id = 1200
        self._servers: dict[int, list[Machine]] = {}
        self._hosts: dict[int, list[Machine]] = {}
        self._twins: set[str] = set()

    def add_machine(self, day: int, site: Site, node_class: str, bought: int) -> Machine:
        """Add a machine at `site` from `day` on, to Ninja and mostly to ThreatLocker."""
        rng = self.rng
        machine = build_machine(rng, len(self.register.machines) + 1, node_class)
        owner = random_person(rng)
        host = self.hostnames.name(site, node_class, owner, bought)
        host = self._place_in_network(machine, site, host)
        location = None
        if node_class not in MOBILES or rng.random() < 0.6:
            location = rng.choice([i for i in range(len(site.locations)) if i != site.closet])
        covered = 0.78 if node_class in AGENT_CLASSES else 0.3 if node_class in GUESTS else 0.0
        stay = Stay(
            since=day,
            site=site.index,
            tenant=site.index,
            location=location,
            host=host,
            label=owner if node_class in WORKSTATIONS and rng.random() < 0.55 else None,
            enrolled=bought,
            ninja_id=self.next_ninja_id(),
            computer_id=self.next_computer_id() if rng.random() < covered else None,
        )
        self.register.add(machine, stay)
        self.alive.append(machine)
        if node_class in SERVERS:
            self._servers.setdefault(site.index, []).append(machine)
        if node_class in HOSTS:
            self._hosts.setdefault(site.index, []).append(machine)
        return machine

    def add_unmanaged(self, day: int, site: Site) -> None:
        """Add a machine that only ThreatLocker has: nobody installed the Ninja agent."""
        machine = build_machine(self.rng, len(self.register.machines) + 1, WORKSTATIONS[0])
        host = self.hostnames.name(site, machine.node_class, random_person(self.rng), day)
        stay = Stay(
            since=day, site=site.index, tenant=site.index, location=None, host=host, label=None,
            enrolled=day - 90, computer_id=self.next_computer_id(),
        )  # fmt: skip
        self.register.add(machine, stay)

    def vary_first_machines(self, day: int) -> None:
        """Make some of the first machines spare, switched off, or not approved."""
        office = [m for m in self.alive if m.node_class in WORKSTATIONS]
        for number, machine in enumerate(self.rng.sample(office, len(office) // 6)):
            stay = machine.now
            closet = self.sites[stay.site].closet
            if number < 3:
                approval = ("PENDING", "STAGED", "DECOMMISSIONED")[number]
                stay = replace(stay, approval=approval, silent_since=day)
            elif number % 5 in (0, 1):
                label = f"SPARE - was {random_person(self.rng)}" if number % 2 else "spare"
                stay = replace(stay, label=label, silent_since=day)
            elif number % 5 == 2 and closet is not None:
                stay = replace(stay, location=closet, silent_since=day)
            elif number % 5 == 3:
                stay = replace(stay, silent_since=day)
            machine.begin_stay(stay)
        for _ in range(max(1, len(self.alive) // 60)):
            self.add_unmanaged(day, self.sites[self.rng.choice(self.alive).now.site])

    def next_ninja_id(self) -> int:
        """A new node id, greater than all before."""
        self._ninja_id += self.rng.randint(1, 3)
        return self._ninja_id

    def next_computer_id(self) -> str:
        """A new GUID of a computer."""
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def pick(self, matches: Callable[[Machine], bool]) -> Machine | None:
        """A random machine that matches; None when none does."""
        for _ in range(_TRIES):
            machine = self.rng.choice(self.alive)
            if matches(machine):
                return machine
        candidates = [machine for machine in self.alive if matches(machine)]
        return self.rng.choice(candidates) if candidates else None

    def is_stable(self, machine: Machine, day: int) -> bool:
        """Whether nothing happened to it lately, which keeps histories readable."""
        return (
            machine.now.since + _REST_DAYS <= day
            and machine.now.approval == "APPROVED"
            and machine.number not in self.register.parents
        )

    def in_use(self, machine: Machine, day: int) -> bool:
        """Whether it is stable and not spare."""
        closet = self.sites[machine.now.site].closet
        hidden = closet is not None and machine.now.location == closet
        return self.is_stable(machine, day) and not machine.now.spare and not hidden

    def _place_in_network(self, machine: Machine, site: Site, host: str) -> str:
        """Set the host of a guest and the probe of a network device; returns the hostname, which a
        guest that runs the agent shares with its other record."""
        near = self._servers.get(site.index, [])
        if machine.node_class in GUESTS:
            brand = machine.node_class.split("_")[0]
            hosts = self._hosts.get(site.index, [])
            machine.parent = next((m for m in hosts if m.node_class.startswith(brand)), None)
            twins = [m for m in near if m.virtual and m.now.host not in self._twins]
            if twins and self.rng.random() < 0.6:
                host = twins[0].now.host
                self._twins.add(host)
        elif machine.node_class in NETWORK and near:
            machine.parent = near[0]
        return host
