"""One writer at a time: who holds the lease, who may take it over, and that a holder who lost it
publishes nothing."""

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine, insert, update

from db.engine import writing
from db.tables import device_snapshots, leases
from etl.collect.collect import collect
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from etl.records.record import Raw
from etl.runtime import lease
from etl.vendor.http import Session
from tests.conftest import COMMAND, RunCli
from tests.support.small_hub import Hub, SmallSource, pcs

DAY = date(2024, 3, 14)


def lease_row(hub: Engine, **values: Any) -> None:
    """A lease that somebody holds: a living process of this machine unless told otherwise."""
    me, now = psutil.Process(), datetime.now(UTC)
    row = {
        "name": "collecting", "token": "theirs", "holder": "process 7 on elsewhere",
        "host": platform.node(), "pid": me.pid, "process_started": me.create_time(),
        "acquired_at": now, "expires_at": now + lease.TIME_TO_LIVE,
    }  # fmt: skip
    with writing(hub) as connection:
        connection.execute(insert(leases).values(**row | values))


def test_a_second_process_learns_who_holds_the_lease_and_since_when(engine: Engine) -> None:
    with lease.take(engine), pytest.raises(lease.LeaseTaken) as caught:
        lease.take(engine)

    text = str(caught.value)
    assert text.startswith(f"process {os.getpid()} on {platform.node()} has been collecting since")
    assert text.endswith("Wait until it is done, or stop it.")


def test_a_released_lease_can_be_taken_again(engine: Engine) -> None:
    for _ in range(3):
        with lease.take(engine) as held, writing(engine) as connection:
            held.hold(connection)


def test_a_lease_is_released_when_its_holder_raises(sqlite_engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), lease.take(sqlite_engine):
        _ = 1 / 0

    with lease.take(sqlite_engine):
        pass


def test_leases_of_two_names_are_held_side_by_side(sqlite_engine: Engine) -> None:
    with lease.take(sqlite_engine), lease.take(sqlite_engine, "previewing"):
        pass


def test_a_holder_whose_process_has_ended_loses_it_at_once(sqlite_engine: Engine) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(ended.pid).create_time()
    ended.wait()
    lease_row(sqlite_engine, pid=ended.pid, process_started=started)

    with lease.take(sqlite_engine):
        pass


def test_a_zombie_holder_loses_the_lease_at_once(
    sqlite_engine: Engine,
) -> None:
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = psutil.Process(killed.pid)
    lease_row(sqlite_engine, pid=killed.pid, process_started=process.create_time())
    killed.kill()
    while process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)

    with lease.take(sqlite_engine):
        pass
    killed.communicate()


def test_a_process_that_reuses_the_pid_is_not_the_holder(
    sqlite_engine: Engine,
) -> None:
    lease_row(sqlite_engine, process_started=psutil.Process().create_time() - 3600)

    with lease.take(sqlite_engine):
        pass


def test_a_holder_on_another_host_keeps_the_lease_until_it_expires(engine: Engine) -> None:
    lease_row(engine, host="elsewhere", pid=1, process_started=0.0)

    with pytest.raises(lease.LeaseTaken, match="process 7 on elsewhere has been collecting"):
        lease.take(engine)

    with writing(engine) as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(update(leases).values(expires_at=past))
    with lease.take(engine):
        pass


def steal(engine: Engine) -> None:
    """Another host takes the lease over: ours has expired, it thinks."""
    with writing(engine) as connection:
        connection.execute(update(leases).values(token="theirs", host="elsewhere"))


def test_a_lost_lease_is_detected_and_releasing_it_does_not_affect_the_new_holder(
    engine: Engine,
) -> None:
    with lease.take(engine) as held:
        steal(engine)
        with pytest.raises(lease.LeaseLost), writing(engine) as connection:
            held.hold(connection)

    with pytest.raises(lease.LeaseTaken):
        lease.take(engine)


def test_renewing_extends_a_lease_and_detects_its_loss(sqlite_engine: Engine) -> None:
    def expires_at() -> datetime:
        found: datetime = Hub(sqlite_engine).all(leases)[0].expires_at
        return found

    with lease.take(sqlite_engine) as held:
        first = expires_at()
        held.renew()
        assert expires_at() == first, "not at every page"

        held._renewed -= timedelta(seconds=30)
        held.renew()
        assert expires_at() > first

        steal(sqlite_engine)
        held._renewed -= timedelta(seconds=30)
        with pytest.raises(lease.LeaseLost):
            held.renew()


