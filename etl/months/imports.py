"""Import month-end counts from before a source was collected, from a CSV file, all or nothing; and
remove what was imported of a month."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from db import audit
from db.bulk import insert_many
from db.history.kept import FIRST_MONTH, is_month, month_of
from db.history.runs import PUBLISHED
from db.history.views import ASSETS
from db.names import NO_SITE, site_roots
from db.plurals import plural
from db.search import fold
from db.site_names import NamedSite, closest_sites, match_name
from db.sources import source_names
from db.tables import (
    NAME_LENGTH,
    NO_SITE_ID,
    collection_runs,
    imported_counts,
    month_end_counts,
    months,
    sites,
)
from etl.decisions.registry import DecisionRefused
from etl.rules.billing import STATUSES
from etl.rules.device_type import TYPES
from etl.snapshots.counts import place_imported_counts

COLUMNS = ("month", "site", "source", "device_type", "billing_status", "count")
_ALIASES = {"type": "device_type"}
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
    """The parsed lines; `problems` holds a sentence per wrong line, with its number."""

    lines: tuple[CountLine, ...]
    problems: tuple[str, ...]


def read_counts(data: bytes) -> CountFile:
    """Parse the bytes of a CSV file: UTF-8 with or without a byte order mark, separated by commas
    or, as Excel writes it where the comma is the decimal sign, by semicolons, with the header
    `COLUMNS` (or `type` for `device_type`) in any order."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        return _no_lines(f"line {number}: it is not UTF-8; save the file as CSV UTF-8")
    header = text.partition("\n")[0]
    # No column's name has either sign in it.
    separator = ";" if header.count(";") > header.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    try:
        names = [_ALIASES.get(name.strip(), name.strip()) for name in next(reader, [])]
        if sorted(names) != sorted(COLUMNS):
            return _no_lines(
                f"line 1: the header must name the columns {', '.join(COLUMNS)}, in any order; "
                f"it is {', '.join(names) or 'empty'}"
            )
        return _read(reader, names)
    except csv.Error as error:
        return _no_lines(f"line {reader.line_num}: it cannot be read as CSV: {error}")


def _no_lines(problem: str) -> CountFile:
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


def _choices() -> dict[str, tuple[str, ...]]:
    return {
        "source": (*source_names(), ASSETS),
        "device_type": TYPES,
        "billing_status": STATUSES,
    }


def _wrong(values: Mapping[str, str]) -> Iterator[str]:
    if not is_month(values["month"]):
        yield f"month is {values['month']!r}, it must be like 2025-11, from {FIRST_MONTH} on"
    if not values["site"] or len(values["site"]) > NAME_LENGTH or "\0" in values["site"]:
        yield f"site must be a name of 1 to {NAME_LENGTH} characters"
    for name, choices in _choices().items():
        if values[name] not in choices:
            yield f"{name} is {values[name]!r}, it must be one of {', '.join(choices)}"
    if not _COUNT.fullmatch(values["count"]):
        yield (
            f"count is {values['count']!r}, it must be a whole number of 0 or more, in digits alone"
        )


IMPORT_COUNTS, REMOVE_COUNTS = "import_counts", "remove_imported_counts"
MAX_PROBLEMS = 20
"""More wrong lines than this are only counted in the message."""


@dataclass(frozen=True)
class Imported:
    """What was imported; `replaced` names the months and sources of an earlier import."""

    counts: int
    months: tuple[str, ...]
    new_sites: tuple[str, ...]
    replaced: tuple[str, ...]


def import_counts(
    connection: Connection, name: str, data: bytes, actor: str, now: datetime
) -> Imported:
    """Store the counts of a file in the caller's transaction, which holds the writer's lease.

    Args:
        name: the file's, for the audit log.
        now: with the zone that says which month is running.

    Raises:
        DecisionRefused: a line is wrong; nothing is stored. The text names each line.
    """
    file = read_counts(data)
    problems = list(file.problems) or _wrong_months(connection, file.lines, month_of(now.date()))
    site_of: dict[str, int] = {}
    new: list[str] = []
    if not problems:
        site_of, new, problems = _sites(connection, file.lines, now)
    if problems:
        more = len(problems) - MAX_PROBLEMS
        rest = [f"... and {plural(more, 'more wrong line')}"] if more > 0 else []
        raise DecisionRefused("\n".join(["Nothing was imported:", *problems[:MAX_PROBLEMS], *rest]))
    replaced = _replace(connection, file.lines)
    insert_many(
        connection,
        imported_counts,
        [
            {
                "month": line.month,
                "basis": line.source,
                "site_id": site_of[line.site],
                "device_type": line.device_type,
                "billing_status": line.billing_status,
                "n": line.count,
            }
            for line in file.lines
        ],
    )
    for basis in {line.source for line in file.lines}:
        place_imported_counts(connection, basis)
    done = Imported(
        len(file.lines),
        tuple(sorted({line.month for line in file.lines})),
        tuple(new),
        tuple(replaced),
    )
    detail = {
        "counts": done.counts,
        "months": done.months,
        "new_sites": done.new_sites,
        "replaced": done.replaced,
        "sha256": sha256(data).hexdigest(),
    }
    audit.write_entry(connection, actor, IMPORT_COUNTS, name[:NAME_LENGTH], now, detail)
    return done


