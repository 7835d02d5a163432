"""The numbers that a month can be billed by (docs/rules.md, 15): billable devices at its end, on
an average day and on the highest day, by basis and site."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select, true

from db.history.views import ASSETS, BILLABLE
from db.months.month_days import KnownDays
from db.tables import ALL_SITES, daily_counts

RECORDS = "records"
"""The basis that sums the records of all sources."""

Daily = dict[date, Counter[int]]
"""By day the counted devices of each site and of ALL_SITES."""


def billing_bases(
    connection: Connection,
    known: KnownDays,
    counts: Iterable[Mapping[str, Any]],
    statuses: Collection[str] = (BILLABLE,),
    types: Collection[str] = (),
) -> list[dict[str, Any]]:
    """The rows of `month_bases` for the month of `known`, without the closing's id.

    Args:
        counts: the rows of `month_closing_counts`.
        statuses: the billing statuses that are counted.
        types: the device types that are counted; empty means all.
    """
    daily = {basis: _daily(connection, basis, known, statuses, types) for basis in known.published}
    daily[RECORDS] = _sum(daily[basis] for basis in daily if basis != ASSETS)
    ends: Counter[tuple[str, int]] = Counter()
    for row in counts:
        if row["billing_status"] in statuses and (not types or row["device_type"] in types):
            for basis in {row["basis"], RECORDS} if row["basis"] != ASSETS else {ASSETS}:
                for site in (row["site_id"], ALL_SITES):
                    ends[basis, site] += row["n"]
    return [row for basis, days in daily.items() for row in _rows(basis, days, ends)]


def _rows(basis: str, days: Daily, ends: Mapping[tuple[str, int], int]) -> Iterable[dict[str, Any]]:
    for site in sorted({ALL_SITES, *(site for counts in days.values() for site in counts)}):
        peak_day = max(sorted(days), key=lambda day: days[day][site])
        yield {
            "basis": basis,
            "site_id": site,
            "month_end": ends[basis, site],
            "device_days": sum(counts[site] for counts in days.values()),
            "days": len(days),
            "peak": days[peak_day][site],
            "peak_day": peak_day,
        }


def _daily(
    connection: Connection,
    basis: str,
    known: KnownDays,
    statuses: Collection[str],
    types: Collection[str],
) -> Daily:
    published_on = known.published_on(basis)
    column = daily_counts.c
    rows = connection.execute(
        select(column.snapshot_date, column.site_id, func.sum(column.n))
        .where(
            column.basis == basis,
            column.billing_status.in_(statuses),
            column.device_type.in_(types) if types else true(),
            column.snapshot_date.in_(sorted(set(published_on.values()))),
        )
        .group_by(column.snapshot_date, column.site_id)
    )
    stored: Daily = {published: Counter() for published in published_on.values()}
    for published, site, n in rows:
        stored[published].update({site: int(n), ALL_SITES: int(n)})
    return {day: stored[published] for day, published in published_on.items()}


def _sum(parts: Iterable[Daily]) -> Daily:
    sums: Daily = {}
    for part in parts:
        for day, counts in part.items():
            sums[day] = sums.get(day, Counter()) + counts
    return sums
