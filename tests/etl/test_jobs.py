"""The worker does what people ask for on a page, oldest first, and says how far it is, what came
of it, or what to do."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, insert, text

from db.decisions import (
    AcceptRun,
    CloseMonth,
    Collect,
    Decision,
    EndSource,
    RejectRun,
    ReopenMonth,
    WithdrawDay,
)
from db.engine import reading, writing
from db.jobs import FailureKind, Job, enqueue, find_job
from db.tables import audit_log, device_snapshots, jobs, months
from etl.records.record import Raw
from etl.runtime import lease
from etl.vendor.http import Session
from etl.work.worker import Worker
from tests.support.clocks import CrashingSource, WorkerSetup
from tests.support.small_hub import SmallSource, pcs

NOW = datetime(2026, 3, 13, 12, tzinfo=UTC)
TODAY = NOW.date()
TEN = pcs(range(10))


class Office(WorkerSetup):
    """A worker that collects ninja, with nothing due, and somebody who requests jobs of it."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, ("ninja",))
        self.clock.now = NOW

    def enqueue(self, decision: Decision) -> int:
        with writing(self.hub.engine) as connection:
            return enqueue(connection, decision, "Ana", self.clock.now)

    def job(self, job_id: int) -> Job:
        with reading(self.hub.engine) as connection:
            job = find_job(connection, job_id)
        assert job is not None
        return job

    def run(self, decision: Decision) -> Job:
        """The job after the worker ran it."""
        job_id = self.enqueue(decision)
        assert self.worker.do_jobs() == 1
        return self.job(job_id)


@pytest.fixture
def office(sqlite_engine: Engine) -> Office:
    return Office(sqlite_engine)


def test_a_collect_job_collects_and_stores_its_result(engine: Engine) -> None:
    office = Office(engine)

    done = office.run(Collect(source="ninja"))

    assert (done.state, done.error) == ("done", None)
    assert (
        done.result == "ninja complete for 2026-03-13: 10 records, 10 added, 0 removed, 0 changed."
    )
    assert done.started_at == done.finished_at == NOW
    assert len(office.hub.on(TODAY)) == 10


class Slow(SmallSource):
    """A source of three pages that looks, after each, at what is told of its task."""

    seen: list[tuple[str | None, datetime | None]]
    office: Office

    def fetch(self, session: Session) -> Iterator[Raw]:
        rows = list(super().fetch(session))
        session.stats.pages = session.stats.rows = 0
        for page in range(3):
            self.office.clock.now += timedelta(seconds=10)
            session.stats.count_page(500)
            (row,) = self.office.hub.all(jobs)
            self.seen.append((row.progress, row.heartbeat_at))
            assert row.state == "running", page
        yield from rows


def test_a_collect_job_reports_progress_after_each_page(office: Office) -> None:
    slow = Slow("ninja", TEN)
    slow.seen, slow.office = [], office
    office.worker.sources["ninja"] = slow  # type: ignore[assignment]

    office.run(Collect(source="ninja"))

    assert [progress for progress, _ in slow.seen] == [
        "page 1, 500 devices", "page 2, 1,000 devices", "page 3, 1,500 devices",
    ]  # fmt: skip
    beats = [beat for _, beat in slow.seen]
    assert beats == sorted(beats) and len(set(beats)) == 3


def test_a_failed_collection_fails_its_job_with_the_reason(office: Office) -> None:
    office.sources["ninja"].failure = "The vendor is down: try again later."

    done = office.run(Collect(source="ninja"))

    assert (done.state, done.error) == ("failed", "The vendor is down: try again later.")
    assert done.failure_kind == FailureKind.COLLECTION_FAILED


