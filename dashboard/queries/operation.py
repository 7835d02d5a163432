"""How the hub runs, as its tables say: what monitoring asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from dashboard.queries.freshness import Freshness, freshness
from db.decisions import Preview
from db.jobs import RUNNING, WAITING
from db.tables import collection_runs, jobs


@dataclass(frozen=True)
class LastRun:
    """The last attempt of a source that has ended; `seconds`: how long it took."""

    state: str
    seconds: float
    records: int
    correlation_id: str


@dataclass(frozen=True)
class Operation:
    """`runs`: how many there are, by source and state; `last_runs` by source. `queue`: how many
    jobs there are, by lane (jobs, previews) and state; `oldest_waiting`: when the job was asked for
    that waits longest."""

    fresh: Freshness
    runs: Mapping[tuple[str, str], int]
    last_runs: Mapping[str, LastRun]
    queue: Mapping[tuple[str, str], int]
    oldest_waiting: datetime | None


LANES = ("jobs", "previews")


def operation(connection: Connection, now: datetime) -> Operation:
    """How the hub runs at `now`."""
    c, kind = collection_runs.c, jobs.c.kind == Preview.kind
    runs = connection.execute(
        select(c.source, c.state, func.count())
        .where(c.kind == "collection")
        .group_by(c.source, c.state)
    )
    last = select(func.max(c.run_id)).where(c.kind == "collection", c.finished_at.is_not(None))
    ended = connection.execute(select(collection_runs).where(c.run_id.in_(last.group_by(c.source))))
    queue = dict.fromkeys(((lane, state) for lane in LANES for state in (WAITING, RUNNING)), 0)
    for is_preview, state, n in connection.execute(
        select(kind.label("preview"), jobs.c.state, func.count())
        .where(jobs.c.state.in_((WAITING, RUNNING)))
        .group_by(kind, jobs.c.state)
    ):
        queue[LANES[bool(is_preview)], state] += n
    waiting = select(func.min(jobs.c.requested_at)).where(jobs.c.state == WAITING)
    return Operation(
        freshness(connection, now),
        {(source, state): n for source, state, n in runs},
        {
            row.source: LastRun(
                row.state,
                (row.finished_at - row.started_at).total_seconds(),
                row.records or 0,
                row.correlation_id,
            )
            for row in ended
        },
        queue,
        connection.scalar(waiting),
    )
