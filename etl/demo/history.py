"""Generates the history of the fleet day by day: ordinary churn, and planned events in the last
weeks."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import date

from etl.demo.days import collected_days, is_month_end
from etl.demo.fleet_actions import FleetActions
from etl.demo.machines import HOSTS, SERVERS, Machine, shuffled_node_classes
from etl.demo.register import Event, Register
from etl.demo.sites import build_sites, sizes

_GROWTH = 0.01
"""Net growth a month."""
_MONTH = 30.44
_STORY_DAYS = 20


class History:
    """The history from the first day to the last (ordinals); it is stored in `machines`."""

    def __init__(
        self, seed: int, devices: int, sites: int, first_day: date, last_day: date
    ) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.first, self.last = first_day.toordinal(), last_day.toordinal()
        self.days = collected_days(first_day, last_day)
        self.sites = build_sites(self.rng, sites, first_day)
        self.register = Register(self.days)
        self.actions = FleetActions(self.rng, self.sites, self.register)
        h = self.actions
        # The share of the fleet a month, and what happens to it.
        self._ordinary: tuple[tuple[float, Callable[[int], object]], ...] = (
            (0.013, self._leave), (0.003, self._move), (0.003, h.relocate), (0.002, h.rename),
            (0.004, h.reassign), (0.002, h.spare_by_name), (0.0015, h.spare_by_place),
            (0.002, h.back_in_use), (0.002, h.reimage), (0.001, self._decommission),
            (0.001, h.protect), (0.001, h.unprotect),
        )  # fmt: skip
        self.devices = devices
        self._sizes = sizes(sites, devices)
        self._later: dict[int, list[Callable[[int], object]]] = defaultdict(list)
        self._growing = 2 if sites > 3 else 0
        self._shrinking = 1
        # With few sites there would be none left to move between.
        self._story_sites = (self._growing, self._shrinking) if sites > 3 else ()
        self._story_begins = max(self.first + 1, self.last - _STORY_DAYS)
        self._newcomer = self._plan_newcomer()
        self._populate()
        self._plan_story()
        self.outage, self.partial = self._plan_bad_days()
        for day in range(self.first + 1, self.last + 1):
            self._simulate_day(day)
        self.register.events.sort(key=lambda event: event.day)
        self.misnamed = self._choose_misnamed()

    @property
    def events(self) -> list[Event]:
        """The events in order of time."""
        return self.register.events

    @property
    def machines(self) -> list[Machine]:
        """All machines that ever existed."""
        return self.register.machines

    def _populate(self) -> None:
        newcomer = self._newcomer[0] if self._newcomer else None
        places = [
            site
            for site, size in enumerate(self._sizes)
            for _ in range(size if site != newcomer else 0)
        ]
        count = max(2, round(len(places) / (1 + _GROWTH) ** self._months_before_end(self.first)))
        self.rng.shuffle(places)
        # A tiny site keeps its few machines; the large ones began smaller.
        counted: dict[int, int] = defaultdict(int)
        kept: list[int] = []
        spilled: list[int] = []
        for place in places:
            counted[place] += 1
            (kept if counted[place] <= 2 else spilled).append(place)
        # The site that will shrink needs machines to lose.
        spilled.sort(key=lambda place: place != self._shrinking)
        places = (kept + spilled)[:count]
        self.rng.shuffle(places)
        newcomers = list(zip(shuffled_node_classes(self.rng, len(places)), places, strict=True))
        # Hosts and servers first, so that ids rise with time as a vendor's do.
        newcomers.sort(key=lambda pair: pair[0] not in HOSTS and pair[0] not in SERVERS)
        for number, (node_class, site) in enumerate(newcomers):
            bought = self.first - 1500 + 1490 * number // len(newcomers)
            self.actions.add_machine(self.first, self.sites[site], node_class, bought)
        self.actions.vary_first_machines(self.first)

    def _plan_newcomer(self) -> tuple[int, int] | None:
        """A customer that joins some five months before the end, and the day of it."""
        begin = self.last - 150
        if len(self.sites) < 6 or begin < self.first + 60:
            return None
        index = len(self.sites) - 2
        site, day = self.sites[index], date.fromordinal(begin)
        site.ninja_names[0] = (day, site.name)
        site.threatlocker_names[0] = (day, site.threatlocker_names[0][1])
        self.register.note(begin, "site joined", site.name)
        for number in range(self._sizes[index]):
            self._later[begin + number % 20].append(
                lambda day: self.actions.hire(day, self.sites[index])
            )
        return index, begin

    def _plan_story(self) -> None:
        """Plan events near the end, so that a demo shows every kind of change."""
        h = self.actions
        for _ in range(self._story_size(self._shrinking)):
            self._schedule(_STORY_DAYS, lambda day: h.leave(day, site=self._shrinking))
        self._quota = self._story_size(self._growing)
        for _ in range(3):
            self._schedule(_STORY_DAYS - 2, lambda day: h.move(day, self._story_sites))
        for action in (h.spare_by_name, h.spare_by_place, h.unprotect, self._decommission):
            self._schedule(60, action, 25)
        for action in (h.relocate, h.rename, h.reassign, h.reimage, h.reimage, h.protect):
            self._schedule(45, action)
        self._schedule(15, h.back_in_use)
        self._schedule(30, lambda day: h.leave(day, sparing=self._growing))
        self._plan_rename()

    def _plan_rename(self) -> None:
        index = 3 if len(self.sites) > 5 else 0
        site, begin = self.sites[index], max(self.first + 1, self.last - 24)
        if begin > self.last:
            return
        old, new = site.name, f"{site.name} & Partners"
        site.ninja_names.append((date.fromordinal(begin), new))
        spelling = site.threatlocker_names[0][1].rstrip(".") + " and Partners"
        site.threatlocker_names.append((date.fromordinal(begin + 4), spelling))
        self.register.note(begin, "organization renamed", f"{old} to {new}")

    def _plan_bad_days(self) -> tuple[tuple[date, str] | None, date | None]:
        """The day of a vendor's outage, and the day of ThreatLocker's partial answers."""
        last = date.fromordinal(self.last)

        def choose(back: int, *taken: date) -> date | None:
            days = [
                day for day in self.days[1:-1]
                if (last - day).days < back and not is_month_end(day)
                and all(abs((day - other).days) > 1 for other in taken)
            ]  # fmt: skip
            return self.rng.choice(days) if days else None

        partial = choose(30)
        outage = choose(40, *((partial,) if partial else ()))
        vendor = self.rng.choice(("ninja", "threatlocker"))
        if partial:
            text = "ThreatLocker promises more computers than it gives"
            self.register.note(partial.toordinal(), "partial answer", text)
        if outage:
            self.register.note(outage.toordinal(), "outage", f"{vendor} answers 503 all day")
        return (outage, vendor) if outage else None, partial

    def _choose_misnamed(self) -> int | None:
        """The number of a machine that a person named otherwise in ThreatLocker's portal, so that
        the two vendors disagree about a name in every fleet that has such a machine at all."""
        for machine in self.register.machines:
            stay = machine.now
            named = stay.label is not None and not stay.spare and machine.style % 4
            both = stay.ninja_id is not None and stay.computer_id is not None and not stay.deleted
            if named and both and stay.approval == "APPROVED" and stay.site == stay.tenant:
                return machine.number
        return None

    def _story_size(self, site: int) -> int:
        return max(3, min(self._sizes[site] // 3, self.devices * 3 // 100))

    def _schedule(self, back: int, action: Callable[[int], object], until: int = 2) -> None:
        """Schedule `action` for some day from `back` to `until` days before the last."""
        earliest = max(self.first + 1, self.last - back)
        latest = max(earliest, self.last - until)
        self._later[self.rng.randint(earliest, latest)].append(action)

    def _simulate_day(self, day: int) -> None:
        for action in self._later.pop(day, []):
            if not action(day) and day < self.last:
                self._later[day + 1].append(action)
        alive = len(self.actions.alive)
        for rate, action in self._ordinary:
            expected = rate * alive / _MONTH
            for _ in range(int(expected) + (self.rng.random() < expected % 1)):
                action(day)
        missing = self._target(day) - self.register.total("ninja")
        for _ in range(missing):
            self._hire(day)

    def _leave(self, day: int) -> bool:
        story = day >= self._story_begins
        return self.actions.leave(day, sparing=self._growing if story else None)

    def _move(self, day: int) -> bool:
        story = day >= self._story_begins
        return self.actions.move(day, self._story_sites if story else ())

    def _decommission(self, day: int) -> bool:
        machine = self.actions.decommission(day)
        if machine is not None:
            self._later[day + 12].append(lambda later: self.actions.remove(later, machine))
        return machine is not None

    def _hire(self, day: int) -> None:
        h, story = self.actions, day >= self._story_begins
        index = self.rng.choices(range(len(self.sites)), weights=self._sizes)[0]
        if story and self._quota > 0:
            index = self._growing
            self._quota -= 1
        newcomer = self._newcomer
        if (newcomer and index == newcomer[0]) or (story and index == self._shrinking):
            index = 0 if not story else self._growing
        machine = h.hire(day, self.sites[index])
        if self.rng.random() < 0.1:
            h.register.change(machine, h.pending(machine))
            self._later[day + 2].append(lambda later: h.approve(later, machine))

    def _target(self, day: int) -> int:
        """The number of devices that Ninja should have on `day`."""
        joined, own = 0, 0
        if self._newcomer:
            index, begin = self._newcomer
            own = self._sizes[index]
            joined = sum(1 for number in range(own) if begin + number % 20 <= day)
        base = (self.devices - own) / (1 + _GROWTH) ** self._months_before_end(day)
        return int(base + 0.5) + joined

    def _months_before_end(self, day: int) -> float:
        return (self.last - day) / _MONTH
