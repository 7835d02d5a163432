"""Many rows in one parameter, as PostgreSQL reads them from JSON: it takes four times as long to
write and to plan a statement for each, and SQLAlchemy longer still."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Table,
    TableValuedAlias,
    Text,
    TypeDecorator,
    bindparam,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from db.types import ZONELESS, UtcDateTime

_ROWS = "rows"


def rowset(table: Table, names: Iterable[str]) -> TableValuedAlias:
    """What a statement selects from: rows with the columns `names` of `table`."""
    columns = [column(name, table.c[name].type) for name in names]
    kind: ColumnElement[Any] = literal_column(f"NULL::{table.name}")
    told = func.json_populate_recordset(kind, bindparam(_ROWS, type_=Text))
    return told.table_valued(*columns).alias("told")


def insert_rowset(table: Table, names: Iterable[str]) -> Insert:
    """An INSERT of such rows; to what is there already it does what is added to it."""
    names = list(names)
    return insert(table).from_select(names, select(*rowset(table, names).c))


def execute_rowset(
    connection: Connection,
    statement: Executable,
    table: Table,
    names: Iterable[str],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Carry out a statement that selects from `rowset(table, names)`."""
    connection.execute(statement, {_ROWS: _as_json(connection.dialect, table, names, rows)})


def _as_json(
    dialect: Dialect, table: Table, names: Iterable[str], rows: Iterable[Mapping[str, Any]]
) -> str:
    """The values of `names` in `rows`, each converted as an INSERT would do it."""
    typed = [(name, _converter(table.c[name], dialect)) for name in names]
    return json.dumps(
        [
            {name: row[name] if convert is None else convert(row[name]) for name, convert in typed}
            for row in rows
        ],
        ensure_ascii=False,
        allow_nan=False,
        default=_plain,
    )


def _converter(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return _instant
    if isinstance(kind, TypeDecorator):
        return lambda value: kind.process_bind_param(value, dialect)
    return None


def _instant(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError(ZONELESS.format(value))
    return value.isoformat()


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    raise TypeError(f"{type(value).__name__} cannot be told as JSON: convert it before.")
