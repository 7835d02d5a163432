"""Collection runs: a page of them, single ones, their unreadable rows."""

import json
import zlib
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, true

from dashboard.base.params import SOURCES
from dashboard.base.run_params import RunFilters
from dashboard.queries.collection_days import run_state
from db.decisions import RejectRun
from db.history.runs import PUBLISHED
from db.suspicions import RunSuspicions
from db.tables import (
    audit_log,
    collection_runs,
    count_restatements,
    quarantined_records,
    run_details,
    run_suspicions,
)

MAX_UNREADABLE = 200
"""The most unreadable rows of a run that are listed."""


@dataclass(frozen=True)
class Run:
    """One attempt, as `collection_runs` holds it."""

    run_id: int
    source: str
    business_date: date
    timezone: str
    kind: str
    state: str
    published: bool
    hold: str | None
    needs_administrator: bool | None
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None
    pages: int | None
    records: int | None
    promised: int | None
    organizations: int | None
    locations: int | None
    quarantined: int | None
    added: int | None
    removed: int | None
    changed: int | None
    changed_percent: float | None
    changed_keys: str | None
    reason: str | None
    rule_version: int | None
    correlation_id: str
    decided_by: str | None
    decided_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None

    @property
    def display_state(self) -> str:
        """Its state as people read it: that of its day, or what was decided about it."""
        if self.hold in ("rejected", "superseded") and not self.published:
            return self.hold
        return run_state(self)


class UnreadableRow(NamedTuple):
    """One row that could not be read: where it came in the answer, its id, why, and its JSON."""

    position: int
    source_key: str | None
    reason: str
    body: str


class LogLine(NamedTuple):
    """One line that a run logged; `level` as Python's, in lower case."""

    at: datetime
    level: str
    text: str


class Details(NamedTuple):
    """How a run went: its log lines, the oldest first, and how the vendor's raw answer begins that
    made it fail; None when there is none."""

    answer: str | None
    lines: tuple[LogLine, ...]


_RUN = tuple(collection_runs.c[field.name] for field in fields(Run))


def page(connection: Connection, filters: RunFilters, *, limit: int, offset: int = 0) -> list[Run]:
    """The runs, the newest business date first; of one day the last begun first."""
    runs = collection_runs.c
    rows = connection.execute(
        select(*_RUN)
        .where(_which(filters))
        .order_by(runs.business_date.desc(), runs.run_id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [Run(*row) for row in rows]


def count(connection: Connection, filters: RunFilters) -> int:
    """The number of runs that `page` pages through."""
    statement = select(func.count()).select_from(collection_runs).where(_which(filters))
    return connection.scalar(statement) or 0


def get_run(connection: Connection, run_id: int) -> Run | None:
    """The run of that id, None if there is none."""
    row = connection.execute(select(*_RUN).where(collection_runs.c.run_id == run_id)).one_or_none()
    return Run(*row) if row else None


def details_of(connection: Connection, run_id: int) -> Details:
    """The log of a run; empty for runs of earlier versions, and while it runs."""
    row = connection.execute(
        select(run_details.c.answer, run_details.c.log).where(run_details.c.run_id == run_id)
    ).one_or_none()
    if row is None:
        return Details(None, ())
    lines = (
        LogLine(datetime.fromisoformat(at), level, text) for at, level, text in json.loads(row.log)
    )
    return Details(row.answer, tuple(lines))


def suspicions_of(connection: Connection, run_id: int) -> RunSuspicions | None:
    """What made a run suspicious; None for others, and for runs of earlier versions."""
    c = run_suspicions.c
    row = connection.execute(select(c.reasons, c.devices).where(c.run_id == run_id)).one_or_none()
    return RunSuspicions.from_json(row.reasons, row.devices) if row else None


def rejection_reason(connection: Connection, run_id: int) -> str | None:
    """Why a run was rejected, as the audit log keeps it."""
    c = audit_log.c
    detail = connection.scalar(
        select(c.detail)
        .where(c.action == RejectRun.kind, c.subject == f"run {run_id}")
        .order_by(c.entry_id.desc())
        .limit(1)
    )
    return json.loads(detail).get("reason") if detail else None


def count_decisions_since(connection: Connection, run: Run) -> int:
    """How many decisions changed counts since a run ended."""
    c, restated = audit_log.c, count_restatements.c
    decisions = (
        select(func.count(restated.entry_id.distinct()))
        .join(audit_log, c.entry_id == restated.entry_id)
        .where(c.at > (run.finished_at or run.started_at))
    )
    return connection.scalar(decisions) or 0


def latest_runs(connection: Connection, until: date | None = None) -> dict[str, Run]:
    """Each source's last attempt, of a business day up to `until`, by source."""
    runs = collection_runs.c
    last = select(func.max(runs.run_id)).group_by(runs.source)
    if until is not None:
        last = last.where(runs.business_date <= until)
    rows = connection.execute(select(*_RUN).where(runs.run_id.in_(last)))
    by_source = {run.source: run for run in (Run(*row) for row in rows)}
    return {source: by_source[source] for source in SOURCES if source in by_source}


def published_run_on(connection: Connection, source: str, day: date) -> Run | None:
    """The published run of a source that is in force on `day`."""
    return _first(connection, PUBLISHED, source, collection_runs.c.business_date <= day)


def previous_published_run(connection: Connection, run: Run) -> Run | None:
    """The published run that `run` was compared with."""
    return _first(
        connection, PUBLISHED, run.source, collection_runs.c.business_date < run.business_date
    )


def held_runs(connection: Connection, source: str | None = None) -> list[Run]:
    """The runs that wait for a decision, the oldest first."""
    runs = collection_runs.c
    which = [runs.hold == "held"]
    if source is not None:
        which.append(runs.source == source)
    rows = connection.execute(select(*_RUN).where(*which).order_by(runs.run_id))
    return [Run(*row) for row in rows]


def unreadable_rows(connection: Connection, run_id: int) -> list[UnreadableRow]:
    """The rows of a run that could not be read, at most `MAX_UNREADABLE`."""
    quarantined = quarantined_records.c
    rows = connection.execute(
        select(quarantined.position, quarantined.source_key, quarantined.reason, quarantined.body)
        .where(quarantined.run_id == run_id)
        .order_by(quarantined.position)
        .limit(MAX_UNREADABLE)
    )
    return [
        UnreadableRow(row.position, row.source_key, row.reason, _text(row.body)) for row in rows
    ]


def _text(body: bytes) -> str:
    return json.dumps(json.loads(zlib.decompress(body)), indent=1, ensure_ascii=False)[:4000]


def _first(
    connection: Connection, which: ColumnElement[bool], source: str, when: ColumnElement[bool]
) -> Run | None:
    runs = collection_runs.c
    row = connection.execute(
        select(*_RUN)
        .where(which, runs.source == source, when)
        .order_by(runs.business_date.desc(), runs.run_id.desc())
        .limit(1)
    ).one_or_none()
    return Run(*row) if row else None


def _which(filters: RunFilters) -> ColumnElement[bool]:
    runs = collection_runs.c
    conditions: list[ColumnElement[bool]] = [true()]
    if filters.sources:
        conditions.append(runs.source.in_(filters.sources))
    if filters.states:
        # A decision about a run (its hold) is filtered like a state.
        conditions.append(or_(runs.state.in_(filters.states), runs.hold.in_(filters.states)))
    if filters.first:
        conditions.append(runs.business_date >= filters.first)
    if filters.last:
        conditions.append(runs.business_date <= filters.last)
    return and_(*conditions)
