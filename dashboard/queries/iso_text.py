"""Instants and dates as ISO text made by the database: a long list needs no Python per cell."""

from typing import Any

from sqlalchemy import ColumnElement, String, type_coerce
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class IsoInstant(FunctionElement[str]):
    """`IsoInstant(column)`: a `UtcDateTime` column as "2026-11-22T02:04:05+00:00"."""

    type = String()
    name = "iso_instant"
    inherit_cache = True


@compiles(IsoInstant, "sqlite")
def _sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%dT%H:%M:%S+00:00', {column})"


@compiles(IsoInstant, "postgresql")
def _postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"')"


@compiles(IsoInstant, "mysql", "mariadb")
def _mysql(element: Any, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"date_format({column}, '%%Y-%%m-%%dT%%H:%%i:%%S+00:00')"


def iso_date(column: ColumnElement[Any]) -> ColumnElement[str]:
    """A date column as the driver gives it: ISO text, or a date whose `str()` is that."""
    return type_coerce(column, String())
