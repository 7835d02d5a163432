"""What people ask for on a page: the worker takes it from the table `jobs`, does it under the
writer's lease, and writes down how far it is and what came of it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Engine, and_, select, update
from sqlalchemy.exc import SQLAlchemyError

from db import jobs as asked
from db.engine import reading, writing
from db.jobs import DONE, FAILED, PREVIEW, RUNNING, WAITING, Job
from db.settings import Environment, SettingsError
from db.tables import NAME_LENGTH, collection_runs, jobs
from etl.collect import run_log
from etl.collect.collect import Clock, business_day, collect
from etl.coverage.refresh import catch_up
from etl.decisions import runs as decisions
from etl.decisions.registry import DEEDS
from etl.decisions.runs import Decider
from etl.months.close import close_month, reopen_month
from etl.records.record import Tally
from etl.runtime import lease
from etl.runtime.lease import Lease
from etl.snapshots.publish import PublishRefused, PublishResult
from etl.sources import Source
from etl.work.after_collection import settle

log = logging.getLogger(__name__)


_OURS = jobs.c.kind != PREVIEW
"""Previews have a lane of their own: `etl.work.preview_lane`."""


class Failed(Exception):
    """A task could not be done; the text says why and what to do."""


@dataclass(frozen=True)
class Desk:
    """Where tasks are taken up. `on_page` is called after each page of a collection, and may stop
    it."""

    engine: Engine
    sources: Mapping[str, Source]
    clock: Clock
    environ: Environment | None = None
    on_page: Callable[[Tally], None] = lambda tally: None

    def work(self) -> int:
        """Do every task that waits, oldest first; how many those were.

        Raises:
            Taken: somebody else is writing; the tasks wait.
        """
        if not self._unfinished():
            return 0
        try:
            held = lease.take(self.engine)
        except lease.Taken as taken:
            waits = and_(_OURS, jobs.c.state == WAITING)
            self._set(waits, progress=f"Waits: {taken}"[:NAME_LENGTH])
            raise
        done = 0
        with held:
            # We hold the lease, so whoever was at these is gone.
            running = and_(_OURS, jobs.c.state == RUNNING)
            self._set(running, state=FAILED, finished_at=self.clock(), error=DIED)
            while job := self._oldest():
                self._do(held, job)
                done += 1
        return done

    def _unfinished(self) -> bool:
        open_ones = select(jobs.c.job_id).where(_OURS, jobs.c.state.in_((WAITING, RUNNING)))
        with reading(self.engine) as connection:
            return connection.execute(open_ones.limit(1)).first() is not None

    def _oldest(self) -> Job | None:
        with reading(self.engine) as connection:
            waiting = (job for job in asked.unfinished(connection) if job.state == WAITING)
            return next((job for job in waiting if job.kind != PREVIEW), None)

    def _do(self, held: Lease, job: Job) -> None:
        mine, now = jobs.c.job_id == job.job_id, self.clock()
        self._set(mine, state=RUNNING, started_at=now, heartbeat_at=now, progress=None)
        try:
            result = self._done(held, job)
            self._set(mine, state=DONE, finished_at=self.clock(), result=result)
            log.info("job %s %s for %s: %s", job.job_id, job.kind, job.actor, result)
            return
        except (Failed, PublishRefused, SettingsError) as refused:
            error = str(refused)
        except lease.Lost as lost:
            self._set(mine, state=FAILED, finished_at=self.clock(), error=f"{lost} Ask again.")
            raise
        except KeyboardInterrupt:
            self._set(mine, state=FAILED, finished_at=self.clock(), error=STOPPED)
            raise
        except SQLAlchemyError:
            raise  # the database's trouble, not the task's: it is found dead and failed later
        except Exception as unexpected:
            # One task's fault must not take the worker along, and a task must say how it ended.
            log.exception("job %s %s failed", job.job_id, job.kind)
            name = type(unexpected).__name__
            error = f"Unexpected {name}: {unexpected}. Please report it with the worker's log."
        self._set(mine, state=FAILED, finished_at=self.clock(), error=error)
        log.warning("job %s %s failed: %s", job.job_id, job.kind, error)

    def _done(self, held: Lease, job: Job) -> str:
        if job.kind in DEEDS:
            return DEEDS[job.kind](self.decider(held, job), job.arguments)
        return _DEEDS[job.kind](self, held, job)

    def _set(self, which: ColumnElement[bool], **values: object) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(jobs).where(which).values(**values))

    def tell(self, job: Job, progress: str) -> None:
        """Say how far a task is, and that it lives."""
        mine = jobs.c.job_id == job.job_id
        self._set(mine, progress=progress[:NAME_LENGTH], heartbeat_at=self.clock())

    def source(self, name: str) -> Source:
        """The source of that name."""
        if name not in self.sources:
            raise Failed(
                f"The worker does not collect {name!r}: set what it needs (inventory-hub doctor "
                "says what) and start the worker again."
            )
        return self.sources[name]

    def decider(self, held: Lease, job: Job) -> Decider:
        """Whoever asked for `job`."""
        return Decider(self.engine, held, job.actor, self.clock, self.environ)


DIED = (
    "The worker ended before this was done. Look whether it took effect, and ask again if it did "
    "not."
)
STOPPED = "The worker was stopped before this was done. Ask again when it runs."


def _collect(desk: Desk, held: Lease, job: Job) -> str:
    source = desk.source(job.arguments["source"])

    def page(tally: Tally) -> None:
        desk.tell(job, f"page {tally.pages}, {tally.rows:,} devices")
        desk.on_page(tally)

    desk.tell(job, f"asks {source.FACTS.label}")
    day = business_day(desk.clock, desk.environ)
    outcome = collect(desk.engine, held, source, day, desk.clock, desk.environ, page)
    closed, _ = settle(desk.engine, held, desk.clock(), desk.environ)
    if outcome.state == run_log.FAILED:
        raise Failed(f"{outcome.reason}")
    return " ".join([str(outcome), *(f"{month} is closed." for month in closed)])


def _accept(desk: Desk, held: Lease, job: Job) -> str:
    run_id = int(job.arguments["run_id"])
    with reading(desk.engine) as connection:
        name = connection.scalar(
            select(collection_runs.c.source).where(collection_runs.c.run_id == run_id)
        )
    if name is None:
        raise Failed(f"There is no run {run_id}.")
    done = decisions.accept_run(desk.decider(held, job), desk.source(name), run_id)
    settle(desk.engine, held, desk.clock(), desk.environ)
    return f"Run {run_id} of {name} is accepted: {_changes(done)}."


def _changes(done: PublishResult) -> str:
    return f"{done.added} added, {done.removed} removed, {done.changed} changed"


def _reject(desk: Desk, held: Lease, job: Job) -> str:
    run = decisions.reject_run(desk.decider(held, job), int(job.arguments["run_id"]))
    return (
        f"The run of {run.source} of {run.business_date} is rejected: the numbers before it stand."
    )


def _withdraw(desk: Desk, held: Lease, job: Job) -> str:
    source, day = job.arguments["source"], date.fromisoformat(job.arguments["day"])
    decisions.withdraw_day(desk.decider(held, job), source, day)
    catch_up(desk.engine, held, desk.environ)
    return f"{day} of {source} is withdrawn: the day before it stands."


def _end(desk: Desk, held: Lease, job: Job) -> str:
    source = job.arguments["source"]
    day, removed = decisions.end_source(desk.decider(held, job), source)
    settle(desk.engine, held, desk.clock(), desk.environ)
    return f"{source} is ended on {day}: {removed} devices removed."


def _close(desk: Desk, held: Lease, job: Job) -> str:
    month = job.arguments["month"]
    with writing(desk.engine) as connection:
        held.hold(connection)
        close_month(connection, month, job.actor, desk.clock(), desk.environ)
    settle(desk.engine, held, desk.clock(), desk.environ)
    return f"{month} is closed."


def _reopen(desk: Desk, held: Lease, job: Job) -> str:
    month, reason = job.arguments["month"], job.arguments["reason"]
    with writing(desk.engine) as connection:
        held.hold(connection)
        reopen_month(connection, month, reason, job.actor, desk.clock(), desk.environ)
    return f"{month} is open again."


_DEEDS: Mapping[str, Callable[[Desk, Lease, Job], str]] = {
    asked.COLLECT: _collect,
    asked.ACCEPT_RUN: _accept,
    asked.REJECT_RUN: _reject,
    asked.WITHDRAW_DAY: _withdraw,
    asked.END_SOURCE: _end,
    asked.CLOSE_MONTH: _close,
    asked.REOPEN_MONTH: _reopen,
}
