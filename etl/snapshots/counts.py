"""Counts: a day's by basis, and each month-end's. Always the same select, grouped."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import Connection, Select, delete, func, insert, literal, select

from db.history.kept import KeptDays, month_before, month_end, month_of
from db.history.runs import PUBLISHED, border, counted_days, newest_day
from db.history.views import assets_as_of, records_as_of
from db.rules import RulesByDay, move_first_day, rules_by_day
from db.tables import collection_runs, daily_counts, device_snapshots, month_end_counts
from etl.snapshots.incremental import (
    ASSETS,
    GROUP_COLUMNS,
    Affected,
    count_incrementally,
    stored_counts,
)


def count_day(
    connection: Connection, source: str, day: date, rules: RulesByDay, touched: Affected
) -> None:
    """Count `day` for `source`; and the assets of that day and of later ones, which it joins."""
    for basis in (source, ASSETS):
        if not count_incrementally(connection, basis, day, rules, touched):
            count_basis(connection, basis, day, rules)
    for later in counted_days(connection):
        if later > day:
            count_basis(connection, ASSETS, later, rules)
    since = {source: day, ASSETS: day}
    column = month_end_counts.c
    newest = select(column.basis, func.max(column.month)).group_by(column.basis)
    for basis, month in connection.execute(newest).all():
        # The months up to this day's have an end for every basis: what stands.
        following = month_end(month) + timedelta(days=1)
        if following <= day:
            since[basis] = following
    for basis, first in since.items():
        count_months(connection, (basis,), first)


def recount_after_withdrawal(connection: Connection, source: str, day: date) -> None:
    """Make the counts those of a history without `day` of `source`."""
    counted = counted_days(connection)
    if day not in counted:
        move_first_day(connection, day, min((one for one in counted if one > day), default=None))
    rules = rules_by_day(connection)
    closed = border(connection) or date.min
    for basis in (source, ASSETS):
        days = counted_days(connection, None if basis == ASSETS else basis)
        if day not in days:
            _forget(connection, basis, day)
        # The day before stands longer now. Retention may have purged its counts; where they lie on
        # or before the border and are there, they stay.
        first = max((past for past in days if past < day), default=day)
        for past in days:
            if past >= first and (past > closed or not stored_counts(connection, basis, past)):
                count_basis(connection, basis, past, rules)
    # The counts of closed months stay, even where no day after the month before is left.
    newest = max(newest_day(connection) or closed, closed)
    stored = month_end_counts.c
    connection.execute(
        delete(month_end_counts).where(stored.month > month_of(newest), stored.imported.is_(False))
    )
    count_months(connection, (source, ASSETS), day.replace(day=1))


def recount_days(
    connection: Connection, rules: RulesByDay, kept: KeptDays, since: date | None
) -> int:
    """Redo the counts of every kept day after the border, from `since` on when given; how many
    days it was."""
    counted = 0
    closed = border(connection) or date.min
    sources = connection.scalars(select(collection_runs.c.source).where(PUBLISHED).distinct())
    bases = (*sorted(sources), ASSETS)
    for basis in bases:
        days = counted_days(connection, None if basis == ASSETS else basis)
        for day, following in zip(days, [*days[1:], date.max], strict=True):
            # The day itself may be gone; a kept one before the next snapshot tells the same.
            standing = kept.first_kept_in(day, following) if day > closed else None
            if standing is not None and (since is None or following > since):
                count_basis(connection, basis, day, rules, standing)
                counted += 1
    first = min(kept.month_ends(), default=kept.today)
    count_months(connection, bases, max(first, since or first))
    return counted


def count_months(connection: Connection, bases: Iterable[str], since: date) -> None:
    """Set the month-end counts of `bases`, from the month of `since` to the newest, to those of
    the snapshot that stands at each month's end. Closed months stay, and so do imported ones, as
    long as there is no snapshot to count instead."""
    newest, closed = newest_day(connection), border(connection)
    if newest is None:
        return
    if closed is not None:
        since = max(since, closed + timedelta(days=1))
    for basis in bases:
        days = counted_days(connection, None if basis == ASSETS else basis)
        month = month_of(since)
        while month <= month_of(newest):
            place = bisect_right(days, month_end(month))
            _count_month(connection, basis, month, days[place - 1] if place else None)
            month = month_before(month, -1)


def _count_month(connection: Connection, basis: str, month: str, standing: date | None) -> None:
    stored = month_end_counts.c
    old = delete(month_end_counts).where(stored.month == month, stored.basis == basis)
    if standing is None:
        connection.execute(old.where(stored.imported.is_(False)))
        return
    connection.execute(old)
    columns = ("basis", *GROUP_COLUMNS, "n")
    counts = select(literal(month), *(daily_counts.c[name] for name in columns)).where(
        daily_counts.c.basis == basis, daily_counts.c.snapshot_date == standing
    )
    connection.execute(insert(month_end_counts).from_select(["month", *columns], counts))


def count_basis(
    connection: Connection, basis: str, day: date, rules: RulesByDay, state_on: date | None = None
) -> None:
    """Count `basis` on `day`, from the state on `standing` (the same day unless given)."""
    _forget(connection, basis, day)
    view = _view(basis, state_on or day, rules).subquery()
    groups = [view.c[name] for name in GROUP_COLUMNS]
    rows = select(literal(day), literal(basis), *groups, func.count()).group_by(*groups)
    connection.execute(
        insert(daily_counts).from_select(["snapshot_date", "basis", *GROUP_COLUMNS, "n"], rows)
    )


def _forget(connection: Connection, basis: str, day: date) -> None:
    column = daily_counts.c
    connection.execute(
        delete(daily_counts).where(column.snapshot_date == day, column.basis == basis)
    )


def _view(basis: str, day: date, rules: RulesByDay) -> Select[tuple[object, ...]]:
    if basis == ASSETS:
        return assets_as_of(day, rules, columns=GROUP_COLUMNS)
    return records_as_of(day, columns=GROUP_COLUMNS).where(device_snapshots.c.source == basis)
