"""How many devices there are on one of the two days, by site, type and status."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Integer, Select, and_, func, or_, select
from sqlalchemy import cast as sql_cast

from dashboard.base.change import Change
from dashboard.base.params import SOURCES, STATUSES, TYPES, Filters
from dashboard.queries import entities
from dashboard.queries.moment import Moment, SnapshotDay
from db.rules import RulesByDay
from db.tables import daily_counts


class Count(NamedTuple):
    """How many devices one site has of one type and billing status."""

    site_id: int
    device_type: str
    billing_status: str
    n: int


@dataclass(frozen=True)
class Kpi:
    """One figure with its change, and the filters that open exactly the devices behind it.

    `key` is "total", a billing status, or a device type that the filters let in.
    """

    key: str
    figure: Change
    filters: Filters


def device_counts(
    connection: Connection, moment: Moment, day: SnapshotDay, filters: Filters
) -> list[Count] | None:
    """The counts of one day by site, type and status; None before the basis's first snapshot."""
    if not day.has_data(filters.basis) or day.day is None:
        return None
    if filters.are_stored:
        statement = _stored_counts(tuple(day.count_days(filters.basis).items()), filters)
    else:
        statement = _live_counts(day.day, moment.rules, filters)
    # These rows have the fields of a Count; to make one of each would cost more than the query.
    return cast("list[Count]", connection.execute(statement).all())


# Kept, because to build it takes as long as to run it.
@lru_cache(maxsize=256)
def _stored_counts(dates: tuple[tuple[str, date], ...], filters: Filters) -> Select[Any]:
    """The stored counts of each basis on its date, added."""
    column = daily_counts.c
    in_force = or_(
        *(and_(column.basis == basis, column.snapshot_date == day) for basis, day in dates)
    )
    groups = (column.site_id, column.device_type, column.billing_status)
    statement = select(*groups).where(in_force, entities.matches(daily_counts, filters))
    if len(dates) == 1:
        return statement.add_columns(column.n)
    # MySQL would add integers to a decimal.
    added = sql_cast(func.sum(column.n), Integer).label("n")
    return statement.add_columns(added).group_by(*groups)


def _live_counts(day: date, rules: RulesByDay, filters: Filters) -> Select[Any]:
    """Counts of `day` from its rows, for filters that the stored counts lack."""
    columns = ("site_id", "device_type", *entities.filter_columns(filters))
    view = entities.rows_on(day, filters.basis, rules, columns, site_ids=filters.sites)
    groups = (view.c.site_id, view.c.device_type, view.c.billing_status)
    matching = entities.matches(view, filters)
    return select(*groups, func.count().label("n")).where(matching).group_by(*groups)


def by_source(
    connection: Connection, moment: Moment, day: SnapshotDay, filters: Filters
) -> dict[str, dict[int, int]] | None:
    """How many of the counted devices each source has, by site; in the assets basis, the machines
    whose primary record it has. None before the basis's first snapshot."""
    if not day.has_data(filters.basis) or day.day is None:
        return None
    counts: dict[str, dict[int, int]] = {source: {} for source in SOURCES}
    if filters.basis == "assets":
        columns = ("source", "site_id", *entities.filter_columns(filters))
        view = entities.rows_on(
            day.day, filters.basis, moment.rules, columns, site_ids=filters.sites
        )
        rows = connection.execute(
            select(view.c.source, view.c.site_id, func.count())
            .where(entities.matches(view, filters))
            .group_by(view.c.source, view.c.site_id)
        )
        for source, site_id, n in rows:
            counts.setdefault(source, {})[site_id] = n
        return counts
    for source in day.dates(filters.basis):
        if filters.sources and source not in filters.sources:
            continue
        for count in device_counts(connection, moment, day, filters.having(basis=source)) or ():
            counts[source][count.site_id] = counts[source].get(count.site_id, 0) + count.n
    return counts


@dataclass(frozen=True)
class Comparison:
    """The counts of both days in every billing status, whatever `filters.statuses` says; None for a
    day before the basis's first snapshot."""

    filters: Filters
    now: list[Count] | None
    then: list[Count] | None

    def kpis(self) -> dict[str, Kpi]:
        """The total of what the filters count, each type in it, and each billing status, counted
        or not."""
        now, then = _without_sites(self.now), _without_sites(self.then)
        return {
            key: Kpi(key, Change(_sum(now, its), _sum(then, its)), its)
            for key, its in kpi_filters(self.filters).items()
        }

    def uncounted(self) -> dict[str, int]:
        """How many devices there are now in each billing status that the filters leave out; only
        those that there are."""
        return _uncounted(self.now, self.filters)


def compare(connection: Connection, moment: Moment, filters: Filters) -> Comparison:
    """The counts of both days, one query each."""
    everything = filters.having(statuses=STATUSES)
    return Comparison(
        filters,
        device_counts(connection, moment, moment.now, everything),
        device_counts(connection, moment, moment.then, everything),
    )


def uncounted(connection: Connection, moment: Moment, filters: Filters) -> dict[str, int]:
    """How many devices stand beside what `filters` count, as `Comparison.uncounted` has them."""
    others = tuple(status for status in STATUSES if status not in filters.statuses)
    if not others:
        return {}
    left_out = filters.having(statuses=others)
    return _uncounted(device_counts(connection, moment, moment.now, left_out), filters)


def _uncounted(counts: Iterable[Count] | None, filters: Filters) -> dict[str, int]:
    sums = _without_sites(counts)
    others = {
        status: _sum(sums, filters.having(statuses=(status,)))
        for status in STATUSES
        if status not in filters.statuses
    }
    return {status: n for status, n in others.items() if n}


def kpi_filters(filters: Filters) -> dict[str, Filters]:
    """The keys of the figures beside `filters`, each with the filters of exactly it."""
    types = [name for name in TYPES if not filters.types or name in filters.types]
    return {
        "total": filters,
        **{status: filters.having(statuses=(status,)) for status in STATUSES},
        **{name: filters.having(types=(name,)) for name in types},
    }


Sums = dict[tuple[str, str], int]
"""How many devices there are of a type and a billing status."""


def _without_sites(counts: Iterable[Count] | None) -> Sums | None:
    """The counts of all sites together. A fleet has thousands of sites, and the figures beside its
    total ask for many types and statuses: one pass over its counts answers all of them."""
    if counts is None:
        return None
    sums: Sums = {}
    for _site, device_type, status, n in counts:
        sums[device_type, status] = sums.get((device_type, status), 0) + n
    return sums


def _sum(sums: Sums | None, filters: Filters) -> int | None:
    if sums is None:
        return None
    return sum(
        n
        for (device_type, status), n in sums.items()
        if status in filters.statuses and (not filters.types or device_type in filters.types)
    )