class Robbed(SmallSource):
    """A source during whose fetch somebody takes the lease over."""

    engine: Engine

    def fetch(self, session: Session) -> Iterator[Raw]:
        yield from super().fetch(session)
        steal(self.engine)


def test_a_lease_lost_while_collecting_publishes_nothing_and_the_run_says_why(
    engine: Engine,
) -> None:
    hub = Hub(engine)
    hub.collect(DAY, pcs(range(10)))
    before = hub.all(device_snapshots)
    robbed = Robbed("ninja")
    robbed.engine = engine
    hub.sources["ninja"] = robbed

    with pytest.raises(lease.LeaseLost):
        hub.collect(DAY + timedelta(days=1), pcs(range(11)))

    assert hub.all(device_snapshots) == before
    run = hub.runs()[-1]
    assert (run.state, run.published) == ("failed", False)
    assert run.reason.startswith("Another worker took over while this one was collecting")


class GoesOn(SmallSource):
    """A source that is robbed before its first page, and has a second one."""

    engine: Engine

    def fetch(self, session: Session) -> Iterator[Raw]:
        steal(self.engine)
        session.stats.count_page(0)
        raise AssertionError("it fetched on without a lease")
        yield {}


def test_a_long_collection_detects_a_lost_lease_after_a_page(
    sqlite_engine: Engine,
) -> None:
    source = GoesOn("ninja")
    source.engine = sqlite_engine

    with lease.take(sqlite_engine) as held, pytest.raises(lease.LeaseLost):
        held._renewed -= timedelta(seconds=30)
        collect(sqlite_engine, held, source, DAY, lambda: datetime.now(UTC))

    assert [run.state for run in Hub(sqlite_engine).runs()] == ["failed"]


# Real processes

StartCli = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def vendors() -> Iterator[SimulatedVendors]:
    fleet = Fleet(seed=1, devices=20, sites=3, last_day=date(2026, 3, 14), months=1)
    with SimulatedVendors(fleet) as running:
        yield running


@pytest.fixture
def start_cli(cli_environment: dict[str, str], sqlite_engine: Engine) -> Iterator[StartCli]:
    """Starts `inventory-hub ARGUMENTS` and does not wait for it."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments], env=cli_environment | variables,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def settings(vendors: SimulatedVendors, engine: Engine) -> dict[str, str]:
    return vendors.environ() | {"DATABASE_URL": str(engine.url)}


def wait_for_devices_to_be_asked(vendors: SimulatedVendors) -> None:
    end = time.monotonic() + 180
    while not any("devices-detailed" in request.path for request in vendors.requests):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_rel_12_of_two_processes_at_once_one_publishes_and_the_other_exits_5(
    vendors: SimulatedVendors, start_cli: StartCli, run_cli: RunCli, sqlite_engine: Engine
) -> None:
    environ = settings(vendors, sqlite_engine)
    vendors.ninja_faults.add("slow", "devices-detailed", seconds=60)
    first = start_cli("collect", "ninja", **environ)
    wait_for_devices_to_be_asked(vendors)

    second = run_cli("collect", "ninja", **environ)

    assert second.returncode == 5
    assert f"process {first.pid} on {platform.node()} has been collecting" in second.stderr
    assert "Traceback" not in second.stderr
    vendors.ninja_faults.clear()
    assert first.communicate(timeout=60)[0].startswith("ninja complete")
    assert first.returncode == 0
    assert [run.state for run in Hub(sqlite_engine).runs()] == ["complete"]


def test_a_holder_killed_with_9_is_taken_over_at_once(
    vendors: SimulatedVendors, start_cli: StartCli, run_cli: RunCli, sqlite_engine: Engine
) -> None:
    environ = settings(vendors, sqlite_engine)
    vendors.ninja_faults.add("slow", "devices-detailed", seconds=60)
    first = start_cli("collect", "ninja", **environ)
    wait_for_devices_to_be_asked(vendors)
    first.send_signal(signal.SIGKILL)
    vendors.ninja_faults.clear()

    second = run_cli("collect", "ninja", **environ)

    assert second.returncode == 0, second.stderr
    killed, done = Hub(sqlite_engine).runs()
    assert (killed.state, killed.published) == ("failed", False)
    assert killed.reason == "The process ended before the run did; nothing was published."
    assert (done.state, done.published) == ("complete", True)
