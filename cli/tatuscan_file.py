"""Reads TatuScan's database, a SQLite file or that of a server, and validates each row.

It has one table, `inventory`, with a row for each machine. In SQLite and MySQL its datetimes are
the wall clock of TatuScan's server, without a zone; PostgreSQL keeps the zone. SQLite lets a column
hold any type, and TatuScan checked little.
"""

import math
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from dashboard.ingest.report import LARGEST_NUMBER, parse_activation
from db.settings import SettingsError

TEXTS = {"hostname": 100, "ip": 45, "os": 100, "os_version": 100, "computer_model": 100}
MEGABYTES = ("memory_total_mb", "memory_used_mb")
TIMES = ("created_at", "updated_at", "computer_activation")
FACTS = ("hostname", "ip", "os", "os_version", "cpu_percent", *MEGABYTES)
"""Columns that an agent reports."""
REQUIRED_COLUMNS = ("machine_id", "hostname", "created_at")
_UNPRINTABLE = re.compile("[\0\ud800-\udfff]")


@dataclass
class ImportedMachines:
    """The content of a database. `machines` have the columns of `inventory` and `last_at`, the time
    of the newest report, None of a machine that never reported; `refused` and `mended` are
    sentences."""

    count: int = 0
    machines: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)


def read_machines(place: Path | URL, zone: tzinfo, now: datetime) -> ImportedMachines:
    """Read the SQLite file or database at `place`, whose times are in `zone` where they have none.

    Raises:
        SettingsError: it cannot be read, or is no TatuScan database.
    """
    imported = ImportedMachines()
    newest: dict[str, dict[str, Any]] = {}
    rows = _server_rows(place) if isinstance(place, URL) else _file_rows(place)
    for number, row in enumerate(rows, 1):
        imported.count += 1
        name = f"row {number} ({str(row['hostname'])[:40]})"
        reader = _Reader(zone)
        try:
            machine = _machine(row, reader, now)
        except ValueError as error:
            imported.refused.append(f"refused: {name}: {error}")
            continue
        imported.mended += [f"mended: {name}: {sentence}" for sentence in reader.mended]
        other = newest.setdefault(machine["machine_id"], machine)
        if other is not machine:
            imported.refused.append(f"refused: {name}: another row has its id, in other letters")
            if machine["last_at"] and (
                other["last_at"] is None or other["last_at"] < machine["last_at"]
            ):
                newest[machine["machine_id"]] = machine
    imported.machines = list(newest.values())
    return imported


def _check_columns(names: Sequence[str], wrong: str) -> None:
    if not names:
        raise SettingsError(f"{wrong}: it has no table inventory.")
    if missing := [name for name in REQUIRED_COLUMNS if name not in names]:
        raise SettingsError(f"{wrong}: its table lacks {', '.join(missing)}.")


def _wrong(place: Path | str) -> str:
    return f"{place} cannot be read as a TatuScan database"


_ABSENT = dict.fromkeys((*TEXTS, *MEGABYTES, *TIMES, "cpu_percent", "activation_days"))
"""A row without the columns that came later."""


def _server_rows(url: URL) -> Iterator[Mapping[str, Any]]:
    wrong = _wrong(url.render_as_string(hide_password=True))
    try:
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                _only_read(connection)
                tables = inspect(connection)
                known = tables.has_table("inventory")
                columns = tables.get_columns("inventory") if known else []
                _check_columns([column["name"] for column in columns], wrong)
                for row in connection.execute(text("SELECT * FROM inventory ORDER BY machine_id")):
                    values = row._mapping.items()
                    yield _ABSENT | {
                        name: value.isoformat() if isinstance(value, datetime) else value
                        for name, value in values
                    }
        finally:
            engine.dispose()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise SettingsError(
            f"{wrong}: {reason}. Check the address, and that it is running."
        ) from error


