"""Counts: a day's by basis, and each month-end's. Always the same select, grouped."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import Connection, Select, delete, func, insert, literal, select

from db.kept import KeptDays, month_before, month_end, month_of
from db.rules import Rules
from db.runs import PUBLISHED, newest_day, published_days
from db.tables import collection_runs, daily_counts, month_end_counts
from db.views import assets_as_of, records_as_of

ASSETS = "assets"


def count_day(connection: Connection, source: str, day: date, rules: Rules) -> None:
    """Count `day` for `source`; and the assets of that day and of later ones, which it joins."""
    _count(connection, source, day, rules)
    for later in published_days(connection):
        if later >= day:
            _count(connection, ASSETS, later, rules)
    count_months(connection, (source, ASSETS), day)
    # A month that this day begins has an end for the other sources too: what stands.
    column = month_end_counts.c
    newest = select(column.basis, func.max(column.month)).group_by(column.basis)
    for basis, month in connection.execute(newest).all():
        if basis not in (source, ASSETS) and month < month_of(day):
            count_months(connection, (basis,), month_end(month))


def count_again(connection: Connection, rules: Rules, kept: KeptDays, since: date | None) -> int:
    """Redo the counts of every kept day, from `since` on when given; how many days it was."""
    counted = 0
    sources = connection.scalars(select(collection_runs.c.source).where(PUBLISHED).distinct())
    bases = (*sorted(sources), ASSETS)
    for basis in bases:
        days = published_days(connection, None if basis == ASSETS else basis)
        for day, following in zip(days, [*days[1:], date.max], strict=True):
            # The day itself may be gone; a kept one before the next snapshot tells the same.
            standing = kept.first_in(day, following)
            if standing is not None and (since is None or following > since):
                _count(connection, basis, day, rules, standing)
                counted += 1
    first = min(kept.month_ends(), default=kept.today)
    count_months(connection, bases, max(first, since or first))
    return counted


def count_months(connection: Connection, bases: Iterable[str], since: date) -> None:
    """Set the month-end counts of `bases`, from the month of `since` to the newest, to those of
    the snapshot that stands at each month's end."""
    newest = newest_day(connection)
    if newest is None:
        return
    bases = tuple(bases)
    month = month_of(since)
    while month <= month_of(newest):
        for basis in bases:
            connection.execute(
                delete(month_end_counts).where(
                    month_end_counts.c.month == month, month_end_counts.c.basis == basis
                )
            )
            standing = (
                select(func.max(daily_counts.c.snapshot_date))
                .where(
                    daily_counts.c.basis == basis, daily_counts.c.snapshot_date <= month_end(month)
                )
                .scalar_subquery()
            )
            columns = ("basis", "site_id", "device_type", "billing_status", "n")
            connection.execute(
                insert(month_end_counts).from_select(
                    ["month", *columns],
                    select(literal(month), *(daily_counts.c[name] for name in columns)).where(
                        daily_counts.c.basis == basis, daily_counts.c.snapshot_date == standing
                    ),
                )
            )
        month = month_before(month, -1)


def _count(
    connection: Connection, basis: str, day: date, rules: Rules, standing: date | None = None
) -> None:
    """Count `basis` on `day`, from the state on `standing` (the same day unless given)."""
    connection.execute(
        delete(daily_counts).where(
            daily_counts.c.snapshot_date == day, daily_counts.c.basis == basis
        )
    )
    view = _view(basis, standing or day, rules).subquery()
    groups = (view.c.site_id, view.c.device_type, view.c.billing_status)
    rows = select(literal(day), literal(basis), *groups, func.count()).group_by(*groups)
    if basis != ASSETS:
        rows = rows.where(view.c.source == basis)
    connection.execute(
        insert(daily_counts).from_select(
            ["snapshot_date", "basis", "site_id", "device_type", "billing_status", "n"], rows
        )
    )


def _view(basis: str, day: date, rules: Rules) -> Select[tuple[object, ...]]:
    if basis == ASSETS:
        return assets_as_of(day, rules.source_order, rules.spare_node_classes)
    return records_as_of(day)
