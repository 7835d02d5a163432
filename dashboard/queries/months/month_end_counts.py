"""What months count at their ends: the only place that reads the stored counts of months.

Stored are the months from a basis's first snapshot up to the newest snapshot of any source, and
before them those that were imported. A later month has no snapshot: at its end there is what is in
force then (docs/rules.md, 6), and what was imported of sources that have no snapshot yet. A month
without a stored row is not known to be zero.
"""

from collections import Counter
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from dashboard.base.params import Filters
from dashboard.queries import entities
from dashboard.queries.counts import device_counts
from dashboard.queries.imported_counts import imported_counts, stored_bases
from dashboard.queries.moment import Moment, snapshot_day
from dashboard.queries.months.snapshots import PublishedSnapshots
from db.history.kept import month_end, month_of
from db.tables import month_end_counts

Counts = dict[Any, int]


def counts_at_month_ends(
    connection: Connection,
    moment: Moment,
    snapshots: PublishedSnapshots,
    filters: Filters,
    names: list[str],
    group: ColumnElement[Any],
) -> list[Counts | None]:
    """The counts of each month by one column of `month_end_counts`; None where nothing is known:
    before the basis's first snapshot, unless imported.

    Args:
        filters: of those that stored counts know (`Filters.are_stored`).
    """
    newest = month_of(moment.newest) if moment.newest else None
    column = month_end_counts.c
    rows = connection.execute(
        select(column.month, group, func.sum(column.n))
        .where(
            column.basis.in_(stored_bases(filters)),
            column.month.in_(names),
            entities.matches(month_end_counts, filters),
        )
        .group_by(column.month, group)
    )
    first_day = snapshots.first_day(filters.basis)
    imported = imported_counts(connection, filters)
    by_month: dict[str, Counts] = {
        month: {}
        for month in names
        if month in imported or (first_day is not None and month >= month_of(first_day))
    }
    for month, name, n in rows:
        by_month[month][name] = int(n)
    for month in names:
        if newest is not None and month > newest:
            standing = _counts_in_force(connection, moment, filters, month, group.name)
            for name, n in (standing or {}).items():
                by_month[month][name] = by_month[month].get(name, 0) + n
    return [by_month.get(month) for month in names]


def _counts_in_force(
    connection: Connection, moment: Moment, filters: Filters, month: str, group: str
) -> Counts | None:
    """The counts at the end of a month after the newest snapshot."""
    day = snapshot_day(connection, month_end(month), moment.kept)
    counts = device_counts(connection, moment, day, filters)
    if counts is None:
        return None
    sums: Counter[Any] = Counter()
    for count in counts:
        sums[getattr(count, group)] += count.n
    return dict(sums)