def _only_read(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    else:
        connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
    connection.commit()


def _file_rows(file: Path) -> Iterator[Mapping[str, Any]]:
    wrong = _wrong(file)
    try:
        connection = sqlite3.connect(f"file:{quote(str(file.resolve()))}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            names = [row[1].lower() for row in connection.execute("PRAGMA table_info(inventory)")]
            _check_columns(names, wrong)
            for row in connection.execute("SELECT * FROM inventory ORDER BY rowid"):
                yield _ABSENT | dict(zip(names, tuple(row), strict=True))
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise SettingsError(
            f"{wrong}: {error}. If TatuScan is running on it, stop it or give a copy."
        ) from error


def _machine(row: Mapping[str, Any], reader: "_Reader", now: datetime) -> dict[str, Any]:
    """Convert a row to the columns of `inventory`.

    Raises:
        ValueError: it cannot be imported; the text says why.
    """
    machine_id = row["machine_id"]
    if not isinstance(machine_id, str) or not re.fullmatch("[0-9a-fA-F]{64}", machine_id):
        text = f"{machine_id!r:.40}" if machine_id else "empty"
        raise ValueError(
            f"its id is {text}, not 64 hex digits: add it with inventory-hub machine add"
        )
    machine: dict[str, Any] = {"machine_id": machine_id.lower()}
    for name, length in TEXTS.items():
        machine[name] = reader.text(name, row[name], length)
    machine["cpu_percent"] = reader.number("cpu_percent", row["cpu_percent"], 0, 100)
    for name in MEGABYTES:
        machine[name] = reader.whole(name, row[name], 0, LARGEST_NUMBER)
    machine["activation_days"] = reader.whole(
        "activation_days", row["activation_days"], -(2**31), 2**31 - 1
    )
    for name in TIMES:
        machine[name] = reader.time(name, row[name])
    return machine | _report_times(machine, now)


def _report_times(machine: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    known = [time for time in (machine["created_at"], machine["updated_at"]) if time is not None]
    if not known:
        raise ValueError("it has neither a first nor a last report whose time can be read")
    if max(known) > now:
        raise ValueError(
            f"its last report is of {max(known):%Y-%m-%d %H:%M} UTC, which is to come: check --zone"
        )
    first = {"created_at": min(known)}
    if _is_added_by_hand(machine):
        return first | {"updated_at": None, "last_at": None}
    return first | {"last_at": max(known)}


def _is_added_by_hand(machine: Mapping[str, Any]) -> bool:
    """Whether TatuScan's tool for machines without an agent made the row: it writes zeros where an
    agent reports the machine's memory."""
    return bool(machine["memory_total_mb"] == 0 and machine["cpu_percent"] == 0)


class _Reader:
    """Converts values; `mended` collects a sentence for each that had to be changed."""

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self.mended: list[str] = []

    def text(self, name: str, value: object, length: int) -> str | None:
        if value is None:
            return None
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        text = _UNPRINTABLE.sub("\ufffd", str(value))
        if len(text) > length:
            self.mended.append(f"{name} cut to {length} letters")
        elif text != value:
            self.mended.append(f"{name} {value!r:.40} read as {text!r:.40}")
        return text[:length]

    def number(self, name: str, value: object, least: float, most: float) -> float | None:
        """A number between `least` and `most`, else None."""
        if value is None:
            return None
        try:
            number = float(value) if isinstance(value, int | float | str) else math.nan
        except ValueError:
            number = math.nan
        if not least <= number <= most:  # False for NaN.
            self.mended.append(f"{name} {value!r:.40} left out")
            return None
        return number

    def whole(self, name: str, value: object, least: int, most: int) -> int | None:
        """`number`, truncated."""
        number = self.number(name, value, least, most)
        return None if number is None else int(number)

    def time(self, name: str, value: object) -> datetime | None:
        """An instant; None for none and for an invalid one."""
        try:
            return parse_activation(value, self.zone)
        except (ValueError, OverflowError):
            self.mended.append(f"{name} {value!r:.40} left out")
            return None
