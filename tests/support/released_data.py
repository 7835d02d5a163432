"""Databases of versions that somebody may have installed, as the versions themselves filled them.

`tests/releases/NAME.json.gz` holds one: its revision, and each table's rows. To add one, fill a
SQLite file with that version (`inventory-hub demo --once --devices 20 --sites 4 --months 3 --data
DIR`), then: python -m tests.support.released_data DIR/inventory.db NAME
"""

import base64
import gzip
import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Engine, Inspector, MetaData, inspect, text

from db import migrate
from db.engine import writing

FOLDER = Path(__file__).parent.parent / "releases"
AT_ONCE = 500


@dataclass(frozen=True)
class ReleasedData:
    """What a version had in its database. `rows`: of each table, a list of values per row."""

    name: str
    revision: str
    columns: dict[str, list[str]]
    rows: dict[str, list[list[Any]]]

    def fill(self, engine: Engine) -> None:
        """Migrate an empty database to the version's revision, and insert its rows."""
        migrate.upgrade(engine, self.revision)
        tables = MetaData()
        tables.reflect(engine)
        inspector = inspect(engine)
        with writing(engine) as connection:
            for table in tables.sorted_tables:
                if not (rows := self.rows.get(table.name)):
                    continue
                names = self.columns[table.name]
                flags = [isinstance(table.c[name].type, Boolean) for name in names]
                quote = engine.dialect.identifier_preparer.quote
                statement = text(
                    f"INSERT INTO {quote(table.name)} ({', '.join(map(quote, names))}) "
                    f"VALUES ({', '.join(f':{name}' for name in names)})"
                )
                connection.execute(text(f"DELETE FROM {quote(table.name)}"))
                for start in range(0, len(rows), AT_ONCE):
                    part = rows[start : start + AT_ONCE]
                    connection.execute(
                        statement,
                        [
                            {n: _value(v, f) for n, v, f in zip(names, row, flags, strict=True)}
                            for row in part
                        ],
                    )
                if engine.dialect.name == "postgresql":
                    _continue_numbers(connection, inspector, table.name)


def _value(stored: Any, flag: bool) -> Any:
    if isinstance(stored, dict):
        return base64.b64decode(stored["bytes"])
    return bool(stored) if flag and stored is not None else stored


def _continue_numbers(connection: Any, inspector: Inspector, table: str) -> None:
    """Have PostgreSQL number the next row after those that were inserted with their numbers."""
    for column in inspector.get_columns(table):
        if "nextval" in str(column.get("default")) or column.get("identity"):
            name = column["name"]
            connection.execute(text(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{name}'), "
                f"(SELECT max({name}) FROM {table}))"
            ))  # fmt: skip


def released() -> list[ReleasedData]:
    """Every one, oldest first."""
    found = []
    for path in FOLDER.glob("*.json.gz"):
        data = json.loads(gzip.decompress(path.read_bytes()))
        found.append(ReleasedData(path.name.removesuffix(".json.gz"), **data))
    return sorted(found, key=lambda each: each.revision)


def dump(database: Path, name: str) -> Path:
    """Write what a SQLite file of ours holds into the folder of releases."""
    with closing(sqlite3.connect(database)) as connection:
        listed = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = sorted(row[0] for row in listed if not row[0].startswith(("sqlite_", "alembic_")))
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        columns, rows = {}, {}
        for table in tables:
            found = connection.execute(f'SELECT * FROM "{table}"')
            columns[table] = [column[0] for column in found.description]
            rows[table] = [[_stored(value) for value in row] for row in found]
    data = {"revision": revision, "columns": columns, "rows": rows}
    path = FOLDER / f"{name}.json.gz"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(data, separators=(",", ":")).encode(), mtime=0))
    return path


def _stored(value: Any) -> Any:
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


if __name__ == "__main__":
    print(dump(Path(sys.argv[1]), sys.argv[2]))
