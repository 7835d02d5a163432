"""The explanation of a figure: what was counted, from which snapshots, what was left out.

Every count in here comes from `counts.device_counts` or `changes.bars`, like the figure itself.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from dashboard.base.change import Change
from dashboard.base.params import FILTERS, SOURCES, STATUSES, TYPES, Filters
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes.bars import Bars
from dashboard.queries.collection_days import Gap, gaps
from dashboard.queries.counts import Count, by_source, device_counts
from dashboard.queries.explain.contributions import (
    CountPart,
    Parts,
    SiteChange,
    count_parts,
    site_changes,
)
from dashboard.queries.explain.points import TRENDS, Point, points
from dashboard.queries.moment import Moment, SnapshotDay
from dashboard.queries.names import site_names
from dashboard.queries.own_sites import own_sites
from db.rules import Rules
from db.tables import collection_runs

BARS = ("added", "removed", "moved_in", "moved_out", "reclassified_in", "reclassified_out")
COUNT_FIGURES = ("count", *TRENDS)
FIGURES = (*COUNT_FIGURES, "change", "bars", *BARS)
"""What can be asked about: how many there are, also with the points of their trend; how many more
than then, all bars, or one."""


@dataclass(frozen=True)
class Snapshot:
    """What a source contributes: the real date, when the run finished, and the rows of it that
    could not be read."""

    source: str
    date: date
    finished_at: datetime | None
    run_id: int
    quarantined: int


RECORDS = "records"
"""What is left out because it is another record of a machine that counts once."""

MOST_OTHERS = 2
"""So many values that a filter leaves out are counted each by itself, more of them together."""


@dataclass(frozen=True)
class LeftOut:
    """Devices that one filter alone keeps out. `name` is its name, or `RECORDS`; `values` are those
    that they have, where each has one; `filters` list them, where an address can."""

    name: str
    n: int
    filters: Filters | None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """`figure` is one of `FIGURES`. The shares add up to `count.current`, each with the filters
    that list it; those without a device are left out. `bars` only for the figures about bars.
    `changed` are the sites that make up the change, or the bar; `parts` those of a count."""

    figure: str
    filters: Filters
    count: Change
    bars: Bars | None
    statuses: dict[str, int]
    types: dict[str, int]
    sources: dict[str, int]
    now: tuple[Snapshot, ...]
    then: tuple[Snapshot, ...]
    left_out: tuple[LeftOut, ...]
    gaps: tuple[Gap, ...]
    site_names: tuple[str, ...]
    rules: Rules
    days: tuple[date, date]
    points: tuple[Point, ...] = ()
    changed: Parts[SiteChange] = Parts()
    parts: Parts[CountPart] = Parts()

    @property
    def value(self) -> int | None:
        """The figure itself."""
        if self.figure in BARS:
            count: int | None = getattr(self.bars, self.figure)
            return count
        return self.count.current if self.figure in COUNT_FIGURES else self.count.change


def explain(connection: Connection, moment: Moment, filters: Filters, figure: str) -> Explanation:
    """The explanation of `figure` for `filters` at this moment."""
    then = device_counts(connection, moment, moment.then, filters)
    rows = device_counts(connection, moment, moment.now, filters)
    sources = by_source(connection, moment, moment.now, filters) or {}
    names = site_names(connection, filters.sites)
    total = None if rows is None else sum(row.n for row in rows)
    return Explanation(
        figure,
        filters,
        Change(total, None if then is None else sum(row.n for row in then)),
        changes.bars(connection, moment, filters) if figure in ("bars", *BARS) else None,
        _shares(STATUSES, rows, lambda row: row.billing_status),
        _shares(TYPES, rows, lambda row: row.device_type),
        {source: sum(sites.values()) for source, sites in sources.items() if sites},
        _snapshots(connection, moment.now, filters.basis),
        _snapshots(connection, moment.then, filters.basis),
        tuple(_left_out(connection, moment, filters, total or 0)),
        tuple(_gaps(connection, moment, filters)),
        tuple(names.get(site, str(site)) for site in filters.sites),
        moment.rules_of_day,
        (moment.then.day or moment.then.requested, moment.now.day or moment.now.requested),
        points(connection, moment, filters, figure) if figure in TRENDS else (),
        site_changes(connection, moment, filters, figure if figure in BARS else None),
        count_parts(connection, filters, rows) if figure in COUNT_FIGURES else Parts(),
    )


def _shares(
    order: tuple[str, ...], rows: list[Count] | None, of: Callable[[Count], str]
) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for row in rows or ():
        sums[of(row)] += row.n
    return {name: sums[name] for name in order if sums[name]}


def _snapshots(connection: Connection, side: SnapshotDay, basis: str) -> tuple[Snapshot, ...]:
    snapshots = [side.snapshots[source] for source in SOURCES if source in side.dates(basis)]
    runs = collection_runs.c
    quarantined: dict[int, int | None] = {
        row.run_id: row.quarantined
        for row in connection.execute(
            select(runs.run_id, runs.quarantined).where(
                runs.run_id.in_([snapshot.run_id for snapshot in snapshots if snapshot])
            )
        )
    }
    return tuple(
        Snapshot(
            snapshot.source,
            snapshot.date,
            snapshot.finished_at,
            snapshot.run_id,
            quarantined.get(snapshot.run_id) or 0,
        )
        for snapshot in snapshots
        if snapshot
    )


def _left_out(
    connection: Connection, moment: Moment, filters: Filters, total: int
) -> Iterator[LeftOut]:
    """What each filter alone excludes, and the machines' other records."""

    def how_many(filters_of_kind: Filters) -> int:
        return sum(
            row.n for row in device_counts(connection, moment, moment.now, filters_of_kind) or ()
        )

    for each in FILTERS:
        chosen = getattr(filters, each.field)
        if not each.narrows or not chosen:
            continue
        if each.field == "sites" and own_sites(connection) is not None:
            continue  # How many others there are is not for its reader.
        if not each.exclusive or each.choices is None:
            wider = filters.having(**{each.field: each.widest})
            yield LeftOut(each.name, how_many(wider) - total, None)
            continue
        others = tuple(choice for choice in each.choices if choice not in chosen)
        each_alone = [(value,) for value in others] if len(others) <= MOST_OTHERS else [others]
        for values in each_alone:
            listed = filters.having(**{each.field: values})
            yield LeftOut(each.name, how_many(listed), listed, values)
    if filters.basis == "assets" and not filters.managed_by:
        records = filters.having(basis="records")
        yield LeftOut(RECORDS, how_many(records), records)


def _gaps(connection: Connection, moment: Moment, filters: Filters) -> Iterator[Gap]:
    """The days without a snapshot after the older snapshot of the two days."""
    if moment.now.day is None:
        return
    first: dict[str, date] = {}
    for side in (moment.now, moment.then):
        for source, day in side.dates(filters.basis).items():
            first[source] = min(day, first.get(source, day))
    if not first:
        return
    for gap in gaps(connection, moment, first, min(first.values()), moment.now.day):
        if gap.day > first[gap.source]:
            yield gap
