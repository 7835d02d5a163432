"""What was imported of months: counts of sources that had no snapshot yet, without devices. Months
add them to what was collected; days, changes, billing bases and invoice packs have no part in them.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, FromClause, Select, case, func, select

from dashboard.base.params import SOURCES, Filters
from dashboard.queries import entities
from db.tables import month_closing_counts, month_end_counts

Imported = dict[str, Counter[str]]
"""By source how many devices of each billing status; a source of whose imported counts the filters
match none is in it too."""


def imported_counts(
    connection: Connection, filters: Filters, month: str | None = None
) -> dict[str, Imported]:
    """What is imported of each month, or of one, for the basis of `filters`."""
    c = month_end_counts.c
    statement = _counts(month_end_counts, "month", filters).where(c.imported.is_(True))
    if month is not None:
        statement = statement.where(c.month == month)
    return _read(connection, statement)


def imported_in_closings(
    connection: Connection, filters: Filters, closings: Collection[int]
) -> dict[int, Imported]:
    """What closings stored of each source, by closing: imported is what is of a source that had no
    snapshot then."""
    c = month_closing_counts.c
    statement = _counts(month_closing_counts, "closing_id", filters)
    return _read(connection, statement.where(c.closing_id.in_(closings)))


def stored_bases(filters: Filters) -> tuple[str, ...]:
    """The bases of stored counts that the basis of `filters` adds."""
    return SOURCES if filters.basis == "records" else (filters.basis,)


def _counts(table: FromClause, group: str, filters: Filters) -> Select[Any]:
    c = table.c
    matching = case((entities.matches(table, filters), c.n), else_=0)
    columns = (c[group], c.basis, c.billing_status)
    return (
        select(*columns, func.sum(matching))
        .where(c.basis.in_(stored_bases(filters)))
        .group_by(*columns)
        .order_by(c[group], c.basis)
    )


def _read(connection: Connection, statement: Select[Any]) -> dict[Any, Imported]:
    found: dict[Any, Imported] = defaultdict(dict)
    for of, basis, status, n in connection.execute(statement):
        found[of].setdefault(basis, Counter())[status] += int(n)
    return dict(found)
