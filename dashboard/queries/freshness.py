"""Freshness of the data: the newest snapshot, and problems as notices."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from dashboard.base.notice import Notice, mark
from db.history.runs import PUBLISHED
from db.sources import source_label
from db.tables import collection_runs

STALE_AFTER = timedelta(hours=26)
"""A daily source that is older missed its time: a day, and two hours to finish."""


@dataclass(frozen=True)
class Freshness:
    """`version` changes with whatever is published or withdrawn: a page that shows another
    reloads. `newest_run` is the newest published run.

    `complete` holds the finish time, `dates` the business date of each source's newest snapshot.
    `stale` names the sources older than `STALE_AFTER`. `problems` is empty when all is well.
    """

    version: str
    newest_run: int | None
    complete: dict[str, datetime]
    dates: dict[str, date]
    stale: tuple[str, ...]
    problems: tuple[Notice, ...]


def freshness(connection: Connection, now: datetime) -> Freshness:
    """How fresh the data is at `now`."""
    runs = collection_runs.c
    version = connection.execute(
        select(func.count(), func.sum(runs.run_id), func.max(runs.run_id)).where(PUBLISHED)
    ).one()
    ended = runs.state != "running"
    published = _newest(connection, PUBLISHED, by_day=True)
    last = _newest(connection, ended, by_day=False)
    complete = {
        source: run.finished_at for source, run in published.items() if run.finished_at is not None
    }
    # A source that was ended has nothing more to say, and is not late.
    alive = sorted(source for source in complete if published[source].kind != "end")
    stale = tuple(source for source in alive if now - complete[source] > STALE_AFTER)
    problems: list[Notice] = []
    for source in sorted(last):
        snapshot = published.get(source)
        wrong = _last_run(last[source], snapshot)
        if wrong is None and source in stale:
            wrong = _stale(source, complete[source], now, published[source].run_id)
        problems += [wrong] if wrong else []
        problems += _quarantined(snapshot) if snapshot else []
    return Freshness(
        f"{version[0]}.{version[1] or 0}",
        version[2],
        complete,
        {source: run.business_date for source, run in published.items()},
        stale,
        tuple(problems),
    )


def _newest(
    connection: Connection, which: ColumnElement[bool], *, by_day: bool
) -> dict[str, Row[Any]]:
    """Each source's newest run among `which`: of the latest business date, or the last begun."""
    runs = collection_runs.c
    order = [runs.run_id.desc()]
    if by_day:
        order.insert(0, runs.business_date.desc())
    turn = func.row_number().over(partition_by=runs.source, order_by=order).label("turn")
    ranked = select(*runs, turn).where(which).subquery()
    rows = connection.execute(select(ranked).where(ranked.c.turn == 1))
    return {row.source: row for row in rows}


def _last_run(run: Row[Any], published: Row[Any] | None) -> Notice | None:
    """The problem of a source's last run; None if it was complete or has been decided."""
    if run.state == "failed" and published is not None:
        text = mark("%(source)s: the collection of %(day)s failed (showing %(date)s): %(reason)s")
    elif run.state == "failed":
        text = mark("%(source)s: the collection of %(day)s failed: %(reason)s")
    elif run.hold == "held" and published is not None:
        text = mark(
            "%(source)s: the collection of %(day)s waits for a decision (showing %(date)s): "
            "%(reason)s"
        )
    elif run.hold == "held":
        text = mark("%(source)s: the collection of %(day)s waits for a decision: %(reason)s")
    else:
        return None
    values = {
        "source": source_label(run.source),
        "day": run.business_date,
        "date": published.business_date if published else None,
        "reason": run.reason,
    }
    if not run.reason:  # It names sites, and so is not for who sees only some.
        text = mark("%(source)s: the collection of %(day)s failed.")
        if run.hold == "held":
            text = mark("%(source)s: the collection of %(day)s waits for a decision.")
    return Notice(text, values, "error", run.run_id)


def _stale(source: str, finished_at: datetime, now: datetime, run_id: int) -> Notice:
    text = mark(
        "%(source)s: no complete collection for %(hours)s hours. Start the worker, or run "
        "inventory-hub collect %(name)s."
    )
    hours = int((now - finished_at) / timedelta(hours=1))
    values = {"source": source_label(source), "name": source, "hours": hours}
    return Notice(text, values, "warning", run_id)


def _quarantined(run: Row[Any]) -> list[Notice]:
    if not run.quarantined:
        return []
    text = mark(
        "%(source)s: %(count)s rows of %(day)s could not be read and were set aside; known "
        "devices keep their last state."
    )
    values = {
        "source": source_label(run.source),
        "count": run.quarantined,
        "day": run.business_date,
    }
    return [Notice(text, values, "warning", run.run_id)]
