"""`machine set-activation`: reads a CSV file of activation dates and plans what it changes.

Its columns are TatuScan's NUMERO and DATA DA CARGA, or hostname, activation_date and model.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from cli.terminal import minute, printable
from dashboard.ingest.report import parse_activation
from db.machines import rows_for_update
from db.plurals import plural
from db.settings import SettingsError
from db.tables import inventory

NUMBER, HOSTNAME = "number", "hostname"
DATE, MODEL = "computer_activation", "computer_model"
COLUMNS = {
    "numero": NUMBER, "número": NUMBER, "hostname": HOSTNAME, "data da carga": DATE,
    "activation_date": DATE, "model": MODEL,
}  # fmt: skip
MAX_PROBLEMS = 20
"""Wrong lines that are listed; of the others only the number."""
_NUMBERED = re.compile(r"ifmt[-_]?(\d+)|(?<![a-z])m(\d+)|(\d+)$")
_DASHED = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})")


@dataclass(frozen=True)
class Line:
    """One line of the file. `kind`: whether `key` is an asset number or a hostname."""

    number: int
    kind: str
    key: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """The change of one machine."""

    line: int
    machine_id: str
    hostname: str
    before: dict[str, Any]
    values: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a file changes; `skipped` has a sentence for each line that is left alone."""

    changes: list[Change]
    unchanged: int
    skipped: list[str]

    def lines(self, *, done: bool) -> Iterator[str]:
        """The plan, for the terminal; `done`: it was carried out."""
        for change in self.changes:
            changes = ", ".join(
                f"{name} {_format(change.before[name])} -> {_format(value)}"
                for name, value in change.values.items()
            )
            yield f"line {change.line}: {printable(change.hostname)}: {changes}"
        yield from self.skipped
        yield (
            f"{'Changed' if done else 'Would change'} {plural(len(self.changes), 'machine')}; "
            f"{self.unchanged} unchanged; {plural(len(self.skipped), 'line')} left alone."
        )


def read(data: bytes, zone: tzinfo) -> list[Line]:
    """Parse a file; dates are days in `zone`.

    Raises:
        SettingsError: a line is wrong; the text names each.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise _error([f"line {number}: it is not UTF-8; save it as CSV UTF-8"]) from None
    first = text.partition("\n")[0]
    semicolons = first.count(";") > first.count(",")
    reader = csv.reader(
        io.StringIO(text, newline=""), strict=True, delimiter=";" if semicolons else ","
    )
    try:
        names = [COLUMNS.get(name.strip().casefold(), "") for name in next(reader, [])]
        kinds = [name for name in names if name in (NUMBER, HOSTNAME)]
        known = [name for name in names if name]
        if len(kinds) != 1 or len(known) < 2 or len(set(known)) < len(known):
            raise _error(
                ["line 1: the header must name NUMERO and DATA DA CARGA, or hostname and "
                 "activation_date or model"]
            )  # fmt: skip
        return _lines(reader, names, kinds[0], zone)
    except csv.Error as error:
        raise _error([f"line {reader.line_num}: it cannot be read: {error}"]) from None


def plan(connection: Connection, lines: Sequence[Line]) -> Plan:
    """Match the lines with the machines in the database."""
    machine = inventory.c
    statement: Select[Any] = select(
        machine.machine_id, machine.hostname, machine.computer_activation, machine.computer_model
    )
    machines = rows_for_update(connection, statement)
    by_key: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for row in machines:
        by_key[HOSTNAME, (row.hostname or "").casefold()].append(row)
        if number := asset_number(row.hostname or ""):
            by_key[NUMBER, number].append(row)
    changes, skipped, unchanged = [], [], 0
    for line in lines:
        matches = by_key.get((line.kind, line.key), [])
        if len(matches) != 1:
            hostnames = ", ".join(sorted(printable(row.hostname) for row in matches))
            reason = f"fits {len(matches)} machines ({hostnames})" if matches else "fits no machine"
            skipped.append(f"line {line.number}: {line.kind} {printable(line.key)} {reason}")
            continue
        before = {name: matches[0]._mapping[machine[name]] for name in line.values}
        values = {name: value for name, value in line.values.items() if before[name] != value}
        if values:
            row = matches[0]
            changes.append(Change(line.number, row.machine_id, row.hostname, before, values))
        else:
            unchanged += 1
    return Plan(changes, unchanged, skipped)


def asset_number(hostname: str) -> str:
    """The asset number in a hostname, without leading zeros; "" when there is none."""
    match = _NUMBERED.search(hostname.strip().casefold().partition(".")[0])
    return "" if match is None else next(filter(None, match.groups())).lstrip("0")


def _lines(reader: Any, names: list[str], kind: str, zone: tzinfo) -> list[Line]:
    lines: dict[str, Line] = {}
    problems = []
    for cells in reader:
        number: int = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        values = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}
        try:
            if len(cells) != len(names):
                raise ValueError(f"it has {len(cells)} cells, the header has {len(names)}")
            line = Line(number, kind, _parse_key(kind, values[kind]), _parse_values(values, zone))
            first = lines.setdefault(line.key, line)
            if first.values != line.values:
                raise ValueError(f"it says something else than line {first.number}")
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise _error(problems)
    if not lines:
        raise _error(["line 2: there is no line in the file"])
    return list(lines.values())


def _parse_key(kind: str, text: str) -> str:
    key = re.sub(r"\D", "", text).lstrip("0") if kind == NUMBER else text.casefold()
    if not key:
        raise ValueError(f"{kind} is {text!r}, it must be given")
    return key


def _parse_values(texts: dict[str, str], zone: tzinfo) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if text := texts.get(DATE):
        values[DATE] = _parse_date(text, zone)
    if text := texts.get(MODEL):
        if len(text) > 100 or not text.isprintable():
            raise ValueError("the model must be printable, with at most 100 letters")
        values[MODEL] = text
    return values


def _parse_date(text: str, zone: tzinfo) -> datetime | None:
    try:
        return parse_activation(_DASHED.sub(r"\1/\2/\3", text), zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no date: write it 15/01/2024 or 2024-01-15") from None


def _error(problems: list[str]) -> SettingsError:
    more = len(problems) - MAX_PROBLEMS
    rest = [f"... and {plural(more, 'more wrong line')}"] if more > 0 else []
    return SettingsError("\n".join(["Nothing was changed:", *problems[:MAX_PROBLEMS], *rest]))


def _format(value: Any) -> str:
    return minute(value) if isinstance(value, datetime) else printable(value or "nothing")
