"""The as-of predicate: which stretches hold on a day. Written here, once."""

from datetime import date

from sqlalchemy import ColumnElement, FromClause, and_

from db.tables import device_snapshots


def as_of(
    day: date | ColumnElement[date], table: FromClause = device_snapshots
) -> ColumnElement[bool]:
    """True for the stretches of `table` (valid_from, valid_to) that hold on `day`."""
    return and_(table.c.valid_from <= day, table.c.valid_to > day)
