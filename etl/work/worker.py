"""The worker: collects each configured source when it is due, and runs waiting jobs in between,
until it is stopped."""

import logging
import time
from datetime import datetime, timedelta

import schedule
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from db.engine import reading
from db.history.runs import ended_sources
from db.settings import Environment, timezone
from db.tables import collection_runs
from etl.collect import run_log
from etl.collect.collect import Clock, business_day, collect
from etl.runtime import lease, stopping
from etl.snapshots.publish import PublishRefused
from etl.sources import Source, awaits_first_report
from etl.work.after_collection import run_after_collection
from etl.work.due import collect_times, is_due, last_due_at
from etl.work.jobs import JobRunner
from etl.work.preview_lane import PreviewLane

log = logging.getLogger(__name__)

TICK_SECONDS = 20
RETRY_AFTER_ERROR = timedelta(minutes=5)
RETRY_JOBS = timedelta(seconds=5)
JOBS = "jobs"


class Worker:
    """Checks every `TICK_SECONDS` which sources are due, and every second for jobs."""

    def __init__(
        self,
        engine: Engine,
        sources: dict[str, Source],
        clock: Clock,
        environ: Environment | None = None,
    ) -> None:
        self.engine = engine
        self.sources = sources
        self.clock = clock
        self.environ = environ
        self.times = collect_times(environ)
        self.zone = timezone(environ)
        self._stop = False
        self._not_before: dict[str, datetime] = {}
        self._job_runner = JobRunner(engine, sources, clock, environ, self._page)
        self._previews = PreviewLane(self._job_runner)

    def stop(self) -> None:
        """Stop after the current page; a run in progress is abandoned and publishes nothing."""
        # No Event: its lock may be held already by the thread that a signal handler interrupts.
        self._stop = True

    def run(self) -> None:
        """Work until stopped."""
        scheduler = schedule.Scheduler()
        scheduler.every(TICK_SECONDS).seconds.do(self.tick)
        log.info("worker started for %s", ", ".join(sorted(self.sources)) or "no source")
        self._previews.start()
        try:
            self.do_jobs()
            self.tick()
            while not self._stopped():
                with stopping.waiting():
                    time.sleep(1)
                self.do_jobs()
                scheduler.run_pending()
        except KeyboardInterrupt:
            self.stop()
        self._previews.stop()
        log.info("worker stopped")

    def tick(self) -> list[str]:
        """Collect every source that is due, the longest due first; their names."""
        due = sorted(
            (last_due_at(self.clock(), self.times[name], self.zone), name) for name in self.sources
        )
        collected = []
        for since, name in due:
            now = self.clock()
            if self._stopped() or now < self._not_before.get(name, now):
                continue
            try:
                if self._is_due(name, since):
                    self._collect(name)
                    collected.append(name)
                    self.do_jobs()
            except SQLAlchemyError as error:
                # The database may be restarting; try again later.
                self._not_before[name] = self.clock() + RETRY_AFTER_ERROR
                log.error("%s not collected, the database refused: %s", name, error)
        return collected

    def do_jobs(self) -> int:
        """Run the waiting jobs. Returns how many ran."""
        now = self.clock()
        if self._stopped() or now < self._not_before.get(JOBS, now):
            return 0
        try:
            return self._job_runner.run_waiting()
        except (lease.LeaseTaken, lease.LeaseLost, SQLAlchemyError) as error:
            self._not_before[JOBS] = now + RETRY_JOBS
            log.warning("jobs wait: %s", error)
        except KeyboardInterrupt:
            self.stop()
        return 0

    def _is_due(self, name: str, due: datetime) -> bool:
        runs = collection_runs.c
        with reading(self.engine) as connection:
            if name in ended_sources(connection):
                return False  # until a person collects it
            if awaits_first_report(connection, self.sources[name]):
                return False
            last_success = connection.scalar(
                select(func.max(runs.started_at)).where(
                    runs.source == name, runs.state.in_((run_log.COMPLETE, run_log.SUSPICIOUS))
                )
            )
            failed = connection.execute(
                select(func.count(), func.max(runs.finished_at)).where(
                    runs.source == name, runs.state == run_log.FAILED, runs.started_at >= due
                )
            ).one()
        return is_due(self.clock(), due, last_success, failed[0], failed[1])

    def _collect(self, name: str) -> None:
        source = self.sources[name]
        try:
            with lease.take(self.engine) as held:
                day = business_day(self.clock, self.environ)
                outcome = collect(
                    self.engine, held, source, day, self.clock, self.environ, self._page
                )
                closed, purged = run_after_collection(self.engine, held, self.clock(), self.environ)
            log.info(
                "%s %s for %s: %d records, %d stretches purged%s%s",
                name, outcome.state, day, outcome.records, purged,
                f"; {outcome.reason}" if outcome.reason else "",
                f"; {', '.join(closed)} closed" if closed else "",
            )  # fmt: skip
        except (lease.LeaseTaken, lease.LeaseLost, PublishRefused) as error:
            # Another process writes, or this day cannot be published: try again later.
            self._not_before[name] = self.clock() + RETRY_AFTER_ERROR
            log.warning("%s not collected: %s", name, error)
        except KeyboardInterrupt:
            self.stop()

    def _page(self, _stats: object) -> None:
        if self._stop:
            raise KeyboardInterrupt

    def _stopped(self) -> bool:
        return self._stop or stopping.stop_requested()
