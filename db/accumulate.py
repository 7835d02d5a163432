"""Add to what is there: insert rows, or add their sums and raise their peaks, in one statement."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, func
from sqlalchemy.dialects import mysql, sqlite

from db.rowset import execute_rowset, insert_rowset


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
    statement = _statement(connection.dialect.name, table, names, tuple(sums), tuple(peaks))
    if connection.dialect.name == "postgresql":
        execute_rowset(connection, statement, table, names, ordered)
    else:
        connection.execute(statement, ordered)


@lru_cache
def _statement(
    dialect: str,
    table: Table,
    names: tuple[str, ...],
    sums: tuple[str, ...],
    peaks: tuple[str, ...],
) -> Any:
    if dialect in ("mysql", "mariadb"):
        mine = mysql.insert(table)
        return mine.on_duplicate_key_update(
            _after(table, mine.inserted, sums, peaks, func.greatest)
        )
    portable: Any = sqlite.insert(table)
    larger: Any = func.max
    if dialect == "postgresql":
        portable, larger = insert_rowset(table, names), func.greatest
    return portable.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_=_after(table, portable.excluded, sums, peaks, larger),
    )


def _after(
    table: Table, new: Any, sums: tuple[str, ...], peaks: tuple[str, ...], larger: Any
) -> dict[str, Any]:
    values = {name: table.c[name] + new[name] for name in sums}
    return values | {name: larger(table.c[name], new[name]) for name in peaks}
