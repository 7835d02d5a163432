"""`python -m bench`, on a handful of devices: every figure is there, whatever it says. Its limits
are for the full size."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.measurements import Measurement, interleaved, table
from tests.conftest import ROOT
from tests.support.samples import some

FIGURES = {
    "disk after all days": 0.05,
    "publishing a day, its transaction": 0.2,
    "publishing a day, from fetched rows on": None,
    "counting one date": 1.5,
    "counting one date, searched": 1.5,
    "comparing two dates, records": 1.5,
    "comparing two dates, assets": 1.5,
    "changes of all sites, records": 2.0,
    "changes of all sites, assets": 2.0,
    "the full CSV, records": 1.5,
    "the full CSV, assets": 1.5,
    "the full CSV, memory it takes": 30.0,
}
MATCHING = {
    "matching from nothing": 10.0,
    "matching, memory it takes": 500.0,
    "matching a day": 1.0,
}
DECIDING = {
    "preview of a merge of sites": 5.0,
    "preview of new rules": 5.0,
    "a merge of sites, taken": None,
    "a merge of sites, undone": None,
    "new rules, taken": None,
}
AGENT = {"resident memory": 40.0, "of one core, at 60 s": 0.5}
INGEST = {
    "report, kept connections, against hello": 2.5,
    "report, a new connection each, against hello": 2.5,
    "report, a new connection each": None,  # a limit of its own on each database
    "report, a new connection each, p99": 250.0,
}
LISTING = {
    f"{what}{query}{page}": 3.0
    for query in ("", "?sort=state", "?q=pc-00")
    for what, page in (("GET /api/machines", ", a page"), ("the grid of machines", ""))
}
CLICKS = (
    "Coverage from the menu", "Overview from the menu", "Back to the Overview",
    "compare to another day", "filter by a site", "Clear filters", "Why", "a site",
)  # fmt: skip
PAGES = dict.fromkeys(CLICKS, 1.5) | {
    "cold Overview": 1.3,
    "cold Overview, same chart library": None,
    "cold Overview, main thread blocked": 1.5,
    "cold Overview, requests": 35.0,
    "cold Overview, transferred": 900.0,
    "cold Overview, layout shift": 0.02,
}
SIGN_IN = {
    "callback of the Overview, with sign-in against without": 1.03,
    "report of a machine, the same": 1.05,
}
MEASURED = {
    "snapshots": FIGURES, "matching": MATCHING, "decisions": DECIDING, "machine-list": LISTING,
    "ingest": INGEST, "agent": AGENT,
}  # fmt: skip
"""The parts that the first test runs, `make test` some of them, and their figures."""
PARTS = some(MEASURED, 3)
TINY = (
    "--devices", "80", "--days", "4", "--runs", "2", "--machines", "1000", "--listed", "150",
    "--matched", "90", "--seconds", "0.2", "--parts", *PARTS,
)  # fmt: skip


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=800,
    )


def check_limits(rows: list[list[str]], limits: dict[str, float | None]) -> None:
    for row in rows:
        limit, rest = limits[row[1]], row[2:]
        if limit is not None:
            assert float(rest[-2]) == limit
            assert rest[-1] in ("ok", "MISSED")
        numbers = [text for text in rest[1:4] if text not in ("ok", "MISSED")]
        assert all(float(number) >= 0 for number in numbers)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for temporary files, which the server's own user may pass through."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.mark.parametrize(
    "kinds", [("sqlite",), pytest.param(("sqlite", "postgresql"), marks=pytest.mark.full)]
)
def test_the_report_is_complete_and_nothing_is_left_behind(
    folder: Path, kinds: tuple[str, ...]
) -> None:
    done = bench(folder, *TINY, "--databases", *kinds)
    assert done.returncode in (0, 1), done.stderr
    heading, _, *lines = done.stdout.splitlines()
    assert heading.startswith("80 devices x 4 days, 1 % really change a day")
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    assert cells[0] == ["database", "figure", "unit", "ours", "floor", "ratio", "limit", "ok?"]
    names = [tuple(row[:2]) for row in cells[1:]]
    assert names == [
        (kind, name)
        for part in PARTS
        for kind in (("agent",) if part == "agent" else kinds)
        for name in MEASURED[part]
    ]
    check_limits(cells[1:], FIGURES | MATCHING | DECIDING | LISTING | INGEST | AGENT)
    assert ("MISSED" in done.stdout) == (done.returncode == 1)
    assert [path.name for path in folder.iterdir()] == []


@pytest.mark.full
def test_clicks_and_loads_of_a_fleet_are_measured_in_the_browser(folder: Path) -> None:
    done = bench(
        folder, "--parts", "browser", "--sites", "3", "--runs", "1", "--databases", "sqlite"
    )
    assert done.returncode in (0, 1), done.stderr
    cells = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()[3:]]
    assert [tuple(row[:2]) for row in cells] == [("3 sites", name) for name in PAGES]
    check_limits(cells, PAGES)
    assert [path.name for path in folder.iterdir()] == []


@pytest.mark.full
def test_what_sign_in_adds_is_measured(folder: Path) -> None:
    done = bench(folder, "--parts", "sign-in", "--runs", "1", "--databases", "sqlite")
    assert done.returncode in (0, 1), done.stderr
    cells = [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()[3:]]
    assert [row[1] for row in cells] == list(SIGN_IN)
    check_limits(cells, SIGN_IN)


def test_limits_are_kept_or_missed_and_set_the_exit_code() -> None:
    kept = Measurement("sqlite", "half", "ms", 1.0, 2.0, 0.5)
    missed = Measurement("sqlite", "more than half", "ms", 1.1, 2.0, 0.5)
    told = Measurement("sqlite", "only told", "ms", 9.0, 2.0)
    memory = Measurement("sqlite", "memory", "MB", 31.0, None, 30.0)
    assert [figure.kept for figure in (kept, missed, told, memory)] == [True, False, None, False]
    assert [line.split()[-1] for line in table((kept, missed, memory)).splitlines()] == [
        "ok?", "ok", "MISSED", "MISSED",
    ]  # fmt: skip


def test_both_sides_are_measured_alternately_and_the_first_of_each_is_discarded() -> None:
    calls: list[str] = []
    pair = interleaved(lambda: calls.append("ours"), lambda: calls.append("floor"), 3)
    assert sorted(calls) == ["floor"] * 4 + ["ours"] * 4
    assert all(set(calls[turn : turn + 2]) == {"ours", "floor"} for turn in range(0, 8, 2))
    assert 0 <= pair.ours < 1 and 0 <= pair.floor < 1


@pytest.mark.parametrize(
    "arguments",
    [("--days", "3"), pytest.param(("--databases", "oracle"), marks=pytest.mark.full)],
)
def test_an_invalid_argument_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = bench(tmp_path, *arguments)
    assert done.returncode == 2
    assert arguments[0] in done.stderr