def test_the_log_says_once_what_a_requested_collection_brought(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = office.run(Collect(source="ninja"))
    office.sources["ninja"].failure = "The vendor is down: try again later."
    second = office.run(Collect(source="ninja"))

    assert caplog.messages == [
        "Collecting Ninja for 2026-03-13.", first.result,
        f"job {first.job_id} collect for Ana: done",
        "Collecting Ninja for 2026-03-13.",
        f"ninja failed for 2026-03-13: 0 records. {second.error}",
        f"job {second.job_id} collect for Ana: its run failed",
    ]  # fmt: skip


def test_a_suspicious_collection_finishes_its_job_and_says_so(office: Office) -> None:
    office.hub.collect(TODAY - timedelta(days=1), pcs(range(30)))
    office.sources["ninja"].rows = TEN

    done = office.run(Collect(source="ninja"))

    assert done.state == "done" and done.result is not None
    assert done.result.startswith("ninja suspicious for 2026-03-13: 10 records. 20 of 30 devices")


def test_the_jobs_about_runs_and_months_do_what_they_say(office: Office) -> None:
    hub, yesterday = office.hub, TODAY - timedelta(days=1)
    hub.collect(date(2026, 2, 28), TEN)
    hub.collect(yesterday, TEN)
    results = [office.run(CloseMonth(month="2026-02")).result]
    results += [office.run(ReopenMonth(month="2026-02", reason="late")).result]
    hub.collect(TODAY, TEN[:4])
    held = hub.runs()[-1].run_id
    results += [office.run(RejectRun(run_id=held, reason="No.")).result]
    hub.collect(TODAY, TEN[:4])
    held = hub.runs()[-1].run_id
    results += [office.run(AcceptRun(run_id=held)).result]
    results += [office.run(WithdrawDay(source="ninja", day=TODAY)).result]
    results += [office.run(EndSource(source="ninja")).result]

    assert results == [
        "2026-02 is closed.",
        "2026-02 is open again.",
        "The run of ninja of 2026-03-13 is rejected: the earlier numbers stay in use.",
        f"Run {held} of ninja is accepted: 0 added, 6 removed, 0 changed.",
        "2026-03-13 of ninja is withdrawn: the snapshot before it counts again.",
        "ninja is ended on 2026-03-13: 10 devices removed.",
    ]
    entries = [(row.actor, row.action) for row in hub.all(audit_log)]
    assert entries == [("Ana", kind) for kind in (
        "close_month", "reopen_month", "reject_run", "accept_run", "withdraw_day", "end_source",
    )]  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "error"),
    [
        (CloseMonth(month="2026-02"), "2026-02 cannot be closed: There is no snapshot"),
        (AcceptRun(run_id=7), "There is no run 7."),
        (RejectRun(run_id=7, reason="No."), "There is no run 7."),
        (EndSource(source="agent"), "agent was never collected"),
        (Collect(source="agent"), "The worker does not collect 'agent': set what it"),
        (
            Collect.model_construct(source="uninstalled"),
            "The worker does not collect 'uninstalled': set what it",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Decision) else "",
)
def test_a_refused_job_fails_with_advice(office: Office, decision: Decision, error: str) -> None:
    job = office.run(decision)

    assert (job.state, job.failure_kind) == ("failed", FailureKind.REFUSED)
    assert (job.error or "").startswith(error), job.error
    assert job.result is None and job.finished_at == NOW


def test_jobs_run_oldest_first_and_an_unexpected_fault_does_not_stop_the_next(
    office: Office,
) -> None:
    first = office.enqueue(AcceptRun.model_construct())
    second = office.enqueue(Collect(source="ninja"))

    assert office.worker.do_jobs() == 2

    broken = office.job(first)
    assert broken.failure_kind == FailureKind.UNEXPECTED
    assert broken.error == (
        "Unexpected InvalidDecision: The job accept_run takes run_id.. Please report it with the "
        "worker's log."
    )
    assert office.job(second).state == "done"


def test_a_fault_in_a_source_fails_the_job_and_the_worker_goes_on(office: Office) -> None:
    office.worker.sources["ninja"] = CrashingSource("ninja")  # type: ignore[assignment]

    done = office.run(Collect(source="ninja"))

    assert (done.state, done.failure_kind) == ("failed", FailureKind.COLLECTION_FAILED)
    assert "Unexpected ZeroDivisionError: a fault of ours." in (done.error or "")
    assert office.worker.do_jobs() == 0


def test_a_job_waits_for_the_lease_and_says_who_holds_it(office: Office) -> None:
    job_id = office.enqueue(Collect(source="ninja"))
    with lease.take(office.hub.engine):
        assert office.worker.do_jobs() == 0

        waiting = office.job(job_id)
        assert waiting.state == "waiting"
        assert (waiting.progress or "").startswith("Waits: process ")
    assert office.worker.do_jobs() == 0, "not every second"

    office.clock.now += timedelta(seconds=5)
    assert office.worker.do_jobs() == 1
    assert office.job(job_id).state == "done"


