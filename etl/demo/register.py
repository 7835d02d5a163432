"""The register of a history in the making: who is where now, and how much a day may change.

A collector holds a day on which too much vanished or moved, so an invented history must stay
gentle between any two days that are collected. The register refuses what would not be gentle.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import date

from etl.demo.machines import Machine, Stay

GENTLE = 0.024
"""The most of a source that vanishes, or changes, between two collected days."""
LEAST = 2
"""So many may always vanish, however small the fleet."""

VENDORS = ("ninja", "threatlocker")


@dataclass(frozen=True)
class Event:
    """Something that happened: readable, in order of time."""

    day: date
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.day} {self.kind}: {self.text}"


class Register:
    """Every machine of the fleet and its latest stay, kept within the limits."""

    def __init__(self, collected: list[date]) -> None:
        self.machines: list[Machine] = []
        self.events: list[Event] = []
        self.parents: set[int] = set()
        self._collected = [day.toordinal() for day in collected]
        self._at_site: Counter[tuple[str, int]] = Counter()
        self._total: Counter[str] = Counter()
        self._spent: Counter[tuple[int, str, str]] = Counter()

    def total(self, vendor: str) -> int:
        """How many records that vendor has now."""
        return self._total[vendor]

    def at_site(self, vendor: str, site: int) -> int:
        """How many records that vendor has now at a site."""
        return self._at_site[vendor, site]

    def add(self, machine: Machine, stay: Stay) -> None:
        """A machine nobody had before."""
        self.machines.append(machine)
        if machine.parent is not None:
            self.parents.add(machine.parent.number)
        self._count(stay, 1)
        machine.enter(stay)

    def change(self, machine: Machine, stay: Stay) -> bool:
        """Begin a stay of a known machine; False, and nothing done, when that is too much."""
        spending = self._price(machine.now, stay)
        if spending is None:
            return False
        gap = bisect_left(self._collected, stay.since)
        for vendor, what in spending:
            allowed = max(LEAST, int(GENTLE * self._total[vendor]))
            if self._spent[gap, vendor, what] >= allowed:
                return False
        for vendor, what in spending:
            self._spent[gap, vendor, what] += 1
        self._count(machine.now, -1)
        self._count(stay, 1)
        machine.enter(stay)
        return True

    def note(self, day: int, kind: str, text: str) -> None:
        """Write an event down."""
        self.events.append(Event(date.fromordinal(day), kind, text))

    def _price(self, old: Stay, new: Stay) -> list[tuple[str, str]] | None:
        spending = []
        for vendor in VENDORS:
            before, after = _key(old, vendor), _key(new, vendor)
            if before is None:
                continue
            gone = before != after
            place = _site(old, vendor)
            leaves = after is None or place != _site(new, vendor)
            if leaves and self._at_site[vendor, place] < 3:
                return None  # a site must never empty
            if gone:
                spending.append((vendor, "vanish"))
            elif _standing(old, vendor) != _standing(new, vendor):
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


def _standing(stay: Stay, vendor: str) -> tuple[object, ...]:
    """What decides site and billing status in that vendor."""
    place = stay.location if vendor == "ninja" else None
    approval = stay.approval if vendor == "ninja" else None
    return _site(stay, vendor), place, stay.spare, approval
