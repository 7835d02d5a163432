"""A CSV file of month-end counts from before the system existed, read line by line and strictly."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from db.tables import NAME_LENGTH
from etl.recount import ASSETS
from etl.rules.billing import STATUSES
from etl.rules.device_type import TYPES
from etl.rules.site_names import match_name

BASES = ("ninja", "threatlocker", "agent", ASSETS)
COLUMNS = ("month", "site", "source", "device_type", "billing_status", "count")
_ALIASES = {"type": "device_type"}
_CHOICES = {"source": BASES, "device_type": TYPES, "billing_status": STATUSES}
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class CountLine:
    """One line of the file, with its number in it."""

    number: int
    month: str
    site: str
    source: str
    device_type: str
    billing_status: str
    count: int


@dataclass(frozen=True)
class CountFile:
    """What was read. `problems` holds a sentence for each wrong line, each with its number."""

    lines: tuple[CountLine, ...]
    problems: tuple[str, ...]


def read_counts(data: bytes) -> CountFile:
    """The counts in a file's bytes: UTF-8 with or without a byte order mark, a header of `COLUMNS`
    (`type` for `device_type`) in any order, commas in between."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        return _nothing(f"line {number}: it is not UTF-8; save the file as CSV UTF-8")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [_ALIASES.get(name.strip(), name.strip()) for name in next(reader, [])]
        if sorted(names) != sorted(COLUMNS):
            return _nothing(
                f"line 1: the header must name the columns {', '.join(COLUMNS)}, in any order; "
                f"it is {', '.join(names) or 'empty'}"
            )
        return _read(reader, names)
    except csv.Error as error:
        return _nothing(f"line {reader.line_num}: it cannot be read as CSV: {error}")


def _nothing(problem: str) -> CountFile:
    return CountFile((), (problem,))


def _read(reader: Iterator[list[str]], names: list[str]) -> CountFile:
    lines: list[CountLine] = []
    problems: list[str] = []
    first: dict[tuple[str, ...], int] = {}
    for cells in reader:
        # What csv.reader makes has no public type.
        number: int = reader.line_num  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in cells):
            continue
        values = dict(zip(names, (cell.strip() for cell in cells), strict=False))
        wrong = list(_wrong(values)) if len(cells) == len(names) else [
            f"it has {len(cells)} cells, the header has {len(names)}"
        ]  # fmt: skip
        if not wrong:
            key = (
                match_name(values["site"]),
                *(values[name] for name in COLUMNS[:1] + COLUMNS[2:5]),
            )
            if key in first:
                wrong.append(f"it counts the same as line {first[key]}")
            first.setdefault(key, number)
            lines.append(CountLine(number, count=int(values.pop("count")), **values))
        problems += [f"line {number}: {'; '.join(wrong)}"] if wrong else []
    if not lines and not problems:
        problems.append("line 2: there is no count in the file")
    return CountFile(tuple(lines), tuple(problems))


def _wrong(values: Mapping[str, str]) -> Iterator[str]:
    if not _MONTH.fullmatch(values["month"]):
        yield f"month is {values['month']!r}, it must be like 2025-11"
    if not values["site"] or len(values["site"]) > NAME_LENGTH or "\0" in values["site"]:
        yield f"site must be a name of 1 to {NAME_LENGTH} characters"
    for name, choices in _CHOICES.items():
        if values[name] not in choices:
            yield f"{name} is {values[name]!r}, it must be one of {', '.join(choices)}"
    if not _COUNT.fullmatch(values["count"]):
        yield f"count is {values['count']!r}, it must be a whole number of 0 or more"