def test_the_job_of_a_dead_worker_is_failed_by_the_next_one(office: Office) -> None:
    with writing(office.hub.engine) as connection:
        connection.execute(
            insert(jobs).values(
                kind="collect", arguments=json.dumps({"source": "ninja"}), actor="Ana",
                state="running", requested_at=NOW, started_at=NOW,
            )
        )  # fmt: skip

    assert office.worker.do_jobs() == 0

    (died,) = office.hub.all(jobs)
    assert died.state == "failed" and died.finished_at == NOW
    assert died.failure_kind == "interrupted"
    assert died.error.startswith("The worker ended before this was done. Look whether")


class StopsIt(SmallSource):
    """A source during whose fetch the worker is told to stop."""

    worker: Worker

    def fetch(self, session: Session) -> Iterator[Raw]:
        self.worker.stop()
        yield from super().fetch(session)


def test_a_worker_that_is_stopped_fails_its_running_job(office: Office) -> None:
    stops = StopsIt("ninja", TEN)
    stops.worker = office.worker
    office.worker.sources["ninja"] = stops  # type: ignore[assignment]
    job_id = office.enqueue(Collect(source="ninja"))

    with lease.take(office.hub.engine, lease.WORKING) as held:
        office.worker.run(held)

    stopped = office.job(job_id)
    assert (stopped.state, stopped.failure_kind) == ("failed", FailureKind.INTERRUPTED)
    assert stopped.error == ("The worker was stopped before this was done. Ask again when it runs.")
    assert office.states() == ["failed"] and office.hub.all(device_snapshots) == []


def test_an_idle_worker_runs_one_query(office: Office) -> None:
    statements: list[str] = []
    event.listen(
        office.hub.engine, "before_cursor_execute",
        lambda _c, _cursor, statement, *_: statements.append(statement),
    )  # fmt: skip

    assert office.worker.do_jobs() == 0

    asking = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(asking) == len([s for s in statements if not s.startswith("BEGIN")]) == 1


def test_the_worker_survives_a_database_that_is_unavailable(office: Office) -> None:
    with writing(office.hub.engine) as connection:
        connection.execute(text("ALTER TABLE jobs RENAME TO away"))
    assert office.worker.do_jobs() == 0
    with writing(office.hub.engine) as connection:
        connection.execute(text("ALTER TABLE away RENAME TO jobs"))
    office.clock.now += timedelta(seconds=5)

    assert office.run(Collect(source="ninja")).state == "done"


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 180
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_running_worker_starts_a_job_before_it_checks_its_sources_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.work.worker.TICK_SECONDS", 10_000)
    office.hub.collect(TODAY, TEN)
    held = lease.take(office.hub.engine, lease.WORKING)
    thread = threading.Thread(target=office.worker.run, args=(held,))
    thread.start()
    try:
        job_id = office.enqueue(CloseMonth(month="2026-02"))
        wait_for(lambda: office.job(job_id).ended)
    finally:
        office.worker.stop()
        thread.join()


# What the worker does by itself besides


def test_the_worker_closes_a_month_when_it_is_due(office: Office) -> None:
    office.hub.collect(date(2026, 2, 28), TEN)
    office.clock.now = datetime(2026, 3, 3, 2, 30, tzinfo=UTC)

    assert office.worker.tick() == ["ninja"]

    assert [(row.month, row.closed) for row in office.hub.all(months)] == [("2026-02", True)]


def test_an_ended_source_is_not_collected_until_a_job_requests_it(office: Office) -> None:
    office.hub.collect(TODAY - timedelta(days=3), TEN)
    office.run(EndSource(source="ninja"))
    office.clock.now += timedelta(days=1)
    assert office.worker.tick() == []

    assert office.run(Collect(source="ninja")).state == "done"
    office.clock.now += timedelta(days=1)

    assert office.worker.tick() == ["ninja"]


def test_jobs_run_between_two_collections(sqlite_engine: Engine) -> None:
    two = WorkerSetup(sqlite_engine, ("ninja", "threatlocker"))
    with writing(sqlite_engine) as connection:
        job_id = enqueue(connection, CloseMonth(month="2026-02"), "Ana", two.clock.now)

    two.worker.tick()

    with reading(sqlite_engine) as connection:
        job = find_job(connection, job_id)
    assert job is not None and job.ended
