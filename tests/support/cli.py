"""What the command tests share."""

from collections.abc import Callable
from datetime import date
from typing import Any

from click.testing import Result
from sqlalchemy import Engine, Row, Table, select

from db.engine import reading

UNCHANGED = "Nothing was changed. To carry it out, give the same command with --yes.\n"


def rows(engine: Engine, table: Table) -> list[Row[Any]]:
    with reading(engine) as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)))


CliHere = Callable[..., Result]


LAST = date(2026, 3, 14)
