"""Sites: the table of all of them, and the options of the site filter."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, exists, select

from dashboard.base.change import Change
from dashboard.base.params import SOURCES, STATUSES, Filters
from dashboard.queries.counts import Count, by_source, device_counts
from dashboard.queries.moment import Moment
from dashboard.queries.months.month_end_counts import counts_at_month_ends
from dashboard.queries.months.snapshots import PublishedSnapshots
from dashboard.queries.names import site_names
from dashboard.queries.own_sites import own_sites
from db.history.kept import month_before, month_of
from db.tables import NO_SITE_ID, month_end_counts

TREND_POINTS = 8
"""How many points a site's trend has."""


class Option(NamedTuple):
    """One site to choose."""

    site_id: int
    name: str


@dataclass(frozen=True)
class Site:
    """One site that counts on either day. `by_type` counts what the filters count, `by_status` in
    every status, counted or not; `sources` are those with a counted record there now;
    `trend` is its count at the last month-ends and on the shown day, oldest first, None where not
    known, empty when a search is set."""

    site_id: int
    name: str
    figure: Change
    by_type: dict[str, int]
    by_status: dict[str, int]
    sources: tuple[str, ...]
    trend: tuple[int | None, ...]


def site_options(connection: Connection) -> list[Option]:
    """Every site that its reader sees, by name; "(no site)" first when a device was ever counted
    without one."""
    names = site_names(connection)
    own = own_sites(connection)
    if own is not None:
        names = {site_id: name for site_id, name in names.items() if site_id in own}
    counts = month_end_counts.c
    if own is None and not connection.scalar(select(exists().where(counts.site_id == NO_SITE_ID))):
        del names[NO_SITE_ID]
    ordered = sorted(names.items(), key=lambda item: (item[0] != NO_SITE_ID, item[1].casefold()))
    return [Option(*item) for item in ordered]


def site_rows(connection: Connection, moment: Moment, filters: Filters) -> list[Site]:
    """Every site with a counted device on either day, by name."""
    everything = filters.having(statuses=STATUSES)
    standing = device_counts(connection, moment, moment.now, everything)
    now = None if standing is None else _counted(standing, filters)
    then = device_counts(connection, moment, moment.then, filters)
    current, previous, everywhere = _by_site(now), _by_site(then), _by_site(standing)
    site_ids = sorted({*current, *previous})
    names = site_names(connection, site_ids)
    present = _present(connection, moment, filters)
    trends = _month_end_counts(connection, moment, filters, TREND_POINTS - 1)
    table = [
        Site(
            site,
            names.get(site, str(site)),
            Change(
                None if now is None else _sum(current[site]),
                None if then is None else _sum(previous[site]),
            ),
            _group(current[site], "device_type"),
            _group(everywhere[site], "billing_status"),
            tuple(source for source in SOURCES if site in present[source]),
            tuple(
                None if month is None else month.get(site, 0)
                for month in (*trends, {site: _sum(current[site])})
            )
            if trends
            else (),
        )
        for site in site_ids
    ]
    return sorted(table, key=lambda row: (row.name.casefold(), row.site_id))


def _month_end_counts(
    connection: Connection, moment: Moment, filters: Filters, count: int
) -> list[dict[int, int] | None]:
    """The counts by site at the last `count` month-ends before the shown day's month, oldest
    first, None where not known. Empty when a search is set: it would cost a count a month."""
    if moment.now.day is None or not filters.are_stored:
        return []
    this = month_of(moment.now.day)
    names = [month_before(this, back) for back in range(count, 0, -1)]
    return counts_at_month_ends(
        connection,
        moment,
        PublishedSnapshots(connection),
        filters,
        names,
        month_end_counts.c.site_id,
    )


def _present(connection: Connection, moment: Moment, filters: Filters) -> dict[str, dict[int, int]]:
    """The sites in which each source has a counted record now, primary or not."""
    basis = "records" if filters.basis == "assets" else filters.basis
    counts = by_source(connection, moment, moment.now, filters.having(basis=basis))
    return counts or {source: {} for source in SOURCES}


def _counted(counts: Iterable[Count], filters: Filters) -> list[Count]:
    return [count for count in counts if count.billing_status in filters.statuses]


def _by_site(counts: Iterable[Count] | None) -> dict[int, list[Count]]:
    grouped: dict[int, list[Count]] = defaultdict(list)
    for count in counts or ():
        grouped[count.site_id].append(count)
    return grouped


def _sum(counts: Iterable[Count]) -> int:
    return sum(count.n for count in counts)


def _group(counts: Iterable[Count], field: str) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for count in counts:
        sums[getattr(count, field)] += count.n
    return dict(sums)
