"""The spool: in order, bounded, and safe against torn files and full disks."""

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.spool import Spool
from agent.state import State
from tests.conftest import ROOT
from tests.support.samples import samples

DAY = 86400.0


class Clock:
    def __init__(self, now: float = 20_000 * DAY) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def report(number: int, size: int = 100) -> dict[str, Any]:
    return {"report_id": f"r{number:06d}", "padding": "x" * size}


def spool(
    folder: Path, clock: Clock | None = None, most: int = 10_000_000, days: int = 30
) -> Spool:
    return Spool(folder, most, days, clock or Clock())


def ids(found: Spool, count: int = 10**6) -> list[str]:
    return [kept.report_id for kept in found.oldest(count)]


def test_spool_is_first_in_first_out_across_restarts(tmp_path: Path) -> None:
    first = spool(tmp_path)
    for number in range(5):
        first.put(report(number))
    first.close()
    again = spool(tmp_path)
    assert len(again) == 5
    assert ids(again, 2) == ["r000000", "r000001"]
    again.remove(["r000000", "r000001", "never there"])
    assert ids(again) == ["r000002", "r000003", "r000004"] and len(again) == 3
    assert (tmp_path / "spool.db").stat().st_mode & 0o777 == 0o600


def test_full_spool_keeps_first_and_last_report_of_each_day(
    tmp_path: Path,
) -> None:
    clock = Clock()
    found = spool(tmp_path, clock, most=150_000)
    for number in range(3 * 1440 // 10):
        found.put(report(number * 10, size=1000))
        clock.now += 600
    kept = ids(found)
    assert kept == sorted(kept) and kept[-1] == "r004310"
    for day in range(3):
        assert f"r{day * 1440:06d}" in kept and f"r{day * 1440 + 1430:06d}" in kept
    of_first_day = [one for one in kept if one < "r001440"]
    assert of_first_day == ["r000000", "r001430"], "the oldest intermediate ones go first"
    assert 140 < len(kept) < 150
    assert (tmp_path / "spool.db").stat().st_size < 400_000


def test_reports_over_the_age_limit_are_dropped(tmp_path: Path) -> None:
    clock = Clock()
    found = spool(tmp_path, clock, days=2)
    for number in range(5):
        found.put(report(number))
        clock.now += DAY
    assert ids(found) == ["r000002", "r000003", "r000004"]


def test_first_and_last_reports_are_dropped_when_nothing_else_is_left(tmp_path: Path) -> None:
    clock = Clock()
    found = spool(tmp_path, clock, most=5000)
    for number in range(20):
        found.put(report(number, size=900))
        clock.now += DAY
    assert ids(found) == [f"r{number:06d}" for number in range(15, 20)]


@given(st.lists(st.integers(-2, 40), min_size=1, max_size=60), st.integers(300, 3000))
@settings(max_examples=samples(30, 1000))
def test_spool_stays_within_its_limit_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, hours: list[int], most: int
) -> None:
    clock = Clock()
    found = spool(tmp_path_factory.mktemp("spool"), clock, most=most)
    for number, passed in enumerate(hours):
        clock.now += passed * 3600
        found.put(report(number, size=50))
        kept = found.oldest(1000)
        assert sum(len(one.body) for one in kept) <= most
        assert [one.report_id for one in kept] == sorted(one.report_id for one in kept)
        assert kept[-1].report_id == f"r{number:06d}", "the newest is always there"
        assert len(found) == len(kept)
    found.close()


def test_torn_file_loses_little_and_raises_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    whole = spool(source)
    for number in range(200):
        whole.put(report(number, size=500))
    images = {path.name: path.read_bytes() for path in source.iterdir()}
    whole.close()
    closed = (source / "spool.db").read_bytes()
    chance = random.Random(4)
    said = 0
    for attempt in range(samples(40, 1000)):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        files = dict(images) if attempt % 2 else {"spool.db": closed}
        torn = chance.choice([name for name in files if not name.endswith("-shm")])
        content = bytearray(files[torn])
        if chance.random() < 0.5:
            del content[chance.randrange(len(content)) :]
        else:
            place = chance.randrange(len(content))
            content[place : place + 4096] = chance.randbytes(4096)
        files[torn] = bytes(content)
        for name, image in files.items():
            (folder / name).write_bytes(image)
        caplog.clear()
        found = spool(folder)
        found.put(report(999))
        kept = ids(found)
        assert kept[-1] == "r000999"
        assert kept == sorted(kept)
        found.remove(kept)
        assert len(found) == 0 and ids(found) == []
        found.close()
        said += "spool_corrupt=1" in caplog.text
        assert ("spool_corrupt=1" in caplog.text) == (folder / "spool.damaged").exists()
    assert said > 5, "nothing was torn that mattered"


@pytest.mark.parametrize(
    "content", [b"", b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 84]
)
def test_foreign_file_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "spool.db").write_bytes(content)
    found = spool(tmp_path)
    found.put(report(1))
    assert ids(found) == ["r000001"]
    assert (tmp_path / "spool.damaged").exists() == bool(content)


def test_a_spool_of_a_later_version_is_set_aside(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "spool.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    found = spool(tmp_path)
    found.put(report(1))
    assert ids(found) == ["r000001"]


def test_reports_of_another_machine_id_are_dropped(tmp_path: Path) -> None:
    found = spool(tmp_path)
    for number, machine in enumerate("aab"):
        found.put({"machine_id": machine * 64, **report(number)})
    found.drop_other_machines("a" * 64)
    assert ids(found) == ["r000000", "r000001"] and len(found) == 2


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process grows beyond a few bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def test_full_disk_keeps_reports_in_memory_without_duplicates(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = spool(tmp_path)
    for number in range(3):
        found.put(report(number))
    with full_disk():
        for number in range(3, 6):
            found.put(report(number))
        assert ids(found) == [f"r{number:06d}" for number in range(6)] and len(found) == 6
        found.remove(["r000000", "r000003"])
        assert ids(found, 2) == ["r000001", "r000002"]
        assert ids(found) == ["r000001", "r000002", "r000004", "r000005"]
    assert caplog.text.count("Reports wait in memory") == 1
    found.put(report(6))
    found.close()
    again = spool(tmp_path)
    found.remove(["r000001"])
    assert ids(again)[-3:] == ["r000004", "r000005", "r000006"]


def test_state_is_saved_later_after_a_full_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = State(tmp_path)
    state.machine_id, state.key = "f" * 64, "key"
    with full_disk():
        state.save_or_log()
        state.save_or_log()
    assert state.unsaved and caplog.text.count("cannot be written") == 1
    state.save_or_log()
    assert not state.unsaved and State(tmp_path).key == "key"


KILLED = """
import itertools, sys
from pathlib import Path
from agent.spool import Spool
spool = Spool(Path(sys.argv[1]), 10_000_000, 30)
for number in itertools.count():
    spool.put({"report_id": f"r{number:06d}", "padding": "x" * 900})
    print(number, flush=True)
"""


def test_spooled_reports_survive_kill_9(tmp_path: Path) -> None:
    for attempt in range(samples(3, 50)):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, folder],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        time.sleep(random.random() / 20)
        process.kill()
        lines = process.stdout.read().split()
        process.wait()
        said = int(lines[-1]) if lines else 19
        kept = ids(spool(folder, Clock(time.time())))
        assert kept == [f"r{number:06d}" for number in range(len(kept))]
        assert said + 1 <= len(kept) <= said + 2
