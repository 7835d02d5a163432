"""The queue of jobs: the dashboard enqueues decisions that people request, the worker carries them
out, and both read their progress."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from db.correlation import correlation_id
from db.decisions import Decision
from db.tables import jobs

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


class FailureKind(StrEnum):
    """Why a job failed."""

    REFUSED = "refused"
    """It cannot be done as things stand; the error says what to do."""
    COLLECTION_FAILED = "collect_failed"
    """The source could not be collected; its run says the same."""
    UNEXPECTED = "unexpected"
    """A fault of the program."""
    INTERRUPTED = "interrupted"
    """The worker stopped, died or lost its lease before the job was done."""


@dataclass(frozen=True)
class Job:
    """One row of `jobs`.

    Attributes:
        arguments: JSON values, as `db.decisions.parse` reads them.
        progress: how far the job is, in words.
        result: what came of it, in words; of a preview JSON (`etl.decisions.preview`).
        error: why it failed and what to do.
        correlation_id: of the request that it came from; None for jobs of earlier versions.
    """

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
    failure_kind: FailureKind | None
    correlation_id: str | None = None

    @property
    def ended(self) -> bool:
        """Whether its state is final."""
        return self.state in (DONE, FAILED)


def enqueue(connection: Connection, decision: Decision, actor: str, now: datetime) -> int:
    """Add a job for the worker; its id. While the same decision still waits, the id of that job.

    Args:
        actor: who requests it, for the audit log.
    """
    arguments = json.dumps(decision.arguments(), sort_keys=True)
    waiting: int | None = connection.scalar(
        select(jobs.c.job_id).where(
            jobs.c.kind == decision.kind, jobs.c.arguments == arguments, jobs.c.state == WAITING
        )
    )
    if waiting is not None:
        return waiting
    result = connection.execute(
        insert(jobs).values(
            kind=decision.kind,
            arguments=arguments,
            actor=actor,
            state=WAITING,
            requested_at=now,
            correlation_id=correlation_id(),
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a job's id comes from the database"
    job_id: int = inserted[0]
    return job_id


def find_job(connection: Connection, job_id: int) -> Job | None:
    """The job of that id, None if there is none."""
    row = connection.execute(select(*_COLUMNS).where(jobs.c.job_id == job_id)).one_or_none()
    return _job(row._mapping) if row else None


def unfinished_jobs(connection: Connection) -> list[Job]:
    """The jobs that wait or run, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS).where(jobs.c.state.in_((WAITING, RUNNING))).order_by(jobs.c.job_id)
    )
    return [_job(row) for row in rows.mappings()]


_COLUMNS = [jobs.c[field.name] for field in fields(Job)]


def _job(row: Mapping[Any, Any]) -> Job:
    values: dict[str, Any] = {**row, "arguments": json.loads(row["arguments"])}
    if values["failure_kind"] is not None:
        values["failure_kind"] = FailureKind(values["failure_kind"])
    return Job(**values)
