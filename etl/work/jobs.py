"""Runs the jobs that people request on pages, oldest first, under the writer's lease."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, select, update
from sqlalchemy.exc import SQLAlchemyError

from db.correlation import correlated
from db.decisions import STORED, Collect, Preview, parse
from db.engine import reading, writing
from db.jobs import DONE, FAILED, RUNNING, WAITING, FailureKind, Job, unfinished_jobs
from db.settings import Settings, SettingsError
from db.tables import NAME_LENGTH, jobs
from etl.collect.collect import Clock
from etl.decisions.registry import DecisionContext, DecisionRefused
from etl.records.record import FetchStats
from etl.runtime import lease
from etl.runtime.lease import Lease
from etl.snapshots.publish import PublishRefused
from etl.sources import Source
from etl.work.handlers import CollectionFailed, carry_out

log = logging.getLogger(__name__)

DIED = (
    "The worker ended before this was done. Look whether it took effect, and ask again if it did "
    "not."
)
STOPPED = "The worker was stopped before this was done. Ask again when it runs."

_NO_PREVIEW = jobs.c.kind != Preview.kind
"""Previews have a lane of their own: `etl.work.preview_lane`."""


def failed(error: str, kind: FailureKind) -> dict[str, Any]:
    """The columns of a job that failed."""
    return {"state": FAILED, "error": error, "failure_kind": kind}


def run(
    job: Job, work: Callable[[], str], *, let_through: tuple[type[Exception], ...] = ()
) -> dict[str, Any]:
    """Do the work of a job. Returns the values of the columns that record its outcome.

    Raises:
        SQLAlchemyError: the database failed, not the job. The job stays in the state running
            until the next worker marks it as failed.
        let_through: the work raised one of these.
    """
    try:
        return {"state": DONE, "result": work()}
    except SQLAlchemyError:
        raise
    except let_through:
        raise
    except (DecisionRefused, PublishRefused, SettingsError) as refused:
        return failed(str(refused), FailureKind.REFUSED)
    except CollectionFailed as failure:
        return failed(str(failure), FailureKind.COLLECTION_FAILED)
    except Exception as unexpected:
        # One job's fault must not end the worker.
        log.exception("job %s %s failed", job.job_id, job.kind)
        name = type(unexpected).__name__
        error = f"Unexpected {name}: {unexpected}. Please report it with the worker's log."
        return failed(error, FailureKind.UNEXPECTED)


@dataclass(frozen=True)
class JobRunner:
    """Runs waiting jobs. `on_page` is called after each page of a collection, and may stop it;
    `renewed`, where given, reads the settings again for each job."""

    engine: Engine
    sources: Mapping[str, Source]
    clock: Clock
    settings: Settings | None = None
    on_page: Callable[[FetchStats], None] = lambda stats: None
    renewed: Callable[[], Settings | None] | None = None

    def run_waiting(self) -> int:
        """Run every waiting job, oldest first; how many.

        Raises:
            LeaseTaken: another process is writing; the jobs wait.
        """
        if not self._has_unfinished():
            return 0
        try:
            held = lease.take(self.engine)
        except lease.LeaseTaken as taken:
            waiting = and_(_NO_PREVIEW, jobs.c.state == WAITING)
            self._update(waiting, progress=f"Waits: {taken}"[:NAME_LENGTH])
            raise
        done = 0
        with held:
            # We hold the lease, so the process that ran these is gone.
            running = and_(_NO_PREVIEW, jobs.c.state == RUNNING)
            died = failed(DIED, FailureKind.INTERRUPTED)
            self._update(running, finished_at=self.clock(), **died)
            while job := self._oldest_waiting():
                with correlated(job.correlation_id):
                    self._run(held, job)
                done += 1
        return done

    def report_progress(self, job: Job, progress: str) -> None:
        """Store how far a job is, and that its worker is alive."""
        of_job = jobs.c.job_id == job.job_id
        self._update(of_job, progress=progress[:NAME_LENGTH], heartbeat_at=self.clock())

    def context(self, held: Lease, job: Job) -> DecisionContext:
        """Where the decision of a job is carried out, on behalf of who requested it."""
        return DecisionContext(
            self.engine,
            held,
            job.actor,
            self.clock,
            self.renewed() if self.renewed else self.settings,
            self.sources,
            lambda progress: self.report_progress(job, progress),
            self.on_page,
        )

    def _has_unfinished(self) -> bool:
        unfinished = select(jobs.c.job_id).where(_NO_PREVIEW, jobs.c.state.in_((WAITING, RUNNING)))
        with reading(self.engine) as connection:
            return connection.execute(unfinished.limit(1)).first() is not None

    def _oldest_waiting(self) -> Job | None:
        with reading(self.engine) as connection:
            unfinished = unfinished_jobs(connection)
        waiting = (job for job in unfinished if job.state == WAITING and job.kind != Preview.kind)
        return next(waiting, None)

    def _run(self, held: Lease, job: Job) -> None:
        of_job, now = jobs.c.job_id == job.job_id, self.clock()
        self._update(of_job, state=RUNNING, started_at=now, heartbeat_at=now, progress=None)

        def work() -> str:
            return carry_out(self.context(held, job), parse(job.kind, job.arguments, STORED))

        try:
            ended = run(job, work, let_through=(lease.LeaseLost,))
        except lease.LeaseLost as lost:
            ended = failed(f"{lost} Ask again.", FailureKind.INTERRUPTED)
            self._update(of_job, finished_at=self.clock(), **ended)
            raise
        except KeyboardInterrupt:
            ended = failed(STOPPED, FailureKind.INTERRUPTED)
            self._update(of_job, finished_at=self.clock(), **ended)
            raise
        self._update(of_job, finished_at=self.clock(), **ended)
        if ended["state"] == DONE:
            # What a collection brought, its run has said.
            result = "done" if job.kind == Collect.kind else ended["result"]
            log.info("job %s %s for %s: %s", job.job_id, job.kind, job.actor, result)
        elif ended["failure_kind"] == FailureKind.COLLECTION_FAILED:
            log.warning("job %s %s for %s: its run failed", job.job_id, job.kind, job.actor)
        else:
            log.warning("job %s %s failed: %s", job.job_id, job.kind, ended["error"])

    def _update(self, which: ColumnElement[bool], **values: object) -> None:
        with writing(self.engine) as connection:
            connection.execute(update(jobs).where(which).values(**values))
