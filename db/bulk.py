"""Statements over many rows, each in the form that is fastest on each database: long IN lists, rows
passed as one JSON parameter, inserts, updates, upserts, and values added to stored sums."""

import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Table,
    TableValuedAlias,
    Text,
    TypeDecorator,
    Update,
    any_,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Select

from db.types import ZONELESS, UtcDateTime

MAX_IN_PARAMETERS = 2000
"""How many values an IN list holds where each is a parameter of its own."""


def rows_where_in(
    connection: Connection,
    statement: Select[Any],
    column: ColumnElement[int],
    ids: Iterable[int],
) -> Iterator[Any]:
    """Execute `statement` for the rows whose `column` is one of `ids`, in as many statements as
    it takes. The rows come in no particular order."""
    numbers = sorted(set(ids))
    if not numbers:
        return
    if connection.dialect.name == "postgresql":
        # One array: sending and parsing thousands of parameters takes longer than the query.
        array = bindparam(None, "{" + ",".join(map(str, numbers)) + "}", Text)
        yield from connection.execute(
            statement.where(column == any_(cast(array, ARRAY(BigInteger))))
        )
        return
    for chunk in chunks(numbers, MAX_IN_PARAMETERS):
        yield from connection.execute(statement.where(column.in_(chunk)))


T = TypeVar("T")


def chunks(items: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """The items in lists of `size`; the last one may be shorter."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


_ROWS = "rows"


def rowset(table: Table, names: Iterable[str]) -> TableValuedAlias:
    """A FROM clause of rows that are passed as one JSON parameter, with the columns `names` of
    `table`. For PostgreSQL; `execute_rowset` passes the rows."""
    columns = [column(name, table.c[name].type) for name in names]
    row_type: ColumnElement[Any] = literal_column(f"NULL::{table.name}")
    rows = func.json_populate_recordset(row_type, bindparam(_ROWS, type_=Text))
    return rows.table_valued(*columns).alias("rowset")


def insert_rowset(table: Table, names: Iterable[str]) -> Insert:
    """An INSERT that selects from `rowset(table, names)`; the caller adds ON CONFLICT."""
    names = list(names)
    return postgresql.insert(table).from_select(names, select(*rowset(table, names).c))


def execute_rowset(
    connection: Connection,
    statement: Executable,
    table: Table,
    names: Iterable[str],
    rows: Iterable[Mapping[str, Any]],
) -> None:
    """Execute a statement that selects from `rowset(table, names)`."""
    connection.execute(statement, {_ROWS: _as_json(connection.dialect, table, names, rows)})


def _as_json(
    dialect: Dialect, table: Table, names: Iterable[str], rows: Iterable[Mapping[str, Any]]
) -> str:
    """The values of `names` in `rows` as JSON, each converted as for an INSERT."""
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
    type_ = column.type
    if isinstance(type_, UtcDateTime):
        return _instant
    if isinstance(type_, TypeDecorator):
        return lambda value: type_.process_bind_param(value, dialect)
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
    raise TypeError(f"{type(value).__name__} has no JSON form: convert it first.")


# For fewer rows the round trips of a COPY cost more than they save.
COPY_FROM_ROWS = 200

Row = tuple[Any, ...]
_OF = "of_"


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, replacing rows with the same primary key.

    Args:
        rows: all with the same keys; no two with the same primary key.
    """
    if rows:
        names = list(rows[0])
        upsert_tuples(
            connection, table, names, [tuple(row[name] for name in names) for row in rows]
        )


def upsert_tuples(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> None:
    """`upsert` for large numbers of rows: tuples with the values of the columns `names`."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    # In key order: two writers that lock the same rows in different orders deadlock.
    rows = sorted(rows, key=itemgetter(*(names.index(key) for key in keys)))
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_FROM_ROWS:
        _copy(connection, table, names, rows, keys)
    else:
        _execute(
            connection, table, _statement(connection.dialect.name, table, names, keys), names, rows
        )


def update_many(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Set the columns `names` of existing rows, which are found by the primary keys in `rows`."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    statement = _update(connection.dialect.name, table, tuple(names))
    if connection.dialect.name == "postgresql":
        execute_rowset(connection, statement, table, (*keys, *names), rows)
        return
    values = [
        {_OF + key: row[key] for key in keys} | {name: row[name] for name in names} for row in rows
    ]
    connection.execute(statement, values)


# Cached: building a statement with many columns takes longer than executing it.
@lru_cache
def _update(dialect: str, table: Table, names: tuple[str, ...]) -> Update:
    keys = list(table.primary_key)
    if dialect == "postgresql":
        rows = rowset(table, (*(key.name for key in keys), *names))
        same_key = [key == rows.c[key.name] for key in keys]
        return update(table).where(*same_key).values({name: rows.c[name] for name in names})
    same_key = [key == bindparam(_OF + key.name) for key in keys]
    return update(table).where(*same_key).values({name: bindparam(name) for name in names})


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, all with the same keys; none of them may exist yet."""
    if not rows:
        return
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_FROM_ROWS:
        names = list(rows[0])
        _copy(connection, table, names, [tuple(row[name] for name in names) for row in rows], None)
        return
    connection.execute(insert(table), rows)


def _statement(dialect: str, table: Table, columns: Sequence[str], keys: list[str]) -> Any:
    others = [column for column in columns if column not in keys]
    if dialect in ("mysql", "mariadb"):
        statement = mysql.insert(table)
        # Without other columns the key is set to itself: MySQL has no DO NOTHING.
        return statement.on_duplicate_key_update(
            {column: statement.inserted[column] for column in others or keys[:1]}
        )
    portable = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    if not others:
        return portable.on_conflict_do_nothing(index_elements=keys)
    return portable.on_conflict_do_update(
        index_elements=keys, set_={column: portable.excluded[column] for column in others}
    )


def _execute(
    connection: Connection, table: Table, statement: Any, names: Sequence[str], rows: Sequence[Row]
) -> None:
    dialect = connection.dialect
    if dialect.name != "sqlite":
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])
        return
    # Bypasses SQLAlchemy, which takes longer to prepare many rows than SQLite to write them.
    columns = [
        _converted(table.c[name], values, dialect)
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    ]
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    in_order = [columns[names.index(name)] for name in compiled.positiontup]
    sql = compiled.string
    connection.exec_driver_sql(sql, list(zip(*in_order, strict=True)))


