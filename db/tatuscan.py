"""Recognises TatuScan's database, which we neither migrate nor write to."""

import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, create_engine, inspect

TABLE = "inventory"
"""The one table of a TatuScan database. Ours has one of this name too, with other columns."""


def is_tatuscan(url: URL) -> bool:
    """Whether the database at `url` is TatuScan's. It is only read: even opening a SQLite file as
    ours would change its journal mode.

    Raises:
        SQLAlchemyError, sqlite3.Error: it cannot be read.
    """
    if url.get_backend_name() != "sqlite":
        engine = create_engine(url)
        try:
            tables = inspect(engine)
            known = tables.has_table(TABLE)
            columns = {column["name"] for column in tables.get_columns(TABLE)} if known else set()
        finally:
            engine.dispose()
        return _are_theirs(columns)
    if not url.database or not Path(url.database).is_file():
        return False
    file = quote(str(Path(url.database).resolve()))
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)
    try:
        return _are_theirs({row[1] for row in connection.execute(f"PRAGMA table_info({TABLE})")})
    finally:
        connection.close()


def _are_theirs(columns: set[str]) -> bool:
    # Every version of ours has device_id.
    return "machine_id" in columns and "device_id" not in columns
