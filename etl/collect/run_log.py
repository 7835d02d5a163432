"""Rows of `collection_runs`: start, heartbeat, end; and queries about complete runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, func, insert, select, update

from db.correlation import correlation_id
from db.engine import writing
from db.history.runs import END, PUBLISHED
from db.tables import collection_runs, quarantined_records

RUNNING, COMPLETE, SUSPICIOUS, FAILED = "running", "complete", "suspicious", "failed"


@dataclass(frozen=True)
class Attempts:
    """What was tried of a collection that is due."""

    succeeded: bool = False
    """Whether a run is complete, or held."""
    failures: int = 0
    """Failed runs; each doubles the wait for the next attempt."""
    last_failure: datetime | None = None
    """The end of the last of them."""


def start_run(engine: Engine, source: str, day: date, timezone: str, now: datetime) -> int:
    """Insert a running run and return its id. The caller holds the writer's lease, so any other run
    of the source that is still marked as running has died, and is marked as failed. Its correlation
    id is that of what this thread works for (`db.correlation`)."""
    runs = collection_runs.c
    with writing(engine) as connection:
        connection.execute(
            update(collection_runs)
            .where(runs.source == source, runs.state == RUNNING)
            .values(
                state=FAILED,
                finished_at=now,
                reason="The process ended before the run did; nothing was published.",
            )
        )
        result = connection.execute(
            insert(collection_runs).values(
                source=source,
                business_date=day,
                timezone=timezone,
                state=RUNNING,
                published=False,
                started_at=now,
                heartbeat_at=now,
                correlation_id=correlation_id() or str(uuid4()),
            )
        )
        inserted = result.inserted_primary_key
        assert inserted is not None, "a run's id comes from the database"
        run_id: int = inserted[0]
        return run_id


def record_heartbeat(engine: Engine, run_id: int, now: datetime, pages: int, records: int) -> None:
    """Store the run's progress and that it is alive."""
    with writing(engine) as connection:
        update_run(connection, run_id, heartbeat_at=now, pages=pages, records=records)


def update_run(connection: Connection, run_id: int, **values: Any) -> None:
    """Set columns of a run."""
    connection.execute(
        update(collection_runs).where(collection_runs.c.run_id == run_id).values(**values)
    )


def attempts_since(
    connection: Connection, source: str, day: date, since: datetime, *, again: bool
) -> Attempts:
    """What was tried for the business date `day` or a later one; failures from `since` on only, and
    with `again` successes too."""
    runs = collection_runs.c
    for_day = select(func.count(), func.max(runs.finished_at)).where(
        runs.source == source, runs.business_date >= day
    )
    succeeded = for_day.where(runs.state.in_((COMPLETE, SUSPICIOUS)))
    if again:
        succeeded = succeeded.where(runs.started_at >= since)
    failed = for_day.where(runs.state == FAILED, runs.started_at >= since)
    failures, last_failure = connection.execute(failed).one()
    return Attempts(connection.execute(succeeded).one()[0] > 0, failures, last_failure)


def last_complete_run(connection: Connection, source: str) -> Mapping[str, Any] | None:
    """The columns of a source's newest published run; None when it has none."""
    runs = collection_runs.c
    row = connection.execute(
        select(collection_runs)
        .where(PUBLISHED, runs.source == source, runs.kind != END)
        .order_by(runs.business_date.desc(), runs.run_id.desc())
        .limit(1)
    ).one_or_none()
    return dict(row._mapping) if row else None


def count_complete_days(connection: Connection, source: str) -> int:
    """The number of business days for which the source has a published run."""
    runs = collection_runs.c
    return (
        connection.scalar(
            select(func.count(runs.business_date.distinct())).where(
                PUBLISHED, runs.source == source, runs.kind != END
            )
        )
        or 0
    )


def store_quarantined(
    connection: Connection, run_id: int, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Store the rows that could not be read, each with position, reason and body."""
    if rows:
        connection.execute(insert(quarantined_records), [{"run_id": run_id, **row} for row in rows])
