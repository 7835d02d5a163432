"""What can happen to one machine on one day. Each action returns whether it happened."""

from dataclasses import replace

from etl.demo.machines import (
    AGENT_CLASSES,
    HOSTS,
    SERVERS,
    WORKSTATIONS,
    Machine,
    Stay,
    random_person,
)
from etl.demo.roster import Roster
from etl.demo.sites import Site

_HIRED = ("WINDOWS_WORKSTATION",) * 16 + ("MAC", "WINDOWS_SERVER", "NMS_SWITCH", "APPLE_IOS")


class FleetActions(Roster):
    """The actions of a history, one method each."""

    def hire(self, day: int, site: Site) -> Machine:
        """Add a new employee's machine, or other new equipment."""
        machine = self.add_machine(day, site, self.rng.choice(_HIRED), day)
        self.register.note(day, "hired", f"{machine.now.host} at {site.name}")
        return machine

    def leave(self, day: int, site: int | None = None, sparing: int | None = None) -> bool:
        """Retire a machine, at `site` if given, never at the site `sparing`."""

        def matches(machine: Machine) -> bool:
            at = machine.now.site
            return self._may_leave(machine, day) and at != sparing and (site is None or at == site)

        machine = self.pick(matches)
        return machine is not None and self.remove(day, machine)

    def remove(self, day: int, machine: Machine) -> bool:
        """Retire `machine`: gone from Ninja, deleted in ThreatLocker."""
        stay = machine.now
        gone = replace(
            stay,
            since=day,
            ninja_id=None,
            deleted=stay.computer_id is not None,
            silent_since=stay.silent_since or day,
        )
        if not self.register.change(machine, gone):
            return False
        self.alive.remove(machine)
        self.register.note(day, "left", f"{stay.host} from {self.sites[stay.site].name}")
        return True

    def move(self, day: int, sparing: tuple[int, ...] = ()) -> bool:
        """Move a machine to another customer; one time in four in Ninja only."""
        machine = self.pick(
            lambda m: self.is_stable(m, day) and m.node_class in WORKSTATIONS
            and m.now.site not in sparing
        )  # fmt: skip
        targets = [
            site for site in self.sites
            if self.register.at_site("ninja", site.index) and site.index not in sparing
            and machine is not None and site.index != machine.now.site
        ]  # fmt: skip
        if machine is None or not targets:
            return False
        stay, to = machine.now, self.rng.choice(targets)
        tenant = stay.tenant if self.rng.random() < 0.25 else to.index
        text = f"{stay.host} from {self.sites[stay.site].name} to {to.name}"
        moved = replace(stay, since=day, site=to.index, tenant=tenant, location=0)
        return self._apply(day, machine, moved, "moved", text)

    def relocate(self, day: int) -> bool:
        """Move a machine to another location of its site."""

        def other_locations(machine: Machine) -> list[int]:
            site = self.sites[machine.now.site]
            others = range(len(site.locations))
            return [i for i in others if i not in (machine.now.location, site.closet)]

        machine = self.pick(
            lambda m: self.is_stable(m, day) and m.now.location is not None
            and m.now.location != self.sites[m.now.site].closet and bool(other_locations(m))
        )  # fmt: skip
        if machine is None:
            return False
        location = self.rng.choice(other_locations(machine))
        name = self.sites[machine.now.site].locations[location].name
        new = replace(machine.now, since=day, location=location)
        return self._apply(day, machine, new, "relocated", f"{machine.now.host} to {name}")

    def rename(self, day: int) -> bool:
        """Rename a machine; it stays the same device for both vendors."""
        machine = self.pick(lambda m: self.is_stable(m, day) and m.node_class in WORKSTATIONS)
        if machine is None:
            return False
        site = self.sites[machine.now.site]
        host = self.hostnames.name(site, machine.node_class, random_person(self.rng), day)
        new = replace(machine.now, since=day, host=host)
        return self._apply(day, machine, new, "renamed", f"{machine.now.host} to {host}")

    def reassign(self, day: int) -> bool:
        """Give a machine to somebody else: its display name changes."""
        machine = self.pick(
            lambda m: self.in_use(m, day) and m.node_class in WORKSTATIONS
            and m.now.label is not None
        )  # fmt: skip
        if machine is None:
            return False
        owner = random_person(self.rng)
        new = replace(machine.now, since=day, label=owner)
        return self._apply(day, machine, new, "reassigned", f"{machine.now.host} to {owner}")

    def spare_by_name(self, day: int) -> bool:
        """Mark a machine as spare in its display name."""
        machine = self.pick(lambda m: self.in_use(m, day) and m.node_class in WORKSTATIONS)
        if machine is None:
            return False
        label = f"SPARE - was {machine.now.label or random_person(self.rng)}"
        new = replace(
            machine.now, since=day, label=label, silent_since=machine.now.silent_since or day
        )
        return self._apply(day, machine, new, "spare by name", machine.now.host)

    def spare_by_place(self, day: int) -> bool:
        """Put a machine into the spare closet, without a word in its name."""
        machine = self.pick(
            lambda m: self.in_use(m, day) and m.node_class in WORKSTATIONS
            and self.sites[m.now.site].closet is not None
        )  # fmt: skip
        if machine is None:
            return False
        closet = self.sites[machine.now.site].closet
        new = replace(
            machine.now, since=day, location=closet, silent_since=machine.now.silent_since or day
        )
        return self._apply(day, machine, new, "spare by location", machine.now.host)

    def back_in_use(self, day: int) -> bool:
        """Give a spare machine to somebody."""
        machine = self.pick(
            lambda m: self.is_stable(m, day) and not self.in_use(m, day)
            and m.node_class in WORKSTATIONS
        )  # fmt: skip
        if machine is None:
            return False
        owner = random_person(self.rng)
        new = replace(machine.now, since=day, label=owner, location=0, silent_since=None)
        return self._apply(day, machine, new, "back in use", f"{machine.now.host} for {owner}")

    def reimage(self, day: int) -> bool:
        """Re-image a machine: the same serial number, new ids in both vendors. One time in four
        ThreatLocker keeps the old record too."""
        machine = self.pick(
            lambda m: self.in_use(m, day) and m.node_class in AGENT_CLASSES
            and m.number not in self.register.parents and m.serial is not None
        )  # fmt: skip
        if machine is None:
            return False
        old = machine.now
        new = replace(
            old, since=day, enrolled=day, ninja_id=self.next_ninja_id(),
            computer_id=self.next_computer_id() if old.computer_id else None,
        )  # fmt: skip
        if not self._apply(day, machine, new, "re-imaged", f"{old.host}, {machine.serial}"):
            return False
        if old.computer_id and self.rng.random() < 0.25:
            self._keep_record(day, machine, old)
        return True

    def decommission(self, day: int) -> Machine | None:
        """Withdraw Ninja's approval; the caller removes the machine some days later."""
        machine = self.pick(
            lambda m: self._may_leave(m, day) and m.now.approval == "APPROVED"
            and self.register.at_site("ninja", m.now.site) > 3
        )  # fmt: skip
        if machine is None:
            return None
        new = replace(machine.now, since=day, approval="DECOMMISSIONED", silent_since=day)
        done = self._apply(day, machine, new, "decommissioned", machine.now.host)
        return machine if done else None

    @staticmethod
    def pending(machine: Machine) -> Stay:
        """Its stay before it is approved in Ninja."""
        return replace(machine.now, approval="PENDING")

    def approve(self, day: int, machine: Machine) -> bool:
        """Approve a machine in Ninja."""
        new = replace(machine.now, since=day, approval="APPROVED")
        return self._apply(day, machine, new, "approved", machine.now.host)

    def protect(self, day: int) -> bool:
        """Install ThreatLocker on a machine without it."""
        machine = self.pick(
            lambda m: self.in_use(m, day) and m.node_class in AGENT_CLASSES
            and m.now.computer_id is None
        )  # fmt: skip
        if machine is None:
            return False
        new = replace(
            machine.now, since=day, computer_id=self.next_computer_id(), tenant=machine.now.site
        )
        return self._apply(day, machine, new, "protected", machine.now.host)

    def unprotect(self, day: int) -> bool:
        """Remove ThreatLocker from a machine that stays in Ninja."""
        machine = self.pick(
            lambda m: self.is_stable(m, day) and m.node_class in WORKSTATIONS
            and m.now.computer_id is not None and not m.now.deleted
        )  # fmt: skip
        if machine is None:
            return False
        new = replace(machine.now, since=day, computer_id=None)
        return self._apply(day, machine, new, "unprotected", machine.now.host)

    def _may_leave(self, machine: Machine, day: int) -> bool:
        if machine.node_class in HOSTS or (machine.node_class in SERVERS and machine.style % 4):
            return False  # Servers live longer.
        return self.is_stable(machine, day)

    def _apply(self, day: int, machine: Machine, stay: Stay, kind: str, text: str) -> bool:
        done = self.register.change(machine, stay)
        if done:
            self.register.note(day, kind, text)
        return done

    def _keep_record(self, day: int, machine: Machine, old: Stay) -> None:
        """Keep ThreatLocker's old record, which never checks in again."""
        ghost = replace(machine, number=len(self.register.machines) + 1, stays=[], starts=[])
        self.register.add(ghost, replace(old, since=day, ninja_id=None, silent_since=day))