def remove_counts(connection: Connection, month: str, actor: str, now: datetime) -> tuple[str, ...]:
    """Remove everything that was imported of a month, in the caller's transaction, which holds the
    writer's lease; the bases that had counts.

    Args:
        month: as it is stored: an earlier version took months that cannot be.

    Raises:
        DecisionRefused: nothing was imported of it, or it is closed.
    """
    c = imported_counts.c
    rows = connection.execute(
        select(c.basis, func.count(), func.sum(c.n)).where(c.month == month).group_by(c.basis)
    ).all()
    if not rows:
        raise DecisionRefused(f"No count of {month} was imported: there is nothing to remove.")
    if connection.scalar(select(months.c.closed).where(months.c.month == month)):
        raise DecisionRefused(f"{month} is closed: its counts do not change any more.")
    for basis, _, _ in rows:
        _delete(connection, month, basis)
    removed = {basis: {"counts": counts, "devices": int(n)} for basis, counts, n in sorted(rows)}
    audit.write_entry(connection, actor, REMOVE_COUNTS, month, now, removed)
    return tuple(removed)


def imports_in_force(connection: Connection, month: str) -> list[dict[str, Any]]:
    """The counts of a month that come from a file, in the shape of `month_closing_counts` without
    the closing's id: those of sources that began later."""
    c = month_end_counts.c
    rows = connection.execute(
        select(c.basis, c.site_id, c.device_type, c.billing_status, c.n).where(
            c.month == month, c.imported.is_(True)
        )
    )
    return [dict(row) for row in rows.mappings()]


def _wrong_months(connection: Connection, lines: Iterable[CountLine], running: str) -> list[str]:
    """A sentence per line whose month is closed, not over yet, or not before the first snapshot of
    its source."""
    runs = collection_runs.c
    firsts = {
        source: month_of(day)
        for source, day in connection.execute(
            select(runs.source, func.min(runs.business_date)).where(PUBLISHED).group_by(runs.source)
        )
    }
    firsts[ASSETS] = min(firsts.values(), default=running)
    closed = set(connection.scalars(select(months.c.month).where(months.c.closed.is_(True))))
    problems = []
    for line in lines:
        first = firsts.get(line.source, running)
        if line.month in closed:
            problems.append(f"line {line.number}: {line.month} is closed")
        elif line.month >= running:
            problems.append(f"line {line.number}: {line.month} is not over yet")
        elif line.month >= first:
            problems.append(
                f"line {line.number}: {line.month} is not before {first}, from which on "
                f"{line.source} is counted here"
            )
    return problems


def _sites(
    connection: Connection, lines: Iterable[CountLine], now: datetime
) -> tuple[dict[str, int], list[str], list[str]]:
    """The site of each name in the file, the names of the sites that were created, and a sentence
    per ambiguous name."""
    known: dict[str, list[NamedSite]] = {}
    roots = site_roots(connection)
    for site_id, name, match in connection.execute(
        select(sites.c.site_id, sites.c.name, sites.c.match_name).order_by(sites.c.site_id)
    ):
        site = NamedSite(site_id, roots.get(site_id, site_id), name)
        known.setdefault(match, []).append(site)
    site_of = {NO_SITE: NO_SITE_ID}
    new: list[str] = []
    problems: list[str] = []
    for line in lines:
        if line.site in site_of:
            continue
        match = match_name(line.site)[:NAME_LENGTH]
        alike = known.setdefault(match, [])
        if not alike:
            site_id = _insert_site(connection, line.site, match, now)
            alike.append(NamedSite(site_id, site_id, line.site))
            new.append(line.site)
        closest = closest_sites(line.site, alike)
        if len(closest) > 1:
            problems.append(
                f"line {line.number}: {len(closest)} sites are called {line.site!r} or alike: "
                f"name one as it stands here ({', '.join(site.name for site in alike)})"
            )
        site_of[line.site] = min(closest)
    return site_of, new, problems


def _insert_site(connection: Connection, name: str, match: str, now: datetime) -> int:
    result = connection.execute(
        insert(sites).values(
            name=name,
            match_name=match,
            needs_review=True,
            internal=False,
            created_at=now,
            search_text=fold(name),
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a site's id comes from the database"
    site_id: int = inserted[0]
    return site_id


def _replace(connection: Connection, lines: Sequence[CountLine]) -> list[str]:
    """Delete earlier imports of the same months and sources; those, as "2025-11 assets"."""
    replaced = []
    for month, source in sorted({(line.month, line.source) for line in lines}):
        if _delete(connection, month, source):
            replaced.append(f"{month} {source}")
    return replaced


def _delete(connection: Connection, month: str, basis: str) -> int:
    """Delete what was imported of a month and a basis, and no longer count it; how many counts."""
    stored, counted = imported_counts.c, month_end_counts.c
    connection.execute(
        delete(month_end_counts).where(
            counted.month == month, counted.basis == basis, counted.imported.is_(True)
        )
    )
    deleted: int = connection.execute(
        delete(imported_counts).where(stored.month == month, stored.basis == basis)
    ).rowcount
    return deleted
