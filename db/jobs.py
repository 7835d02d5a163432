"""What a person asks for on a page and the worker does: the dashboard writes it down here, the
worker takes it, and both read how far it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from db.tables import jobs

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"

COLLECT = "collect"  # source
ACCEPT_RUN, REJECT_RUN = "accept_run", "reject_run"  # run_id
WITHDRAW_DAY = "withdraw_day"  # source, day
END_SOURCE = "end_source"  # source
CLOSE_MONTH = "close_month"  # month
REOPEN_MONTH = "reopen_month"  # month, reason
LINK_DEVICES = "link_devices"  # device_id, other_device_id: their machines are one
SPLIT_DEVICE = "split_device"  # device_id: it is not the machine that it answers to
KEEP_APART = "keep_apart"  # device_id, other_device_id: two machines, never to be linked
MERGE_SITES = "merge_sites"  # site_id, into
MOVE_ALIAS = "move_alias"  # source, alias_key, site_id (null: a new site)
CONFIRM_SITE = "confirm_site"  # site_id: a customer of its own
EXPECT_SOURCES = "expect_sources"  # site_id, sources (a list; null: as the rules say)
SAVE_RULES = "save_rules"  # rules (every field of db.rules.Rules but version), reason
ACCEPT_FINDING = "accept_finding"  # finding_id, reason, expires (a date; null: never)
WITHDRAW_ACCEPTANCE = "withdraw_acceptance"  # exception_id
UNDO = "undo"  # entry_id, of the audit log
PREVIEW = "preview"  # job (a kind), with (its arguments): what it would change
RESTATING = (
    LINK_DEVICES, SPLIT_DEVICE, KEEP_APART, MERGE_SITES, MOVE_ALIAS, SAVE_RULES,
)  # fmt: skip
"""Decisions that restate the days after the border."""
UNDOABLE = (*RESTATING, CONFIRM_SITE, EXPECT_SOURCES, ACCEPT_FINDING)
KINDS = (
    COLLECT, ACCEPT_RUN, REJECT_RUN, WITHDRAW_DAY, END_SOURCE, CLOSE_MONTH, REOPEN_MONTH,
    *UNDOABLE, WITHDRAW_ACCEPTANCE, UNDO, PREVIEW,
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One task. `progress` says in words how far it is, `result` what came of it, `error` why it
    failed and what to do."""

    job_id: int
    kind: str
    arguments: Mapping[str, Any]
    actor: str
    state: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: str | None
    result: str | None
    error: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in (DONE, FAILED)


def ask(
    connection: Connection, kind: str, arguments: Mapping[str, Any], actor: str, now: datetime
) -> int:
    """Write down a task for the worker; its id. The same task that still waits is not asked for
    twice: its id is answered.

    Args:
        kind: one of `KINDS`; beside each stands what `arguments` must hold.
        actor: who asks, for the audit log.
    """
    assert kind in KINDS, kind
    text = json.dumps(dict(arguments), sort_keys=True, default=str)
    waiting: int | None = connection.scalar(
        select(jobs.c.job_id).where(
            jobs.c.kind == kind, jobs.c.arguments == text, jobs.c.state == WAITING
        )
    )
    if waiting is not None:
        return waiting
    result = connection.execute(
        insert(jobs).values(kind=kind, arguments=text, actor=actor, state=WAITING, requested_at=now)
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a job's id comes from the database"
    job_id: int = inserted[0]
    return job_id


def job(connection: Connection, job_id: int) -> Job | None:
    """One task; None when there is none of that id."""
    row = connection.execute(select(*_COLUMNS).where(jobs.c.job_id == job_id)).one_or_none()
    return _job(row._mapping) if row else None


def unfinished(connection: Connection) -> list[Job]:
    """The tasks that wait or are under way, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS).where(jobs.c.state.in_((WAITING, RUNNING))).order_by(jobs.c.job_id)
    )
    return [_job(row) for row in rows.mappings()]


def of_kind(connection: Connection, kind: str) -> list[Job]:
    """The tasks of one kind that wait or are under way, oldest first."""
    return [job for job in unfinished(connection) if job.kind == kind]


_COLUMNS = (
    jobs.c.job_id, jobs.c.kind, jobs.c.arguments, jobs.c.actor, jobs.c.state, jobs.c.requested_at,
    jobs.c.started_at, jobs.c.finished_at, jobs.c.progress, jobs.c.result, jobs.c.error,
)  # fmt: skip


def _job(values: Mapping[Any, Any]) -> Job:
    read: dict[str, Any] = {**values, "arguments": json.loads(values["arguments"])}
    return Job(**read)
