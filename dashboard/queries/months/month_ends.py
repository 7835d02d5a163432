"""Month by month: how many devices at the end of each, by type."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from dashboard.base.params import Filters
from dashboard.queries.counts import device_counts
from dashboard.queries.imported_counts import Imported, imported_counts
from dashboard.queries.moment import Moment, snapshot_day
from dashboard.queries.months.month_end_counts import counts_at_month_ends
from dashboard.queries.months.snapshots import PublishedSnapshots
from db.history.kept import month_before, month_end, month_of
from db.tables import month_end_counts, months


@dataclass(frozen=True)
class MonthEnd:
    """One month ('2026-11') up to the shown day.

    `by_type` and `total` are None before the basis's first snapshot, and where a search asks for
    a month whose devices are no longer kept. `dates` holds the real date of each source that the
    count stands on. `open` says that the month is not closed, `running` that the
    shown day is before its end, or is its end while it is open. `gaps` names the sources that have
    no snapshot in this month and stand with an
    earlier one; `imported` the sources whose count is from a file, with what it adds.
    """

    month: str
    total: int | None
    by_type: dict[str, int] | None
    dates: dict[str, date]
    open: bool
    running: bool
    gaps: tuple[str, ...]
    imported: Imported = field(default_factory=dict)


def last_months(
    connection: Connection, moment: Moment, filters: Filters, count: int = 14
) -> list[MonthEnd]:
    """The last `count` months up to that of the shown day, oldest first. The last one stands on
    the shown day, the others on their ends."""
    day = moment.now.day
    if day is None:
        return []
    names = [month_before(month_of(day), back) for back in range(count - 1, -1, -1)]
    closed = set(connection.scalars(select(months.c.month).where(months.c.closed.is_(True))))
    snapshots = PublishedSnapshots(connection)
    imported = imported_counts(connection, filters) if filters.are_stored else {}
    counts = _past(connection, moment, snapshots, filters, names[:-1])
    counts.append(_sums(connection, moment, filters))
    rows = []
    for month, by_type in zip(names, counts, strict=True):
        in_force = snapshots.in_force_on(min(month_end(month), day), filters.basis)
        rows.append(
            MonthEnd(
                month,
                None if by_type is None else sum(by_type.values()),
                by_type,
                {source: snapshot.date for source, snapshot in in_force.items()},
                open=month not in closed,
                running=day < month_end(month) or (month == names[-1] and month not in closed),
                gaps=tuple(
                    source
                    for source, snapshot in in_force.items()
                    if month_of(snapshot.date) != month and not snapshot.ended
                ),
                imported=imported.get(month, {}),
            )
        )
    return rows


def list_filters(month: MonthEnd, filters: Filters, moment: Moment) -> Filters | None:
    """The filters that list the devices of one of `last_months`; None where there is no list:
    imported (also in part), not kept, or nothing known."""
    end = month_end(month.month)
    if moment.now.day is not None and moment.now.day <= end:
        return filters
    kept = moment.kept is not None and moment.kept.kept_on_or_before(end) == end
    if month.total is None or month.imported or not kept:
        return None
    # What is compared with is later than the past that is opened: it would be refused.
    return filters.having(as_of=end, compare_to=None)


def _past(
    connection: Connection,
    moment: Moment,
    snapshots: PublishedSnapshots,
    filters: Filters,
    names: list[str],
) -> list[dict[str, int] | None]:
    if filters.are_stored:
        group = month_end_counts.c.device_type
        return counts_at_month_ends(connection, moment, snapshots, filters, names, group)
    counts_by_month: list[dict[str, int] | None] = []
    for month in names:
        end_day = snapshot_day(connection, month_end(month), moment.kept)
        # A month whose devices are purged cannot be searched; an earlier one is not its answer.
        kept = end_day.day == month_end(month)
        counts = device_counts(connection, moment, end_day, filters) if kept else None
        counts_by_month.append(None if counts is None else _by_type(counts))
    return counts_by_month


def _sums(connection: Connection, moment: Moment, filters: Filters) -> dict[str, int] | None:
    counts = device_counts(connection, moment, moment.now, filters)
    return None if counts is None else _by_type(counts)


def _by_type(counts: list[Any]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for count in counts:
        sums[count.device_type] += count.n
    return dict(sums)
