"""The floor of writing: one row per device and day with its JSON, as in the first system.

It has two secondary indexes, for a site's devices of a day and a device's days. A day is loaded as
fast as the driver can while it stays repeatable: on PostgreSQL with COPY into a temporary table and
INSERT ... ON CONFLICT, on SQLite with one prepared INSERT OR REPLACE.
"""

# ruff: noqa: S608 (all statements are made of the constants of this file)

import io
import json
from collections.abc import Sequence
from contextlib import closing
from datetime import date

from sqlalchemy import Engine

from db.keys import device_id
from etl.collect.gather import read_rows
from etl.records.record import Raw
from etl.rules.billing import billing_status
from etl.rules.device_type import device_type
from etl.sources import Source

_COLUMNS = (
    "snapshot_date", "device_id", "source", "site", "hostname", "display_name", "location",
    "device_type", "billing_status", "os", "node_class", "serial", "payload",
)  # fmt: skip
_TABLE = (
    "CREATE TABLE device_snapshot (snapshot_date date NOT NULL, device_id bigint NOT NULL, "
    "source varchar(16) NOT NULL, site varchar(128), hostname varchar(255), "
    "display_name varchar(255), location varchar(255), device_type varchar(16) NOT NULL, "
    "billing_status varchar(16) NOT NULL, os varchar(255), node_class varchar(64), "
    "serial varchar(128), payload {json} NOT NULL, PRIMARY KEY (snapshot_date, device_id))"
)
_INDEXES = (
    "CREATE INDEX ix_site ON device_snapshot (snapshot_date, site)",
    "CREATE INDEX ix_device ON device_snapshot (device_id, snapshot_date)",
)

Row = tuple[str | None, ...]


def create(engine: Engine) -> None:
    """Create the table and its indexes."""
    kind = "text" if engine.dialect.name == "sqlite" else "jsonb"
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        for statement in (_TABLE.format(json=kind), *_INDEXES):
            cursor.execute(statement)
        connection.commit()


def rows_of(source: Source, raws: Sequence[Raw], day: date) -> list[Row]:
    """The rows of a day, read and evaluated as ours, with the JSON as text."""
    rows: list[Row] = []
    for record in read_rows(source, raws).records:
        kind = device_type(record.node_class, record.os)
        status = billing_status(
            unmanaged=record.unmanaged, added_by_hand=None, internal_site=None,
            display_name=record.display_name, location=record.location,
            node_class=record.node_class, spare_words=("spare",),
            spare_node_classes=("VMWARE_VM_GUEST",),
        )  # fmt: skip
        rows.append(
            (
                day.isoformat(), str(device_id(source.FACTS.name, record.source_key)),
                source.FACTS.name,
                record.alias_key, record.hostname, record.display_name, record.location,
                kind.value, status.value, record.os, record.node_class, record.serial,
                json.dumps(record.payload, separators=(",", ":")),
            )
        )  # fmt: skip
    return rows


def load(engine: Engine, rows: Sequence[Row]) -> None:
    """Write `rows` in one transaction; replaces those of the same device and day."""
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        if engine.dialect.name == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(_REPLACE, rows)
            cursor.execute("COMMIT")
            return
        cursor.execute("CREATE TEMP TABLE stage (LIKE device_snapshot) ON COMMIT DROP")
        cursor.copy_from(_copy_text(rows), "stage", columns=_COLUMNS)
        cursor.execute(_MERGE)
        connection.commit()


_NAMES = ", ".join(_COLUMNS)
_REPLACE = "INSERT OR REPLACE INTO device_snapshot ({}) VALUES ({})".format(
    _NAMES, ", ".join("?" for _ in _COLUMNS)
)
_MERGE = (
    "INSERT INTO device_snapshot ({}) SELECT {} FROM stage "
    "ON CONFLICT (snapshot_date, device_id) DO UPDATE SET {}"
).format(_NAMES, _NAMES, ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:]))


def _copy_text(rows: Sequence[Row]) -> io.StringIO:
    # This fleet's texts have no tabs or line feeds, so only backslashes are escaped.
    lines = (
        "\t".join(["\\N" if cell is None else cell.replace("\\", "\\\\") for cell in row])
        for row in rows
    )
    return io.StringIO("\n".join(lines) + "\n")
