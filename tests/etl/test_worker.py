"""The worker: collects what is due, catches up, waits after failures, stops when told."""

import json
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from db.engine import writing
from db.tables import device_snapshots, leases, months
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from etl.records.record import Raw
from etl.runtime import lease
from etl.vendor.http import Session
from etl.work.worker import Worker
from tests.conftest import COMMAND, RunCli
from tests.support.clocks import MORNING, CrashingSource, WorkerSetup
from tests.support.samples import some
from tests.support.small_hub import Hub, SmallSource, pcs

MINUTE = timedelta(minutes=1)


@pytest.fixture
def two(sqlite_engine: Engine) -> WorkerSetup:
    return WorkerSetup(sqlite_engine, ("ninja", "threatlocker"))


@pytest.fixture
def worker_setup(sqlite_engine: Engine) -> WorkerSetup:
    return WorkerSetup(sqlite_engine, ("ninja",))


def test_on_its_first_start_it_collects_every_source_and_then_waits(two: WorkerSetup) -> None:
    assert two.worker.tick() == ["ninja", "threatlocker"]
    assert two.worker.tick() == []
    assert two.days() == two.days("threatlocker") == [date(2026, 3, 13)]


def test_each_source_is_collected_at_its_own_time(two: WorkerSetup) -> None:
    two.worker.tick()
    collected = {}
    for hour in range(24):
        two.clock.now = MORNING.replace(hour=hour, minute=0) + timedelta(days=1)
        for name in two.worker.tick():
            collected[name] = hour

    assert collected == {"ninja": 2, "threatlocker": 3}


def test_times_are_those_of_the_configured_zone(sqlite_engine: Engine) -> None:
    here = WorkerSetup(
        sqlite_engine, ("ninja",), TIMEZONE="America/Chicago", COLLECT_AT="ninja=18:00"
    )
    here.worker.tick()
    here.clock.at(22, 59)
    assert here.worker.tick() == []

    here.clock.at(23, 0)  # 18:00 in Chicago

    assert here.worker.tick() == ["ninja"]
    assert here.days() == [date(2026, 3, 12), date(2026, 3, 13)]


def test_after_days_without_a_worker_today_is_collected_once(two: WorkerSetup) -> None:
    two.worker.tick()
    two.clock.at(15, days=4)

    assert two.worker.tick() == ["ninja", "threatlocker"]
    assert two.worker.tick() == []

    assert two.days() == [date(2026, 3, 13), date(2026, 3, 17)]


def test_a_source_collected_by_hand_after_its_time_is_not_collected_again(
    worker_setup: WorkerSetup,
) -> None:
    worker_setup.hub.collect(MORNING.date(), pcs(range(10)))  # at noon

    worker_setup.clock.at(13)
    assert worker_setup.worker.tick() == []


def test_runs_for_another_date_neither_replace_nor_delay_todays(worker_setup: WorkerSetup) -> None:
    hub, yesterday = worker_setup.hub, MORNING.date() - timedelta(days=1)
    hub.collect(yesterday, pcs(range(10)), today=MORNING.date())  # by hand, after today's time
    hub.sources["ninja"].failure = "The vendor is down."
    hub.collect(yesterday, pcs(range(10)), today=MORNING.date())
    hub.sources["ninja"].failure = None

    worker_setup.clock.at(12, 1)
    assert worker_setup.worker.tick() == ["ninja"]
    assert worker_setup.worker.tick() == []
    assert worker_setup.days() == [yesterday, yesterday, MORNING.date()]


def test_a_run_of_today_before_its_time_counts_as_todays(worker_setup: WorkerSetup) -> None:
    worker_setup.worker.tick()
    worker_setup.hub.collect(MORNING.date() + timedelta(days=1), pcs(range(10)))  # at noon

    worker_setup.worker.times["ninja"] = time_of_day(18)
    worker_setup.clock.at(18, days=1)
    assert worker_setup.worker.tick() == []


def test_after_failures_the_worker_retries_at_growing_intervals(worker_setup: WorkerSetup) -> None:
    worker_setup.sources["ninja"].failure = "The vendor is down."
    tries = []
    for minute in range(0, 180):
        worker_setup.clock.now = MORNING + minute * MINUTE
        if worker_setup.worker.tick():
            tries.append(minute)

    assert tries == [0, 5, 15, 35, 75, 135]
    worker_setup.sources["ninja"].failure = None
    worker_setup.clock.now = MORNING + 195 * MINUTE
    assert worker_setup.worker.tick() == ["ninja"]
    worker_setup.clock.now = MORNING + 500 * MINUTE
    assert worker_setup.worker.tick() == []
    assert worker_setup.states() == ["failed"] * 6 + ["complete"]


