"""The worker: collects each configured source when it is due, and runs waiting jobs in between,
until it is stopped."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import schedule
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from db.correlation import correlated
from db.engine import reading
from db.history.runs import ended_sources
from db.settings import Settings, SettingsError, active_settings
from etl.collect import run_log
from etl.collect.collect import Clock, business_day, collect
from etl.runtime import lease, stopping
from etl.snapshots.publish import PublishRefused
from etl.sources import Source, awaits_first_report
from etl.work.after_collection import run_after_collection
from etl.work.due import Due, collect_times, is_due, last_due
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
        settings: Settings | None = None,
        renewed: Callable[[], Settings] | None = None,
    ) -> None:
        """`renewed` reads the secrets again before each run and each job: they may have changed
        since the worker started."""
        self.engine = engine
        self.sources = sources
        self.clock = clock
        self.settings = settings
        self.times = collect_times(settings)
        self.zone = active_settings(settings).timezone
        self._stop = False
        self._held: lease.Lease | None = None
        self._not_before: dict[str, datetime] = {}
        self._renewed = renewed
        self._job_runner = JobRunner(engine, sources, clock, settings, self._page, self._read_again)
        self._previews = PreviewLane(self._job_runner)

    def stop(self) -> None:
        """Stop after the current page; a run in progress is abandoned and publishes nothing."""
        # No Event: its lock may be held already by the thread that a signal handler interrupts.
        self._stop = True

    def run(self, held: lease.Lease) -> None:
        """Work until stopped, under the lease `WORKING`, which makes this the only worker.

        Raises:
            LeaseLost: another worker has begun in its place.
        """
        self._held = held
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
                self._renew()
                self.do_jobs()
                scheduler.run_pending()
        except KeyboardInterrupt:
            self.stop()
        finally:
            self._previews.stop()
            log.info("worker stopped")

    def tick(self) -> list[str]:
        """Collect every source that is due, the longest due first; their names."""
        now = self.clock()
        dues = {name: last_due(now, self.times[name], self.zone) for name in self.sources}
        collected = []
        for name in sorted(dues, key=lambda name: (dues[name].since, name)):
            now = self.clock()
            if self._stopped() or now < self._not_before.get(name, now):
                continue
            try:
                if self._is_due(name, dues[name]):
                    with correlated():
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

    def _is_due(self, name: str, due: Due) -> bool:
        with reading(self.engine) as connection:
            if name in ended_sources(connection):
                return False  # until a person collects it
            if awaits_first_report(connection, self.sources[name]):
                return False
            attempts = run_log.attempts_since(connection, name, due.day, due.since, again=due.again)
        return is_due(self.clock(), attempts)

    def _collect(self, name: str) -> None:
        source = self.sources[name]
        try:
            with lease.take(self.engine) as held:
                settings = self._read_again()
                day = business_day(self.clock, settings)
                collect(self.engine, held, source, day, self.clock, settings, self._page)
                closed, purged = run_after_collection(self.engine, held, self.clock(), settings)
            # The run has said itself how it ended.
            months = f"; {', '.join(closed)} closed" if closed else ""
            log.info("after %s: %d stretches purged%s", name, purged, months)
        except (lease.LeaseTaken, lease.LeaseLost, PublishRefused) as error:
            # Another process writes, or this day cannot be published: try again later.
            self._not_before[name] = self.clock() + RETRY_AFTER_ERROR
            log.warning("%s not collected: %s", name, error)
        except KeyboardInterrupt:
            self.stop()

    def _read_again(self) -> Settings | None:
        """The settings for one run; the ones before, if they cannot be read now: somebody may be
        writing the file."""
        if self._renewed is not None:
            try:
                self.settings = self._renewed()
            except SettingsError as error:
                log.error("secrets stay as they were, reading them again failed: %s", error)
        return self.settings

    def _page(self, _stats: object) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._renew()

    def _renew(self) -> None:
        """Stay the only worker."""
        if self._held is not None:
            # A database that is away comes back, or another worker finds us gone.
            with suppress(SQLAlchemyError):
                self._held.renew()

    def _stopped(self) -> bool:
        return self._stop or stopping.stop_requested()
