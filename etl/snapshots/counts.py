"""Stored counts: of every counted day by basis, and of every month's end.

A day is counted by grouping `records_as_of` or `assets_as_of`. A month-end has the counts of the
newest counted day up to it.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import Connection, Select, delete, func, insert, literal, select

from db.history.kept import KeptDays, month_before, month_end, month_of
from db.history.runs import PUBLISHED, border, counted_days, newest_day
from db.history.views import ASSETS, assets_as_of, records_as_of
from db.rules import RulesByDay, move_first_day, rules_by_day
from db.tables import collection_runs, daily_counts, device_snapshots, month_end_counts
from etl.snapshots.incremental import (
    GROUP_COLUMNS,
    Affected,
    count_incrementally,
    stored_counts,
)


def count_day(
    connection: Connection, source: str, day: date, rules: RulesByDay, affected: Affected
) -> None:
    """Count `source` and the machines of all sources on `day`, which was just published, and the
    machines on later days, on which the new snapshot is in force too."""
    for basis in (source, ASSETS):
        if not count_incrementally(connection, basis, day, rules, affected):
            count_basis(connection, basis, day, rules)
    for later in counted_days(connection):
        if later > day:
            count_basis(connection, ASSETS, later, rules)
    since = {source: day, ASSETS: day}
    c = month_end_counts.c
    newest = select(c.basis, func.max(c.month)).group_by(c.basis)
    for basis, month in connection.execute(newest).all():
        # Every basis must have counts of every month up to this day, so also of months in between.
        following = month_end(month) + timedelta(days=1)
        if following <= day:
            since[basis] = following
    for basis, first in since.items():
        count_months(connection, (basis,), first)


def recount_after_withdrawal(connection: Connection, source: str, day: date) -> None:
    """Correct the counts after the snapshot of `source` on `day` was withdrawn."""
    counted = counted_days(connection)
    if day not in counted:
        move_first_day(
            connection, day, min((later for later in counted if later > day), default=None)
        )
    rules = rules_by_day(connection)
    closed_until = border(connection) or date.min
    for basis in (source, ASSETS):
        days = counted_days(connection, None if basis == ASSETS else basis)
        if day not in days:
            _delete_counts(connection, basis, day)
        # The snapshot before it is in force for longer now. Retention may have purged its counts,
        # which are needed again; those on or before the border that exist must not change.
        first = max((past for past in days if past < day), default=day)
        for past in days:
            if past >= first and (
                past > closed_until or not stored_counts(connection, basis, past)
            ):
                count_basis(connection, basis, past, rules)
    # The counts of closed months stay, even if none of their days is left.
    newest = max(newest_day(connection) or closed_until, closed_until)
    c = month_end_counts.c
    connection.execute(
        delete(month_end_counts).where(c.month > month_of(newest), c.imported.is_(False))
    )
    count_months(connection, (source, ASSETS), day.replace(day=1))


def recount_days(
    connection: Connection, rules: RulesByDay, kept: KeptDays, since: date | None
) -> int:
    """Count every kept day after the border again, or those from `since` on. Returns the number of
    days, added over all bases."""
    counted = 0
    closed_until = border(connection) or date.min
    sources = connection.scalars(select(collection_runs.c.source).where(PUBLISHED).distinct())
    bases = (*sorted(sources), ASSETS)
    for basis in bases:
        days = counted_days(connection, None if basis == ASSETS else basis)
        for day, following in zip(days, [*days[1:], date.max], strict=True):
            # The day itself may be purged: a kept day before the next snapshot has the same state.
            state_on = kept.first_kept_in(day, following) if day > closed_until else None
            if state_on is not None and (since is None or following > since):
                count_basis(connection, basis, day, rules, state_on)
                counted += 1
    first = min(kept.month_ends(), default=kept.today)
    count_months(connection, bases, max(first, since or first))
    return counted


def count_months(connection: Connection, bases: Iterable[str], since: date) -> None:
    """Set the month-end counts of `bases`, from the month of `since` to the newest month, to the
    counts of the snapshot in force at each month's end. Closed months keep theirs, and so do
    imported counts until there is a snapshot to count."""
    newest, closed_until = newest_day(connection), border(connection)
    if newest is None:
        return
    if closed_until is not None:
        since = max(since, closed_until + timedelta(days=1))
    for basis in bases:
        days = counted_days(connection, None if basis == ASSETS else basis)
        month = month_of(since)
        while month <= month_of(newest):
            place = bisect_right(days, month_end(month))
            _count_month(connection, basis, month, days[place - 1] if place else None)
            month = month_before(month, -1)


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
