"""The lane of previews: read-only, so that they never wait behind a collection. A thread of the
worker takes them from the table `jobs`."""

import json
import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Engine, delete, update
from sqlalchemy.exc import SQLAlchemyError

from db.engine import reading, writing
from db.jobs import DONE, FAILED, PREVIEW, RUNNING, UNDO, UNDOABLE, WAITING, Job, of_kind
from db.settings import SettingsError
from db.tables import jobs
from etl.decisions.preview import preview
from etl.decisions.registry import DEEDS
from etl.runtime import lease
from etl.snapshots.publish import PublishRefused
from etl.work.jobs import DIED, Desk, Failed

log = logging.getLogger(__name__)

SECONDS = 0.5
SILENT = timedelta(minutes=5)
"""After so long without a word a preview is thought dead."""
KEPT = timedelta(days=1)
"""For how long the result of a preview is kept."""


class PreviewLane:
    """Does previews, oldest first, until `stop`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)

    def start(self) -> None:
        """Begin to look for previews."""
        self._thread.start()

    def stop(self) -> None:
        """Look for no more; the one under way is left to itself."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.work()
            except SQLAlchemyError as error:
                log.warning("previews wait: %s", error)
                time.sleep(SECONDS * 10)
            self._stopped.wait(SECONDS)

    def work(self) -> int:
        """Do every preview that waits; how many those were."""
        desk, now = self._desk, self._desk.clock()
        with reading(desk.engine) as connection:
            found = of_kind(connection, PREVIEW)
        done = 0
        for job in found:
            if job.state == WAITING and self._claim(job):
                self._do(job)
                done += 1
        if any(job.state == RUNNING and (job.started_at or now) < now - SILENT for job in found):
            self._bury()
        return done

    def _claim(self, job: Job) -> bool:
        """Whether the preview is ours; of several workers one gets it."""
        mine = (jobs.c.job_id == job.job_id, jobs.c.state == WAITING)
        now = self._desk.clock()
        with writing(self._desk.engine) as connection:
            claimed = connection.execute(
                update(jobs).where(*mine).values(state=RUNNING, started_at=now, heartbeat_at=now)
            )
            old = (jobs.c.kind == PREVIEW, jobs.c.finished_at < now - KEPT)
            connection.execute(delete(jobs).where(*old))
        return claimed.rowcount == 1

    def _do(self, job: Job) -> None:
        asked = replace(job, kind=job.arguments["job"], arguments=job.arguments["with"])
        desk, mine = self._desk, jobs.c.job_id == job.job_id
        try:
            if asked.kind not in (*UNDOABLE, UNDO):
                raise Failed(f"There is no preview of {asked.kind}.")

            def decide(engine: Engine) -> None:
                there = replace(desk, engine=engine)
                with lease.take(engine) as held:
                    DEEDS[asked.kind](there.decider(held, asked), asked.arguments)

            result = preview(desk.engine, decide, lambda text: desk.tell(job, text))
            values = {"state": DONE, "result": json.dumps(result)}
        except (Failed, PublishRefused, SettingsError) as refused:
            values = {"state": FAILED, "error": str(refused)}
        except SQLAlchemyError:
            raise  # the database's trouble: the preview is found silent, and failed later
        except Exception as unexpected:
            # One preview's fault must not end the lane, and it must say how it ended.
            log.exception("preview %s of %s failed", job.job_id, asked.kind)
            name = type(unexpected).__name__
            error = f"Unexpected {name}: {unexpected}. Please report it with the worker's log."
            values = {"state": FAILED, "error": error}
        with writing(desk.engine) as connection:
            connection.execute(update(jobs).where(mine).values(finished_at=desk.clock(), **values))

    def _bury(self) -> None:
        silent = (
            jobs.c.kind == PREVIEW,
            jobs.c.state == RUNNING,
            jobs.c.heartbeat_at < self._desk.clock() - SILENT,
        )
        values = {"state": FAILED, "error": DIED, "finished_at": self._desk.clock()}
        with writing(self._desk.engine) as connection:
            connection.execute(update(jobs).where(*silent).values(values))
