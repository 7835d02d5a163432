"""A CSV file that says when machines were put to work, read strictly and laid over what is known.

TatuScan's columns NUMERO and DATA DA CARGA, or hostname, activation_date and model.
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
from db.settings import SettingsError
from db.tables import inventory

NUMBER, HOSTNAME = "number", "hostname"
DATE, MODEL = "computer_activation", "computer_model"
COLUMNS = {
    "numero": NUMBER, "número": NUMBER, "hostname": HOSTNAME, "data da carga": DATE,
    "activation_date": DATE, "model": MODEL,
}  # fmt: skip
SHOWN = 20
"""Of so many wrong lines each is told; of the others, how many they are."""
_NUMBERED = re.compile(r"ifmt[-_]?(\d+)|(?<![a-z])m(\d+)|(\d+)$")
_DASHED = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})")


@dataclass(frozen=True)
class Line:
    """What one line says of the machine that has this number or hostname."""

    number: int
    kind: str
    key: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """What becomes of one machine."""

    line: int
    machine_id: str
    hostname: str
    before: dict[str, Any]
    values: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a file changes; `left` says a sentence for each line that is left alone."""

    changes: list[Change]
    unchanged: int
    left: list[str]

    def told(self, *, done: bool) -> Iterator[str]:
        """What is done, a line each."""
        for change in self.changes:
            what = ", ".join(
                f"{name} {_shown(change.before[name])} -> {_shown(value)}"
                for name, value in change.values.items()
            )
            yield f"line {change.line}: {printable(change.hostname)}: {what}"
        yield from self.left
        yield (
            f"{'Changed' if done else 'Would change'} {len(self.changes)} machine(s); "
            f"{self.unchanged} are so already; {len(self.left)} line(s) left alone."
        )


def read(data: bytes, zone: tzinfo) -> list[Line]:
    """The lines of a file's bytes; dates are days in `zone`.

    Raises:
        SettingsError: it cannot be read whole; the text names each wrong line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        raise _refused([f"line {number}: it is not UTF-8; save it as CSV UTF-8"]) from None
    first = text.partition("\n")[0]
    semicolons = first.count(";") > first.count(",")
    reader = csv.reader(
        io.StringIO(text, newline=""), strict=True, delimiter=";" if semicolons else ","
    )
    try:
        names = [COLUMNS.get(name.strip().casefold(), "") for name in next(reader, [])]
        kinds = [name for name in names if name in (NUMBER, HOSTNAME)]
        wanted = [name for name in names if name]
        if len(kinds) != 1 or len(wanted) < 2 or len(set(wanted)) < len(wanted):
            raise _refused(
                ["line 1: the header must name NUMERO and DATA DA CARGA, or hostname and "
                 "activation_date or model"]
            )  # fmt: skip
        return _lines(reader, names, kinds[0], zone)
    except csv.Error as error:
        raise _refused([f"line {reader.line_num}: it cannot be read: {error}"]) from None


def plan(connection: Connection, lines: Sequence[Line]) -> Plan:
    """What those lines change."""
    machine = inventory.c
    asked: Select[Any] = select(
        machine.machine_id, machine.hostname, machine.computer_activation, machine.computer_model
    )
    found = rows_for_update(connection, asked)
    by_key: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for row in found:
        by_key[HOSTNAME, (row.hostname or "").casefold()].append(row)
        if number := asset_number(row.hostname or ""):
            by_key[NUMBER, number].append(row)
    changes, left, unchanged = [], [], 0
    for line in lines:
        fitting = by_key.get((line.kind, line.key), [])
        if len(fitting) != 1:
            named = ", ".join(sorted(printable(row.hostname) for row in fitting))
            why = f"fits {len(fitting)} machines ({named})" if fitting else "fits no machine"
            left.append(f"line {line.number}: {line.kind} {printable(line.key)} {why}")
            continue
        before = {name: fitting[0]._mapping[machine[name]] for name in line.values}
        values = {name: value for name, value in line.values.items() if before[name] != value}
        if values:
            row = fitting[0]
            changes.append(Change(line.number, row.machine_id, row.hostname, before, values))
        else:
            unchanged += 1
    return Plan(changes, unchanged, left)


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
        said = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}
        try:
            if len(cells) != len(names):
                raise ValueError(f"it has {len(cells)} cells, the header has {len(names)}")
            line = Line(number, kind, _key(kind, said[kind]), _values(said, zone))
            before = lines.setdefault(line.key, line)
            if before.values != line.values:
                raise ValueError(f"it says something else than line {before.number}")
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise _refused(problems)
    if not lines:
        raise _refused(["line 2: there is no line in the file"])
    return list(lines.values())


def _key(kind: str, text: str) -> str:
    key = re.sub(r"\D", "", text).lstrip("0") if kind == NUMBER else text.casefold()
    if not key:
        raise ValueError(f"{kind} is {text!r}, it must be given")
    return key


def _values(said: dict[str, str], zone: tzinfo) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if text := said.get(DATE):
        values[DATE] = _date(text, zone)
    if text := said.get(MODEL):
        if len(text) > 100 or not text.isprintable():
            raise ValueError("the model must be printable, with at most 100 letters")
        values[MODEL] = text
    return values


def _date(text: str, zone: tzinfo) -> datetime | None:
    try:
        return parse_activation(_DASHED.sub(r"\1/\2/\3", text), zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no date: write it 15/01/2024 or 2024-01-15") from None


def _refused(problems: list[str]) -> SettingsError:
    more = len(problems) - SHOWN
    rest = [f"... and {more} more wrong line(s)"] if more > 0 else []
    return SettingsError("\n".join(["Nothing was changed:", *problems[:SHOWN], *rest]))


def _shown(value: Any) -> str:
    return minute(value) if isinstance(value, datetime) else printable(value or "nothing")
