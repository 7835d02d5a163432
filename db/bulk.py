"""Many rows at once: long IN lists, rows passed as one JSON parameter, upserts, and sums added to
stored rows, each in the form that is quickest on each database."""

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
"""How many numbers one statement asks for where each is a parameter."""


def rows_where_in(
    connection: Connection,
    statement: Select[Any],
    column: ColumnElement[int],
    wanted: Iterable[int],
) -> Iterator[Any]:
    """The rows of `statement` whose `column` is among the wanted numbers."""
    numbers = sorted(set(wanted))
    if not numbers:
        return
    if connection.dialect.name == "postgresql":
        # One parameter: thousands of them take longer to write and to read than to look for.
        listed = bindparam(None, "{" + ",".join(map(str, numbers)) + "}", Text)
        yield from connection.execute(
            statement.where(column == any_(cast(listed, ARRAY(BigInteger))))
        )
        return
    for chunk in chunks(numbers, MAX_IN_PARAMETERS):
        yield from connection.execute(statement.where(column.in_(chunk)))


T = TypeVar("T")


def chunks(items: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


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
    return postgresql.insert(table).from_select(names, select(*rowset(table, names).c))


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


# Below this a COPY's round trips cost more than they save.
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
    """`upsert` of a whole fleet: `rows` hold the values of the columns `names`."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    # Two writers that take the same rows in another order would wait for each other.
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
    """Set the columns `names` of rows that are there, found by their primary keys in `rows`."""
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


# Made once: to put a statement of many columns together takes longer than to carry it out.
@lru_cache
def _update(dialect: str, table: Table, names: tuple[str, ...]) -> Update:
    keys = list(table.primary_key)
    if dialect == "postgresql":
        told = rowset(table, (*(key.name for key in keys), *names))
        mine = [key == told.c[key.name] for key in keys]
        return update(table).where(*mine).values({name: told.c[name] for name in names})
    mine = [key == bindparam(_OF + key.name) for key in keys]
    return update(table).where(*mine).values({name: bindparam(name) for name in names})


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, of which none is there yet; all with the same keys."""
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
        # With nothing to replace, the key replaces itself: MySQL has no DO NOTHING.
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
    # SQLAlchemy takes longer to prepare many rows than SQLite to write them.
    columns = [
        _converted(table.c[name], values, dialect)
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    ]
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    in_order = [columns[names.index(name)] for name in compiled.positiontup]
    sql = compiled.string
    connection.exec_driver_sql(sql, list(zip(*in_order, strict=True)))


def _converted(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> Sequence[Any]:
    """`values` as the driver of SQLite takes them."""
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    # A bool is a number to the driver; SQLAlchemy's conversion only checks that it is one.
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
    """PostgreSQL's COPY: measured 10 to 18 times as fast as its INSERT of many rows."""
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
            # Dropped at the end: the table may look otherwise when this connection comes back.
            cursor.execute(
                f"CREATE TEMP TABLE IF NOT EXISTS {stage} (LIKE {target}) ON COMMIT DROP"
            )
            cursor.execute(f"TRUNCATE {stage}")
            cursor.copy_expert(copy, data)
            conflict = ", ".join(quoted(key) for key in keys)
            others = [quoted(name) for name in names if name not in keys]
            action = "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in others)
            cursor.execute(  # made of names from db.tables alone
                f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {stage} "  # noqa: S608
                f"ON CONFLICT ({conflict}) DO {action if others else 'NOTHING'}"
            )
    except errors as error:
        # Whoever calls catches SQLAlchemy's errors, whichever way the rows went.
        raise DBAPIError.instance(copy, None, error, errors, dialect=connection.dialect) from error


# COPY's text format: a tab between cells, a line feed after rows, `\N` for NULL, and a backslash
# before each of them that is meant as it stands.
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_NONE = type(None)


def _text(dialect: Dialect, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> io.StringIO:
    """`rows` as COPY reads them, each value converted as an INSERT would convert it."""
    cells = [
        _cells(column, values, dialect)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    return io.StringIO("\n".join(map("\t".join, zip(*cells, strict=True))) + "\n")


def _cells(column: Column[Any], values: Sequence[Any], dialect: Dialect) -> list[str]:
    kind = column.type
    if isinstance(kind, TypeDecorator):
        values = [kind.process_bind_param(value, dialect) for value in values]
    kinds = set(map(type, values)) - {_NONE}
    if kinds == {int}:
        return ["\\N" if value is None else str(value) for value in values]
    if kinds == {str} and not any(
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
    """Insert `rows`; where a key is there already, add `sums` and keep the larger of `peaks`.

    Args:
        rows: all with the same keys; no two with the same primary key.
    """
    if not rows:
        return
    keys = [column.name for column in table.primary_key]
    # Two writers that take the same rows in another order would wait for each other.
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
        mine = mysql.insert(table)
        return mine.on_duplicate_key_update(
            _accumulated(table, mine.inserted, sums, peaks, func.greatest)
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
