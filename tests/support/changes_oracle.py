"""Counts, bars and changes of a small history, in plain Python."""

import random
from datetime import date, timedelta

from dashboard.base.params import BASES, NO_LOCATION, SOURCES, STATUSES, TYPES, Filters
from dashboard.queries.entities import NO_SITE
from db.history.explain import COMPARED
from tests.support.worlds import COUNTED, TODAY, DeviceState, World


def matches(world: World, record: DeviceState, filters: Filters) -> bool:
    texts = [record.hostname, record.display_name, record.serial, record.os, record.node_class]
    texts.append(world.sites.get(record.site_id, NO_SITE))
    return (
        (not filters.sites or record.site_id in filters.sites)
        and (not filters.types or record.device_type in filters.types)
        and record.billing_status in filters.statuses
        and (not filters.locations or (record.location or NO_LOCATION) in filters.locations)
        and set(filters.managed_by) <= {*record.managers}
        and (
            filters.q is None
            or any(filters.q.casefold() in text.casefold() for text in texts if text)
        )
    )


def random_filters(rng: random.Random, *, sites: tuple[int, ...]) -> Filters:
    as_of = TODAY - timedelta(days=rng.randrange(8))
    return Filters(
        as_of=as_of,
        compare_to=as_of - timedelta(days=rng.randrange(6)),
        basis=rng.choice(BASES),
    ).having(
        sites=tuple(rng.sample(sites, rng.randrange(3))),
        types=tuple(rng.sample(TYPES, rng.choice((0, 0, 1, 2)))),
        statuses=rng.choice((COUNTED, ("billable",), ("spare", "excluded"), STATUSES)),
        q=rng.choice((None, None, "pc", "_", "%", "50%", "ärger", "ÄRGER", "/b\\", "site", "a")),
        locations=rng.choice(((), (), (), (NO_LOCATION,), ("Rack 1",), ("", "Büro", "nowhere"))),
        managed_by=rng.choice(((), (), ("ninja",), ("agent", "ninja"), SOURCES)),
    )


def bar_of(
    other: DeviceState | None, filters: Filters, absent: str, elsewhere: str, here: str
) -> str:
    if other is None:
        return absent
    return elsewhere if filters.sites and other.site_id not in filters.sites else here


class DailyRecords:
    """What plain Python remembers of every day of a span, by key."""

    def __init__(self, world: World, basis: str, then: date, now: date) -> None:
        self.world, self.basis, self.then, self.now = world, basis, then, now
        self.days = [then + timedelta(days=n) for n in range((now - then).days + 1)]
        self.standing = [world.standing(day, basis) for day in self.days]

    def differing(self) -> set[int]:
        was, now = self.standing[0], self.standing[-1]
        names = (*COMPARED, "device_id") if self.basis == "assets" else COMPARED
        return {
            key
            for key in was.keys() | now.keys()
            if key not in was
            or key not in now
            or any(getattr(was[key], name) != getattr(now[key], name) for name in names)
        }

    def dated(self, key: int) -> dict[str, set[date]]:
        """The dates of presence, site and status, each by walking back day by day."""
        states = [standing.get(key) for standing in self.standing]
        expected: dict[str, set[date]] = {}
        start = _walk(states, lambda record: True)
        if states[-1] is None:
            expected["gone"] = {self.days[start]}
            states = states[:start]
        elif states[0] is None:
            expected |= self._arrival(states, start)
        elif start:
            expected["back"] = {self.days[start]}
        first = next(record for record in states if record is not None)
        last = states[-1]
        assert last is not None
        for code, name in (("site", "site_id"), ("billing_status", "billing_status")):
            if getattr(first, name) != getattr(last, name):
                start = _walk(states, lambda record, name=name: getattr(record, name))
                expected[code] = {self.days[start]}
        return expected

    def _arrival(self, states: list[DeviceState | None], start: int) -> dict[str, set[date]]:
        arrived = next(index for index, record in enumerate(states) if record is not None)
        record = states[arrived]
        assert record is not None
        seen, began = self.world.first_seen(record), min(self.world.days[record.source])
        expected: dict[str, set[date]] = {}
        if began > self.then:
            expected["source_began"] = {began}
        if seen <= self.then:
            expected["back"] = {self.days[arrived]}
        elif seen != began:
            expected["first_seen"] = {seen}
        if start > arrived:
            expected.setdefault("back", set()).add(self.days[start])
        return expected


def _walk(states, value):  # type: ignore[no-untyped-def]
    """Where the last unbroken run of a value begins; absence is a value of its own."""
    values = [None if record is None else (value(record),) for record in states]
    index = len(values) - 1
    while index and values[index - 1] == values[-1]:
        index -= 1
    return index


def day(number: int) -> date:
    return date(2026, 11, number)