def test_yesterdays_failures_do_not_delay_today(worker_setup: WorkerSetup) -> None:
    worker_setup.sources["ninja"].failure = "The vendor is down."
    for minute in (0, 5, 15, 35, 75):
        worker_setup.clock.now = MORNING + minute * MINUTE
        worker_setup.worker.tick()

    worker_setup.clock.now = MORNING.replace(hour=2, minute=0) + timedelta(days=1)
    assert worker_setup.worker.tick() == ["ninja"]


def test_a_suspicious_run_is_not_repeated_until_the_next_day(worker_setup: WorkerSetup) -> None:
    worker_setup.worker.tick()
    worker_setup.sources["ninja"].rows = pcs(range(4))
    worker_setup.clock.at(5, days=1)
    worker_setup.worker.tick()
    worker_setup.clock.at(20)

    assert worker_setup.worker.tick() == []
    assert worker_setup.states() == ["complete", "suspicious"]


def test_the_failure_of_one_source_does_not_affect_the_other(two: WorkerSetup) -> None:
    two.worker.sources["ninja"] = CrashingSource("ninja")  # type: ignore[assignment]

    two.worker.tick()

    assert two.states() == ["failed"] and two.states("threatlocker") == ["complete"]
    reason = two.hub.runs()[0].reason
    assert reason.startswith("Unexpected ZeroDivisionError: a fault of ours.")


def test_while_another_worker_collects_it_retries_after_five_minutes(
    worker_setup: WorkerSetup,
) -> None:
    with lease.take(worker_setup.hub.engine):
        worker_setup.worker.tick()
        worker_setup.clock.now += 4 * MINUTE
    assert worker_setup.worker.tick() == [], "not every twenty seconds"

    worker_setup.clock.now += MINUTE
    assert worker_setup.worker.tick() == ["ninja"]
    assert worker_setup.states() == ["complete"]


def test_a_refused_date_does_not_end_the_worker(worker_setup: WorkerSetup) -> None:
    with writing(worker_setup.hub.engine) as connection:
        connection.execute(insert(months).values(month="2026-03", closed=True))

    worker_setup.worker.tick()
    worker_setup.clock.at(12, days=19)

    assert worker_setup.worker.tick() == ["ninja"]
    assert worker_setup.days() == [date(2026, 4, 1)]


def test_a_database_outage_does_not_end_the_worker(worker_setup: WorkerSetup) -> None:
    worker_setup.worker.tick()
    worker_setup.clock.at(5, days=1)
    with writing(worker_setup.hub.engine) as connection:
        connection.execute(text("ALTER TABLE collection_runs RENAME TO away"))

    assert worker_setup.worker.tick() == []
    worker_setup.clock.now += 6 * MINUTE
    assert worker_setup.worker.tick() == []

    with writing(worker_setup.hub.engine) as connection:
        connection.execute(text("ALTER TABLE away RENAME TO collection_runs"))
    worker_setup.clock.now += 6 * MINUTE
    assert worker_setup.worker.tick() == ["ninja"]
    assert worker_setup.states() == ["complete", "complete"]


def test_it_purges_after_each_collection(sqlite_engine: Engine) -> None:
    here = WorkerSetup(
        sqlite_engine, ("ninja",), RETENTION_DAYS="1", MONTH_END_RETENTION_MONTHS="0"
    )
    for day in range(4):
        here.sources["ninja"].rows = pcs(range(10), note=str(day))
        here.worker.tick()
        here.clock.at(5, days=1)

    assert len(here.hub.all(device_snapshots)) == 20, "today's, and what a repeat would need"


def test_on_the_last_day_of_a_month_it_collects_in_the_last_hour_too(
    worker_setup: WorkerSetup,
) -> None:
    worker_setup.clock.now = datetime(2026, 2, 28, 2, tzinfo=UTC)
    ticks = []
    for step in range(24 * 12):
        worker_setup.clock.now = datetime(2026, 2, 28, 2, tzinfo=UTC) + 5 * step * MINUTE
        if worker_setup.worker.tick():
            ticks.append(f"{worker_setup.clock.now:%d %H:%M}")

    assert ticks == ["28 02:00", "28 23:05"]
    assert worker_setup.days() == [date(2026, 2, 28), date(2026, 2, 28)]


def test_a_stopped_worker_starts_nothing(two: WorkerSetup) -> None:
    two.worker.stop()

    assert two.worker.tick() == []
    with lease.take(two.hub.engine, lease.WORKING) as held:
        two.worker.run(held)
    assert two.states() == []


class StopsIt(SmallSource):
    """A source during whose fetch the worker is told to stop."""

    worker: Worker

    def fetch(self, session: Session) -> Iterator[Raw]:
        self.worker.stop()
        yield from super().fetch(session)


def test_a_worker_stopped_while_collecting_abandons_the_run_and_releases_the_lease(
    two: WorkerSetup,
) -> None:
    stops = StopsIt("ninja", pcs(range(10)))
    stops.worker = two.worker
    two.worker.sources["ninja"] = stops  # type: ignore[assignment]

    with lease.take(two.hub.engine, lease.WORKING) as held:
        two.worker.run(held)

    (run,) = two.hub.runs()
    assert (run.state, run.reason) == ("failed", "Stopped by hand; nothing was published.")
    assert two.states("threatlocker") == []
    assert two.hub.all(device_snapshots) == []
    assert two.hub.all(leases)[0].token is None


