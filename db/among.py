"""Rows whose column is among many numbers."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Text, any_, bindparam, cast
from sqlalchemy.sql import Select

from db.chunks import chunks

MANY = 2000
"""How many numbers one statement asks for where each is a parameter."""


def among(
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
    for chunk in chunks(numbers, MANY):
        yield from connection.execute(statement.where(column.in_(chunk)))
