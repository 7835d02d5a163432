"""The register of machines while a history is generated; it limits how much changes a day.

A collector holds a day on which too much vanished or moved, so between any two collected days of an
invented history little may change. The register refuses what would exceed that.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import date

from etl.demo.machines import Machine, Stay

MAX_SHARE = 0.024
"""Largest share of a source that vanishes, or changes, between two collected days."""
MIN_ALLOWED = 2
"""Number that may always vanish or change, however small the fleet."""

VENDORS = ("ninja", "threatlocker")


@dataclass(frozen=True)
class Event:
    """Something that happened to the fleet."""

    day: date
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.day} {self.kind}: {self.text}"


class Register:
    """All machines of the fleet; applies changes within the limits."""

    def __init__(self, collected: list[date]) -> None:
        self.machines: list[Machine] = []
        self.events: list[Event] = []
        self.parents: set[int] = set()
        self._collected = [day.toordinal() for day in collected]
        self._at_site: Counter[tuple[str, int]] = Counter()
        self._total: Counter[str] = Counter()
        self._spent: Counter[tuple[int, str, str]] = Counter()

    def total(self, vendor: str) -> int:
        """The current number of records of a vendor."""
        return self._total[vendor]

    def at_site(self, vendor: str, site: int) -> int:
        """The current number of records of a vendor at a site."""
        return self._at_site[vendor, site]

    def add(self, machine: Machine, stay: Stay) -> None:
        """Add a new machine."""
        self.machines.append(machine)
        if machine.parent is not None:
            self.parents.add(machine.parent.number)
        self._count(stay, 1)
        machine.begin_stay(stay)

    def change(self, machine: Machine, stay: Stay) -> bool:
        """Begin a stay of a known machine; False, without a change, when it exceeds a limit."""
        spending = self._cost(machine.now, stay)
        if spending is None:
            return False
        gap = bisect_left(self._collected, stay.since)
        for vendor, what in spending:
            allowed = max(MIN_ALLOWED, int(MAX_SHARE * self._total[vendor]))
            if self._spent[gap, vendor, what] >= allowed:
                return False
        for vendor, what in spending:
            self._spent[gap, vendor, what] += 1
        self._count(machine.now, -1)
        self._count(stay, 1)
        machine.begin_stay(stay)
        return True

    def note(self, day: int, kind: str, text: str) -> None:
        """Record an event."""
        self.events.append(Event(date.fromordinal(day), kind, text))

    def _cost(self, old: Stay, new: Stay) -> list[tuple[str, str]] | None:
        spending = []
        for vendor in VENDORS:
            before, after = _key(old, vendor), _key(new, vendor)
            if before is None:
                continue
            gone = before != after
            place = _site(old, vendor)
            leaves = after is None or place != _site(new, vendor)
            if leaves and self._at_site[vendor, place] < 3:
                return None  # A site must never become empty.
            if gone:
                spending.append((vendor, "vanish"))
            elif _counting_facts(old, vendor) != _counting_facts(new, vendor):
                spending.append((vendor, "change"))
        return spending

    def _count(self, stay: Stay, step: int) -> None:
        for vendor in VENDORS:
            if _key(stay, vendor) is not None:
                self._at_site[vendor, _site(stay, vendor)] += step
                self._total[vendor] += step


def _key(stay: Stay, vendor: str) -> int | str | None:
    if vendor == "ninja":
        return stay.ninja_id
    return None if stay.deleted else stay.computer_id


def _site(stay: Stay, vendor: str) -> int:
    return stay.site if vendor == "ninja" else stay.tenant


def _counting_facts(stay: Stay, vendor: str) -> tuple[object, ...]:
    """What site and billing status in that vendor depend on."""
    place = stay.location if vendor == "ninja" else None
    approval = stay.approval if vendor == "ninja" else None
    return _site(stay, vendor), place, stay.spare, approval