def _converted(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[Any]:
    """`values` as SQLite's driver takes them."""
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    # The driver stores a bool as a number; SQLAlchemy's conversion only validates it.
    if convert is None or isinstance(column.type, Boolean):
        return values
    return [convert(value) for value in values]


def _copy(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    rows: Sequence[Row],
    keys: list[str] | None,
) -> None:
    """Write `rows` with PostgreSQL's COPY, measured at 10 to 18 times the speed of INSERT.

    Args:
        keys: the primary key's columns, to upsert by way of a temporary table; None to insert.
    """
    quoted = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quoted(name) for name in names)
    target, stage = quoted(table.name), quoted(f"stage_{table.name}")
    data = _text(connection.dialect, [table.c[name] for name in names], rows)
    errors = connection.dialect.loaded_dbapi.Error
    copy = f"COPY {target if keys is None else stage} ({columns}) FROM STDIN"
    try:
        with closing(connection.connection.cursor()) as cursor:
            if keys is None:
                cursor.copy_expert(copy, data)
                return
            # Dropped on commit: the table's columns may change before this connection is reused.
            cursor.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {stage} (LIKE {target}) ON COMMIT DROP"
            )
            cursor.execute(f"TRUNCATE {stage}")
            cursor.copy_expert(copy, data)
            conflict = ", ".join(quoted(key) for key in keys)
            others = [quoted(name) for name in names if name not in keys]
            action = "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in others)
            cursor.execute(  # contains only names from db.tables
                f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {stage} "  # noqa: S608
                f"ON CONFLICT ({conflict}) DO {action if others else 'NOTHING'}"
            )
    except errors as error:
        # Callers catch SQLAlchemy's errors, whichever way the rows are written.
        raise DBAPIError.instance(copy, None, error, errors, dialect=connection.dialect) from error


# COPY's text format: cells end with a tab, rows with a line feed, NULL is `\N`; inside a cell these
# characters are escaped with a backslash.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_NONE = type(None)


def _text(dialect: Dialect, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> io.StringIO:
    """`rows` in COPY's text format, each value converted as for an INSERT."""
    cells = [
        _cells(column, values, dialect)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    return io.StringIO("\n".join(map("\t".join, zip(*cells, strict=True))) + "\n")


def _cells(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> list[str]:
    type_ = column.type
    if isinstance(type_, TypeDecorator):
        values = [type_.process_bind_param(value, dialect) for value in values]
    types = set(map(type, values)) - {_NONE}
    if types == {int}:
        return ["\\N" if value is None else str(value) for value in values]
    if types == {str} and not any(
        mark in value for mark, _ in _ESCAPES for value in values if value is not None
    ):
        return ["\\N" if value is None else value for value in values]
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    for mark, escaped in _ESCAPES:
        text = text.replace(mark, escaped)
    return text


def accumulate(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    sums: Collection[str],
    peaks: Collection[str],
) -> None:
    """Insert `rows`; where the key exists, add the columns `sums` and keep the larger of `peaks`.

    Args:
        rows: all with the same keys; no two with the same primary key.
    """
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    # In key order: two writers that lock the same rows in different orders deadlock.
    ordered = sorted(rows, key=lambda row: [row[key] for key in keys])
    names = tuple(ordered[0])
    statement = _accumulate_statement(
        connection.dialect.name, table, names, tuple(sums), tuple(peaks)
    )
    if connection.dialect.name == "postgresql":
        execute_rowset(connection, statement, table, names, ordered)
    else:
        connection.execute(statement, ordered)


@lru_cache
def _accumulate_statement(
    dialect: str,
    table: Table,
    names: tuple[str, ...],
    sums: tuple[str, ...],
    peaks: tuple[str, ...],
) -> Any:
    if dialect in ("mysql", "mariadb"):
        statement = mysql.insert(table)
        return statement.on_duplicate_key_update(
            _accumulated(table, statement.inserted, sums, peaks, func.greatest)
        )
    portable: Any = sqlite.insert(table)
    larger: Any = func.max
    if dialect == "postgresql":
        portable, larger = insert_rowset(table, names), func.greatest
    return portable.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_=_accumulated(table, portable.excluded, sums, peaks, larger),
    )


def _accumulated(
    table: Table, new: Any, sums: tuple[str, ...], peaks: tuple[str, ...], larger: Any
) -> dict[str, Any]:
    values = {name: table.c[name] + new[name] for name in sums}
    return values | {name: larger(table.c[name], new[name]) for name in peaks}
