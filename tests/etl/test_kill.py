"""`collect` killed with SIGKILL, anywhere: never a half-published day, and the very next plain
`collect` ends where an uninterrupted one would have ended."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, func, select

from db import migrate
from db.engine import open_engine, reading, sqlite_url
from db.keys import as_of
from db.tables import (
    OPEN_END,
    collection_runs,
    daily_counts,
    device_snapshots,
    devices,
)
from etl.demo.fleet import Fleet, Row
from etl.demo.servers import SimulatedVendors
from tests.conftest import ROOT
from tests.support.samples import FULL
from tests.support.servers import DatabaseServer
from tests.support.small_hub import contents

DAY = date(2024, 3, 14)
COLLECT = ["collect", "--date", DAY.isoformat()]
SAMPLE = 4
Contents = dict[str, list[tuple[Any, ...]]]


class Killable:
    """The warm process that runs commands in forks of itself."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killable_cli"], cwd=folder, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def begin(self, url: URL, *arguments: str, kill_at: int | None = None, **environ: str) -> int:
        """Start a command on a database; its process id."""
        address = {"DATABASE_URL": url.render_as_string(hide_password=False)}
        task = {"arguments": arguments, "environ": address | environ, "kill_at": kill_at}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        pid: int = self._answer()["pid"]
        return pid

    def end(self) -> dict[str, Any]:
        """How the command ended."""
        return self._answer()

    def run(
        self, url: URL, *arguments: str, kill_at: int | None = None, **environ: str
    ) -> dict[str, Any]:
        self.begin(url, *arguments, kill_at=kill_at, **environ)
        return self.end()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the warm process has died"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        self._process.communicate()


@dataclass
class Scene:
    """A database before a collection, and everything that may be in it while it goes on."""

    base: URL
    copy: Callable[[URL], Any]
    vendors: SimulatedVendors
    commands: Killable
    environ: dict[str, str]
    states: list[Contents] = field(default_factory=list)
    boundaries: int = 0

    def check(self, url: URL) -> int:
        """Which of the states is in the database; its runs agree."""
        engine = open_engine(url)
        try:
            found = contents(engine)
            with reading(engine) as connection:
                runs = connection.execute(select(collection_runs)).all()
        finally:
            engine.dispose()
        published = Counter((run.source, run.business_date) for run in runs if run.published)
        assert all(n == 1 for n in published.values())
        assert all(run.state == "complete" for run in runs if run.published)
        differing = [
            sorted(name for name in state if state[name] != found[name]) for state in self.states
        ]
        assert [] in differing, f"half a day: each state differs in {differing}"
        return differing.index([])

    def survives(self, kill: Callable[[URL], None]) -> None:
        """`kill` a collection somewhere; the day is whole, and the next collection ends well."""
        with self.copy(self.base) as url:
            kill(url)
            self.check(url)

            again = self.commands.run(url, *COLLECT, **self.environ)

            assert again["status"] == 0, again["output"]
            assert self.check(url) == len(self.states) - 1
            engine = open_engine(url)
            with reading(engine) as connection:
                states = set(connection.scalars(select(collection_runs.c.state)))
            engine.dispose()
            assert states <= {"complete", "failed"}


@contextmanager
def copied_file(base: URL) -> Iterator[URL]:
    original = Path(str(base.database))
    path = original.with_name("killed.db")
    shutil.copyfile(original, path)
    yield sqlite_url(path)
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def copies_on(server: DatabaseServer) -> Callable[[URL], Any]:
    @contextmanager
    def copied_database(base: URL) -> Iterator[URL]:
        url = server.create(base)
        yield url
        server.drop(url)

    return copied_database


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=1, devices=30, sites=4, last_day=DAY, months=3)


@pytest.fixture(scope="module")
def vendors(fleet: Fleet) -> Iterator[SimulatedVendors]:
    with SimulatedVendors(fleet, page_limit=12) as running:
        yield running


@pytest.fixture(scope="module")
def commands(
    vendors: SimulatedVendors, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Killable]:
    killable = Killable(vendors.environ(), tmp_path_factory.mktemp("warm"))
    yield killable
    killable.stop()


def with_notes(rows: list[Row]) -> list[Row]:
    return [{**row, "notes": "before"} if n % 3 == 0 else row for n, row in enumerate(rows)]


def live(vendors: SimulatedVendors, fleet: Fleet, day: date, *, noted: bool = False) -> None:
    """The vendors answer as on `day`, without that day's troubles; with a note on every third
    device when `noted`."""
    vendors.world = fleet
    vendors.day = day
    if noted:
        ninja, portal = fleet.ninja(day), fleet.threatlocker(day)
        vendors.world = (
            ninja._replace(devices=with_notes(ninja.devices)),
            portal._replace(computers=with_notes(portal.computers)),
        )
    vendors.ninja_faults.standing.clear()
    vendors.threatlocker_faults.standing.clear()


