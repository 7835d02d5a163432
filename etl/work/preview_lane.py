"""Runs previews, oldest first, in a thread of their own in the worker's process: they only read, so
they need not wait for a collection to end."""

import json
import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial

from sqlalchemy import Engine, delete, update
from sqlalchemy.exc import SQLAlchemyError

from db.correlation import correlated
from db.decisions import STORED, Decision, Preview, ReopenMonth, is_previewed, parse
from db.engine import reading, writing
from db.jobs import RUNNING, WAITING, FailureKind, Job, unfinished_jobs
from db.tables import jobs
from etl.decisions.preview import preview
from etl.decisions.registry import DecisionRefused
from etl.runtime import lease
from etl.work.handlers import carry_out
from etl.work.jobs import DIED, JobRunner, failed, run

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
RETRY_SECONDS = 5.0
"""The pause after an error of the database."""
HEARTBEAT_TIMEOUT = timedelta(minutes=5)
"""A preview fails when its worker has sent no heartbeat for this long."""
RESULT_LIFETIME = timedelta(days=1)
"""How long the result of a preview is kept."""


class PreviewLane:
    """The thread that runs previews until `stop`."""

    def __init__(self, runner: JobRunner) -> None:
        self._runner = runner
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Start no more previews. Does not wait for a running preview."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.run_waiting()
            except SQLAlchemyError as error:
                log.warning("previews wait: %s", error)
                time.sleep(RETRY_SECONDS)
            self._stopped.wait(POLL_SECONDS)

    def run_waiting(self) -> int:
        """Run every waiting preview. Returns how many ran."""
        runner, now = self._runner, self._runner.clock()
        with reading(runner.engine) as connection:
            previews = [job for job in unfinished_jobs(connection) if job.kind == Preview.kind]
        count = 0
        for job in previews:
            if job.state == WAITING and self._claim(job):
                with correlated(job.correlation_id):
                    self._run_preview(job)
                count += 1
        started_before = now - HEARTBEAT_TIMEOUT
        if any(
            job.state == RUNNING and (job.started_at or now) < started_before for job in previews
        ):
            self._fail_abandoned()
        return count

    def _claim(self, job: Job) -> bool:
        """Mark a waiting preview as running; False if another worker did so first. Also deletes
        old results."""
        waiting = (jobs.c.job_id == job.job_id, jobs.c.state == WAITING)
        now = self._runner.clock()
        with writing(self._runner.engine) as connection:
            claimed = connection.execute(
                update(jobs).where(*waiting).values(state=RUNNING, started_at=now, heartbeat_at=now)
            )
            expired = (jobs.c.kind == Preview.kind, jobs.c.finished_at < now - RESULT_LIFETIME)
            connection.execute(delete(jobs).where(*expired))
        return claimed.rowcount == 1

    def _run_preview(self, job: Job) -> None:
        runner = self._runner

        def work() -> str:
            decision = _previewed_decision(job)

            def decide(engine: Engine) -> None:
                runner_on_copy = replace(runner, engine=engine)
                with lease.take(engine) as held:
                    carry_out(runner_on_copy.context(held, job), decision)

            report = partial(runner.report_progress, job)
            reopened = decision.month if isinstance(decision, ReopenMonth) else None
            return json.dumps(preview(runner.engine, decide, report, reopened))

        outcome = run(job, work)
        of_job = jobs.c.job_id == job.job_id
        with writing(runner.engine) as connection:
            values = {"finished_at": runner.clock(), **outcome}
            connection.execute(update(jobs).where(of_job).values(values))

    def _fail_abandoned(self) -> None:
        now = self._runner.clock()
        abandoned = (
            jobs.c.kind == Preview.kind,
            jobs.c.state == RUNNING,
            jobs.c.heartbeat_at < now - HEARTBEAT_TIMEOUT,
        )
        values = {"finished_at": now, **failed(DIED, FailureKind.INTERRUPTED)}
        with writing(self._runner.engine) as connection:
            connection.execute(update(jobs).where(*abandoned).values(values))


def _previewed_decision(job: Job) -> Decision:
    kind = job.arguments["job"]
    if not is_previewed(kind):
        raise DecisionRefused(f"There is no preview of {kind}.")
    return parse(kind, job.arguments["with"], STORED)
