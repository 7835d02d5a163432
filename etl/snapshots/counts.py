"""Stored counts: of every counted day by basis, and of every month's end.

A day is counted by grouping `records_as_of` or `assets_as_of`; its counts are in force until the
next counted day of its basis. A month-end has the counts of the newest counted day up to it.

Whatever changes snapshots (a publish, a withdrawal, a decision) says from which day on, and
`recount` then makes all again that depends on it: every counted day of the basis that is in force
on that day or later, not only the day itself, and the month-ends. Publishing and deciding spare it
most of the work by `etl.snapshots.incremental`.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    true,
)

from db.history.kept import month_before, month_end, month_of
from db.history.runs import (
    border,
    counted_days,
    newest_by_source,
    newest_day,
    published_days,
    unpurged_days,
)
from db.history.views import ASSETS, assets_as_of, records_as_of
from db.rules import RulesByDay, move_first_day, rules_by_day
from db.tables import daily_counts, device_snapshots, imported_counts, month_end_counts, months
from etl.snapshots.incremental import (
    GROUP_COLUMNS,
    Affected,
    count_incrementally,
    stored_counts,
)


def counted_bases(connection: Connection) -> list[str]:
    """The bases with counts: every source with a published day, and the machines of all."""
    return [*sorted(newest_by_source(connection)), ASSETS]


def days_of_basis(connection: Connection, basis: str) -> list[date]:
    """The counted days of a basis, oldest first."""
    return counted_days(connection, None if basis == ASSETS else basis)


def count_published_day(
    connection: Connection, source: str, day: date, rules: RulesByDay, affected: Affected
) -> None:
    """Count what the publish of `source` on `day` changed: the source and the machines of all, on
    that day and on the later ones on which its snapshot is in force."""
    since = dict.fromkeys((source, ASSETS), day)
    up_to_date = [
        (basis, day)
        for basis in since
        if count_incrementally(connection, basis, day, rules, affected)
    ]
    recount(connection, since, rules, up_to_date)
    before = max((past for past in published_days(connection) if past < day), default=day)
    begun = month_end(month_of(before)) + timedelta(days=1)
    if begun <= day:
        # A month begins, perhaps after months without any snapshot: every basis needs their counts.
        count_months(connection, dict.fromkeys(counted_bases(connection), begun))


def recount_after_withdrawal(connection: Connection, source: str, day: date) -> None:
    """Correct the counts after the snapshot of `source` on `day` was withdrawn."""
    counted = counted_days(connection)
    if day not in counted:
        move_first_day(
            connection, day, min((later for later in counted if later > day), default=None)
        )
    recount(connection, dict.fromkeys((source, ASSETS), day), rules_by_day(connection))
    # The newest month may have gone, for every basis.
    count_months(connection, dict.fromkeys(counted_bases(connection), day))


def recount(
    connection: Connection,
    since: Mapping[str, date],
    rules: RulesByDay,
    up_to_date: Collection[tuple[str, date]] = (),
) -> int:
    """Count again what is stored of each basis: the days in force on the day that `since` gives it
    or later, and the month-ends. Returns the number of counted days, added over all bases.

    Args:
        up_to_date: pairs of basis and day that are counted already.
    """
    counted = 0
    for basis, first in since.items():
        _delete_other_days(connection, basis, first)
        for day, state_on in days_to_count(connection, basis, first):
            if (basis, day) not in up_to_date:
                count_basis(connection, basis, day, rules, state_on)
                counted += 1
    count_months(connection, since)
    return counted


def days_to_count(connection: Connection, basis: str, first: date) -> Iterator[tuple[date, date]]:
    """The counted days of a basis that are in force on `first` or later, each with a day of the
    same state that is not purged.

    Left out are days without such a day, and those on or before the border, which do not change;
    unless their counts are missing, because they were needed on no kept day until a withdrawal.
    """
    available, closed_until = unpurged_days(connection), border(connection) or date.min
    days = days_of_basis(connection, basis)
    for day, following in zip(days, [*days[1:], date.max], strict=False):
        if available is None or following <= first:
            continue
        state_on = available.first_kept_in(day, following)
        if state_on is not None and (
            day > closed_until or not stored_counts(connection, basis, day)
        ):
            yield day, state_on


def _delete_other_days(connection: Connection, basis: str, first: date) -> None:
    """Delete the counts of days from `first` on that are no counted days of the basis any more."""
    c = daily_counts.c
    stored = select(c.snapshot_date).where(c.basis == basis, c.snapshot_date >= first).distinct()
    days = set(days_of_basis(connection, basis))
    for day in connection.scalars(stored).all():
        if day not in days:
            _delete_counts(connection, basis, day)


def count_months(connection: Connection, since: Mapping[str, date]) -> None:
    """Set the month-end counts of each basis, from the month of the day that `since` gives it to
    the newest month, to the counts of the snapshot in force at each month's end.

    Closed months keep theirs, and so do months whose end is purged. Imported counts count only for
    months before that of the basis's first snapshot.
    """
    available, closed_until = unpurged_days(connection), border(connection) or date.min
    oldest = min(published_days(connection), default=closed_until)
    for basis, first in since.items():
        days = days_of_basis(connection, basis)
        _delete_other_months(connection, basis, days, closed_until)
        place_imported_counts(connection, basis)
        month = month_of(max(first, oldest, closed_until + timedelta(days=1)))
        while available is not None and month <= month_of(available.today):
            if available.is_kept(min(month_end(month), available.today)):
                place = bisect_right(days, month_end(month))
                _count_month(connection, basis, month, days[place - 1] if place else None)
            month = month_before(month, -1)


def _delete_other_months(
    connection: Connection, basis: str, days: Sequence[date], closed_until: date
) -> None:
    """Delete the counts of open months before the basis's first snapshot, but for imported ones,
    and of months after the newest snapshot of all."""
    c = month_end_counts.c
    newest = newest_day(connection)
    unfounded: ColumnElement[bool] = c.imported.is_(False)
    if days and newest is not None:
        begun = c.month >= month_of(days[0])
        too_late = c.month > month_of(newest)
        unfounded = or_(too_late, and_(unfounded, not_(begun)), and_(not_(unfounded), begun))
    is_open = c.month > month_of(closed_until)
    connection.execute(delete(month_end_counts).where(c.basis == basis, is_open, unfounded))


def place_imported_counts(connection: Connection, basis: str) -> None:
    """Count what was imported of a basis for months before that of its first snapshot, where it is
    not counted yet. A closed month stays as it is; months before the first closed one may be
    imported afterwards."""
    days = days_of_basis(connection, basis)
    c, placed = imported_counts.c, month_end_counts.alias("placed")
    is_closed = exists().where(months.c.month == c.month, months.c.closed.is_(True))
    counts = [c.basis == basis, ~is_closed]
    if days:
        counts.append(c.month < month_of(days[0]))
    is_placed = exists().where(
        placed.c.month == c.month, placed.c.basis == basis, placed.c.imported.is_(True)
    )
    columns = ("month", "basis", *GROUP_COLUMNS, "n")
    rows = select(*(c[name] for name in columns), true()).where(*counts, ~is_placed)
    connection.execute(insert(month_end_counts).from_select([*columns, "imported"], rows))


def _count_month(connection: Connection, basis: str, month: str, counted_day: date | None) -> None:
    c = month_end_counts.c
    delete_old = delete(month_end_counts).where(c.month == month, c.basis == basis)
    if counted_day is None:
        connection.execute(delete_old.where(c.imported.is_(False)))
        return
    connection.execute(delete_old)
    columns = ("basis", *GROUP_COLUMNS, "n")
    counts = select(literal(month), *(daily_counts.c[name] for name in columns)).where(
        daily_counts.c.basis == basis, daily_counts.c.snapshot_date == counted_day
    )
    connection.execute(insert(month_end_counts).from_select(["month", *columns], counts))


def count_basis(
    connection: Connection, basis: str, day: date, rules: RulesByDay, state_on: date | None = None
) -> None:
    """Count `basis` on `day`, from the state on `state_on` (default: the same day)."""
    _delete_counts(connection, basis, day)
    view = _view(basis, state_on or day, rules).subquery()
    groups = [view.c[name] for name in GROUP_COLUMNS]
    rows = select(literal(day), literal(basis), *groups, func.count()).group_by(*groups)
    connection.execute(
        insert(daily_counts).from_select(["snapshot_date", "basis", *GROUP_COLUMNS, "n"], rows)
    )


def _delete_counts(connection: Connection, basis: str, day: date) -> None:
    c = daily_counts.c
    connection.execute(delete(daily_counts).where(c.snapshot_date == day, c.basis == basis))


def _view(basis: str, day: date, rules: RulesByDay) -> Select[tuple[object, ...]]:
    if basis == ASSETS:
        return assets_as_of(day, rules, columns=GROUP_COLUMNS)
    return records_as_of(day, columns=GROUP_COLUMNS).where(device_snapshots.c.source == basis)