def consistent(engine_url: URL) -> Contents:
    """What is in a database, after a check that its parts agree with each other."""
    engine = open_engine(engine_url)
    c = device_snapshots.c
    with reading(engine) as connection:
        told = set(connection.scalars(select(c.device_id)))
        assert set(connection.scalars(select(devices.c.device_id))) == told
        counted = dict(
            connection.execute(
                select(daily_counts.c.basis, func.sum(daily_counts.c.n))
                .where(daily_counts.c.snapshot_date == DAY, daily_counts.c.basis != "assets")
                .group_by(daily_counts.c.basis)
            ).all()
        )
        standing = dict(
            connection.execute(
                select(c.source, func.count()).where(as_of(DAY)).group_by(c.source)
            ).all()
        )
        ended = select(func.count()).where(c.valid_to <= c.valid_from)
        assert connection.scalar(ended) == 0
        open_twice = select(c.device_id).where(c.valid_to == OPEN_END).group_by(c.device_id)
        assert not connection.scalars(open_twice.having(func.count() > 1)).all()
    assert counted.items() <= standing.items()
    found = contents(engine)
    engine.dispose()
    return found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Callable[[], URL], Callable[[URL], Any]]:
    """What makes a migrated database, and what copies one for a while."""
    made: list[URL] = []
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("killed")
        copy: Callable[[URL], Any] = copied_file
    else:
        server: DatabaseServer = request.getfixturevalue("postgres_server")
        copy = copies_on(server)

    def make() -> URL:
        if request.param == "sqlite":
            made.append(sqlite_url(folder / f"{len(made)}" / "base.db"))
        else:
            made.append(server.create())
        engine = open_engine(made[-1])
        migrate.upgrade(engine)
        engine.dispose()
        return made[-1]

    return make, copy


@pytest.fixture(scope="module", params=["a new day", "a day once more"])
def scene(
    request: pytest.FixtureRequest, vendors: SimulatedVendors, fleet: Fleet, commands: Killable,
    databases: tuple[Callable[[], URL], Callable[[URL], Any]],
) -> Scene:  # fmt: skip
    make, copy = databases
    base = make()
    # What only the first day said is what the purge will take.
    before = [(DAY - timedelta(days=2), 30, True), (DAY - timedelta(days=1), 30, False)]
    before += [(DAY, 20, False)] if request.param == "a day once more" else []
    for day, back, noted in before:
        live(vendors, fleet, DAY - timedelta(days=back), noted=noted)
        done = commands.run(base, "collect", "--date", day.isoformat())
        assert done["status"] == 0, done["output"]
    live(vendors, fleet, DAY)
    scene = Scene(
        base, copy, vendors, commands,
        {"RETENTION_DAYS": "1", "MONTH_END_RETENTION_MONTHS": "0"},
    )  # fmt: skip

    def state(*arguments: str, **environ: str) -> Contents:
        with copy(base) as url:
            done = commands.run(url, *COLLECT, *arguments, **environ)
            assert done["status"] == 0, done["output"]
            scene.boundaries = done["boundaries"]
            return consistent(url)

    # Before; with one source published; with both; and after the purge.
    keep = {"RETENTION_DAYS": "65"}
    scene.states = [
        consistent(base), state("ninja", **keep), state(**keep), state(**scene.environ),
    ]  # fmt: skip
    assert all(one != other for one, other in zip(scene.states, scene.states[1:], strict=False))
    assert scene.boundaries > 150
    return scene


def sample(count: int) -> list[int]:
    """Numbers from 1 to `count`: all of them, or some spread over all, the last among them."""
    step = 1 if FULL else max(count // SAMPLE, 1)
    return list(range(count, 0, -step))


def test_rel_05_killed_at_a_statement_no_day_is_half_published_and_the_next_run_ends_well(
    scene: Scene,
) -> None:
    for boundary in sample(scene.boundaries):

        def kill(url: URL, boundary: int = boundary) -> None:
            done = scene.commands.run(url, *COLLECT, kill_at=boundary, **scene.environ)
            assert done["status"] == -signal.SIGKILL, (boundary, done["output"])

        scene.survives(kill)


def requests_of(scene: Scene) -> list[str]:
    """The vendors' names in the order of the requests of one collection."""
    scene.vendors.requests.clear()
    with scene.copy(scene.base) as url:
        scene.commands.run(url, *COLLECT)
    return [asked.vendor for asked in scene.vendors.requests]


def test_rel_05_killed_while_a_page_is_on_its_way_no_day_is_half_published(
    scene: Scene,
) -> None:
    asked = requests_of(scene)
    assert asked.count("ninja") > 8 and asked.count("threatlocker") > 1
    for turn in sample(len(asked)):
        vendor = asked[turn - 1]
        earlier = asked[: turn - 1].count(vendor)
        faults = (
            scene.vendors.ninja_faults if vendor == "ninja" else scene.vendors.threatlocker_faults
        )

        def kill(url: URL, faults: Any = faults, earlier: int = earlier) -> None:
            fault = faults.add("slow", "", after=earlier, seconds=60)
            pid = scene.commands.begin(url, *COLLECT, **scene.environ)
            end = time.monotonic() + 180
            while not fault.times_used:
                assert time.monotonic() < end
                time.sleep(0.005)
            os.kill(pid, signal.SIGKILL)
            assert scene.commands.end()["status"] == -signal.SIGKILL
            faults.clear()

        scene.survives(kill)


def test_a_kill_point_after_the_last_boundary_kills_nothing(scene: Scene) -> None:
    with scene.copy(scene.base) as url:
        done = scene.commands.run(url, *COLLECT, kill_at=scene.boundaries + 1, **scene.environ)

        assert done["status"] == 0
        assert scene.check(url) == len(scene.states) - 1
