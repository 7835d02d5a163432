"""Which month is closed next, what hinders it from closing automatically, and the fingerprint that
proves a closing unchanged."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Table, func, select

from db.history.kept import month_before, month_end, month_of
from db.history.runs import (
    END,
    PUBLISHED,
    border,
    kept_days,
    newest_day,
    purge_marks,
    runs_in_force,
)
from db.settings import Settings, active_settings
from db.tables import (
    collection_runs,
    is_hashed_if_set,
    month_bases,
    month_changes,
    month_closing_counts,
    month_closings,
    month_members,
    months,
)
from db.thresholds import in_force

PACK_FORM = 4
"""The form of the files in the invoice packs of months that are closed now. A closed month keeps
its own, so that its packs have the same bytes for ever:

1. without a byte order mark, averages to four decimals, devices without a hostname first;
2. with a byte order mark, averages to two decimals, devices without a hostname last;
3. `about.json` says which column is empty because it is not kept;
4. it says what the month counts from a file besides, where there is anything.
"""

LAST_DAYS = 3
"""On one of these last days of a month each source needs a complete run."""

_TEXTS = {
    "closed": "%(month)s is closed.",
    "no_data": "There is no snapshot of %(month)s or before it that is still kept.",
    "running": "%(month)s is not over: the newest snapshot is of %(newest)s. It can be closed from "
    "%(first)s.",
    "older_open": "%(older)s is still open: close it first.",
    "reopened": "%(month)s was reopened: close it by hand when it is right.",
    "too_early": "It closes automatically with a snapshot of %(day)s or later.",
    "no_run": "%(source)s has no complete run from %(first)s to %(last)s.",
    "held": "The run of %(source)s of %(day)s is held: accept or reject it.",
}
_NEVER = ("closed", "no_data", "running", "older_open")


@dataclass(frozen=True)
class Hindrance:
    """A reason why a month does not close automatically: a code, and the values in its sentence.
    `str()` is that sentence in English."""

    code: str
    values: Mapping[str, Any]

    @property
    def final(self) -> bool:
        """Whether the month cannot be closed now, not even by a person."""
        return self.code in _NEVER

    def __str__(self) -> str:
        return _TEXTS[self.code] % self.values


def next_to_close(connection: Connection, settings: Settings | None = None) -> str | None:
    """The oldest open month that is over, which is the only one that can be closed; None if there
    is none. A month is over when a later one has a snapshot, whatever the clock says."""
    newest = newest_day(connection)
    month = _oldest_open(connection, settings)
    return month if newest and month and month < month_of(newest) else None


def hindrances(
    connection: Connection, month: str, settings: Settings | None = None
) -> list[Hindrance]:
    """Why `month` does not close automatically (docs/rules.md, 6); empty if the next collection
    will close it."""
    return hindrances_of(connection, [month], settings)[month]


def hindrances_of(
    connection: Connection, names: Iterable[str], settings: Settings | None = None
) -> dict[str, list[Hindrance]]:
    """The hindrances of each of several months."""
    newest, oldest = newest_day(connection), _oldest_open(connection, settings)
    closed = border(connection)
    return {
        month: _hindrances(connection, month, newest, oldest, closed, settings) for month in names
    }


def _hindrances(
    connection: Connection,
    month: str,
    newest: date | None,
    oldest: str | None,
    closed: date | None,
    settings: Settings | None,
) -> list[Hindrance]:
    end = month_end(month)
    if closed is not None and end <= closed:
        return [Hindrance("closed", {"month": month})]
    if newest is None or oldest is None or month < oldest:
        return [Hindrance("no_data", {"month": month})]
    older = {"month": month, "older": oldest}
    if month >= month_of(newest):
        values = {"month": month, "newest": newest, "first": end + timedelta(days=1)}
        running = Hindrance("running", {**values, "day": _automatic_day(connection, end, settings)})
        return [running, *([Hindrance("older_open", older)] if month > oldest else [])]
    if month > oldest:
        return [Hindrance("older_open", older)]
    hindrances = []
    if connection.scalar(select(months.c.month).where(months.c.month == month)):
        hindrances.append(Hindrance("reopened", {"month": month}))
    day = _automatic_day(connection, end, settings)
    if newest < day:
        hindrances.append(Hindrance("too_early", {"month": month, "day": day}))
    return [*hindrances, *_missing_runs(connection, end), *_held_runs(connection, end)]


def _automatic_day(connection: Connection, end: date, settings: Settings | None) -> date:
    """The day whose snapshot closes the month that ends on `end`."""
    thresholds = in_force(connection, active_settings(settings).thresholds)
    return end + timedelta(days=thresholds.month_close_days)


def _oldest_open(connection: Connection, settings: Settings | None) -> str | None:
    """The month after the newest closed one; while none is closed, the first with data whose last
    day is kept."""
    closed = border(connection)
    if closed is not None:
        return month_before(month_of(closed), -1)
    kept = kept_days(connection, settings)
    if kept is None:
        return None
    first = connection.scalar(select(func.min(collection_runs.c.business_date)).where(PUBLISHED))
    month = month_of(first)
    while month < month_of(kept.today) and not kept.is_kept(month_end(month)):
        month = month_before(month, -1)
    return month


def _missing_runs(connection: Connection, end: date) -> Iterator[Hindrance]:
    """For each source that stood at the month's end, has not ended since, and has no complete run
    in its last days."""
    first = end - timedelta(days=LAST_DAYS - 1)
    standing_now = runs_in_force(connection)
    for source, run in runs_in_force(connection, end).items():
        ended = END in (run.kind, standing_now[source].kind)
        if run.business_date < first and not ended:
            values = {"source": source, "first": first, "last": end}
            yield Hindrance("no_run", values)


def _held_runs(connection: Connection, end: date) -> Iterator[Hindrance]:
    runs = collection_runs.c
    rows = connection.execute(
        select(runs.source, runs.business_date, runs.run_id)
        .where(runs.hold == "held", runs.business_date <= end)
        .order_by(runs.source)
    )
    for source, day, run_id in rows:
        yield Hindrance("held", {"source": source, "day": day, "run_id": run_id})


def fingerprint(connection: Connection, closing_id: int) -> str:
    """SHA-256 of the stored rows of a closing: its dates, members, counts, billing bases and
    changes."""
    digest = sha256()
    for line in _canonical_lines(connection, closing_id):
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def is_unchanged(connection: Connection, closing_id: int) -> bool | None:
    """Whether the rows of a closing still have the hash that was stored with it; None once its
    members and changes are purged."""
    closings = month_closings.c
    row = connection.execute(
        select(closings.hash, closings.month).where(closings.closing_id == closing_id)
    ).one()
    purged = purge_marks(connection)
    if purged is not None and row.month < purged.months_before:
        return None
    return bool(row.hash == fingerprint(connection, closing_id))


def _canonical_lines(connection: Connection, closing_id: int) -> Iterator[str]:
    """Each row of a closing as a line of JSON, in the same order on every database."""
    c = month_closings.c
    head = select(c.month, c.rule_version, c.dates, c.dates_before, c.members)
    yield _line(connection.execute(head.where(c.closing_id == closing_id)).one())
    for table in (month_members, month_closing_counts, month_bases, month_changes):
        yield table.name
        yield from sorted(_lines(connection, table, closing_id))


def _lines(connection: Connection, table: Table, closing_id: int) -> Iterator[str]:
    columns = [c for c in table.c if c.name != "closing_id" and not is_hashed_if_set(c)]
    added = [c for c in table.c if is_hashed_if_set(c)]
    rows = connection.execute(select(*columns, *added).where(table.c.closing_id == closing_id))
    for row in rows:
        values, more = row[: len(columns)], zip(added, row[len(columns) :], strict=True)
        # Columns that were added later count where they have a value: older hashes stay valid.
        yield _line([*values, *([c.name, value] for c, value in more if value is not None)])


def _line(row: Iterable[Any]) -> str:
    return json.dumps(list(row), default=str)
