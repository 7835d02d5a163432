"""Figures day by day, from the stored counts."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, func, select

from dashboard.base.params import STATUSES, Filters
from dashboard.queries import entities
from dashboard.queries.counts import kpi_filters
from dashboard.queries.moment import Moment
from db.history.kept import KeptDays
from db.history.runs import counted_days
from db.tables import daily_counts

_Groups = Counter[tuple[str, str]]
"""How many by device type and billing status."""


@dataclass(frozen=True)
class Series:
    """Figures by kept day: `values[key][i]` belongs to `days[i]`, None before the basis's first
    snapshot. Empty when a search is set: searches are not stored."""

    days: tuple[date, ...] = ()
    values: dict[str, tuple[int | None, ...]] | None = None

    def of(self, key: str) -> tuple[int | None, ...]:
        """The figures under one key of `counts.kpis`; empty when there are none."""
        return (self.values or {}).get(key, ())


def daily_series(
    connection: Connection,
    moment: Moment,
    filters: Filters,
    days: int = 30,
    *,
    unbroken: bool = False,
) -> Series:
    """The figures of the last `days` kept days up to the shown one, under the keys of
    `counts.kpis`; a day without a snapshot repeats the one that stands.

    Args:
        unbroken: only days that follow each other: fewer, where earlier ones are not kept.
    """
    if moment.now.day is None or moment.kept is None or not filters.are_stored:
        return Series()
    drawn_days = _last_kept(moment.kept, moment.now.day, days)
    if unbroken:
        drawn_days = [day for day in drawn_days if day >= moment.kept.daily_from] or drawn_days[-1:]
    sums: list[_Groups | None] = [None] * len(drawn_days)
    for basis in ("assets",) if filters.basis == "assets" else moment.now.dates(filters.basis):
        published = counted_days(connection, None if basis == "assets" else basis)
        places = [bisect_right(published, day) - 1 for day in drawn_days]
        in_force = {published[place] for place in places if place >= 0}
        stored = _stored(connection, basis, in_force, filters)
        for index, place in enumerate(places):
            if place >= 0:
                sums[index] = (sums[index] or _Groups()) + stored[published[place]]
    return Series(
        tuple(drawn_days),
        {
            key: tuple(None if groups is None else _sum(groups, kpi) for groups in sums)
            for key, kpi in kpi_filters(filters).items()
        },
    )


def _last_kept(kept: KeptDays, day: date, count: int) -> list[date]:
    """The last `count` kept days up to `day`, oldest first."""
    daily = [day - timedelta(days=back) for back in range(count)]
    days = {one_day for one_day in daily if one_day >= kept.daily_from}
    days.update(end for end in kept.month_ends() if end <= day)
    return sorted(days)[-count:]


def _stored(
    connection: Connection, basis: str, dates: Iterable[date], filters: Filters
) -> dict[date, _Groups]:
    column = daily_counts.c
    groups = (column.snapshot_date, column.device_type, column.billing_status)
    everything = entities.matches(daily_counts, filters.having(statuses=STATUSES))
    rows = connection.execute(
        select(*groups, func.sum(column.n))
        .where(column.basis == basis, column.snapshot_date.in_(sorted(dates)), everything)
        .group_by(*groups)
    )
    stored: dict[date, _Groups] = defaultdict(_Groups)
    for day, device_type, billing_status, n in rows:
        stored[day][device_type, billing_status] = int(n)
    return stored


def _sum(groups: _Groups, filters: Filters) -> int:
    return sum(
        n
        for (device_type, billing_status), n in groups.items()
        if billing_status in filters.statuses
        and (not filters.types or device_type in filters.types)
    )