# A real process

StartWorker = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def vendors() -> Iterator[SimulatedVendors]:
    fleet = Fleet(seed=1, devices=20, sites=3, last_day=date(2026, 3, 14), months=1)
    with SimulatedVendors(fleet) as running:
        yield running


@pytest.fixture
def environ(
    vendors: SimulatedVendors, cli_environment: dict[str, str], sqlite_engine: Engine
) -> dict[str, str]:
    # All due since the same moment, so in their own order at any hour of the day.
    at_once = {"COLLECT_AT": "ninja=00:00,threatlocker=00:00,agent=00:00"}
    return cli_environment | vendors.environ() | at_once | {"DATABASE_URL": str(sqlite_engine.url)}


@pytest.fixture
def start_worker(environ: dict[str, str]) -> Iterator[StartWorker]:
    started: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "worker"], env=environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_until(happened: Callable[[], Any]) -> None:
    end = time.monotonic() + 180
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_real_worker_collects_on_start_logs_json_and_stops_within_seconds(
    start_worker: StartWorker, sqlite_engine: Engine, number: signal.Signals, run_cli: RunCli,
    environ: dict[str, str],
) -> None:  # fmt: skip
    hub, worker = Hub(sqlite_engine), start_worker()
    wait_until(lambda: [run.state for run in hub.runs("threatlocker")] == ["complete"])
    if number == signal.SIGTERM:
        second = run_cli("worker", **environ)
        assert second.returncode == 5
        (sentence,) = second.stderr.splitlines()
        first = f"process {worker.pid} on {platform.node()} has been working"
        assert sentence.startswith(f"{first} since 20")

    worker.send_signal(number)
    _, log = worker.communicate(timeout=120)

    assert worker.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    names = {"time", "level", "logger", "message", "correlation_id"}
    assert all(line.keys() >= names for line in lines)
    messages = [line["message"] for line in lines]
    assert messages[0].startswith("worker started for agent, ninja, threatlocker")
    assert messages[-1] == "worker stopped"
    assert lines[0]["correlation_id"] is lines[-1]["correlation_id"] is None
    for name in ("ninja", "threatlocker"):
        (ended,) = (n for n, message in enumerate(messages) if f"{name} complete" in message)
        (run,) = hub.runs(name)
        assert messages[ended].startswith(f"{name} complete for {run.business_date}: ")
        assert messages[ended + 1].startswith(f"after {name}: ")
        ids = [lines[n]["correlation_id"] for n in (ended, ended + 1)]
        assert ids == [run.correlation_id] * 2
    assert hub.runs()[0].state == "complete"


SIGNALLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from cli.main import main

begun = 0

@event.listens_for(Engine, "begin")
def signal_in_the_middle(connection):
    global begun
    begun += 1
    if begun == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGTERM)

sys.exit(main(["worker"]))
"""
"""A worker that is told to stop while its transaction of that number begins."""


@pytest.mark.parametrize("transaction", some([4, 9, 16, 25, 36], 2))
def test_a_signal_while_a_transaction_begins_stops_the_worker_and_leaves_nothing_open(
    environ: dict[str, str], run_cli: RunCli, sqlite_engine: Engine, transaction: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(transaction)], env=environ, timeout=120,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "worker stopped" in done.stderr
    hub = Hub(sqlite_engine)
    assert all(lease.token is None for lease in hub.all(leases))
    assert all(run.state in ("complete", "failed") for run in hub.runs())


@pytest.mark.parametrize("fault", ["slow", "too_many_requests"])
def test_a_real_worker_that_a_vendor_keeps_waiting_stops_within_seconds(
    start_worker: StartWorker, run_cli: RunCli, vendors: SimulatedVendors,
    environ: dict[str, str], sqlite_engine: Engine, fault: Any,
) -> None:  # fmt: skip
    vendors.ninja_faults.add(fault, "devices-detailed", times=None, seconds=600, retry_after="60")
    hub, worker = Hub(sqlite_engine), start_worker()
    wait_until(lambda: any("devices-detailed" in asked.path for asked in vendors.requests))
    time.sleep(0.2)

    worker.terminate()
    worker.communicate(timeout=120)

    assert worker.returncode == 0
    (run,) = hub.runs()
    assert (run.state, run.published) == ("failed", False)
    assert run.reason == "Stopped by hand; nothing was published."
    assert hub.all(device_snapshots) == []
    vendors.ninja_faults.clear()
    settings = {name: environ[name] for name in vendors.environ() | {"DATABASE_URL": ""}}
    assert run_cli("collect", **settings).returncode == 0
