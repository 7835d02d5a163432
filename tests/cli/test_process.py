"""`process` redoes the counts from the snapshots; `worker` and the others check their settings."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, update

from db.engine import writing
from db.tables import collection_runs, daily_counts, device_snapshots, month_end_counts
from etl.runtime import lease
from tests.support.api_server import address
from tests.support.cli import CliHere
from tests.support.small_hub import Hub, Pc, contents, pcs

pytestmark = pytest.mark.any_database

START = date(2023, 12, 20)


def filled(engine: Engine) -> Hub:
    """A hub of two sources that were collected over the turn of the year, with gaps."""
    hub, luck = Hub(engine), random.Random(3)
    fleets = {"ninja": pcs(range(20)), "threatlocker": pcs(range(15), node_class=None)}
    for back in (0, 3, 9, 11, 12, 13, 40, 41, 44, 50, 58, 60):
        for source, fleet in fleets.items():
            if luck.random() < 0.3:
                continue
            turn = luck.randrange(len(fleet))
            names = {"hostname": f"pc-{turn}", "display_name": luck.choice(("SPARE", "Desk"))}
            fleet[turn] = replace(fleet[turn], **names)
            fleet.append(Pc(f"new-{back}", org="2", org_name="Pelican"))
            assert hub.collect(START + timedelta(days=back), fleet, source).state == "complete"
    return hub


def test_process_restores_deleted_counts(engine: Engine, cli: CliHere) -> None:
    filled(engine)
    before = contents(engine)
    assert len(before["month_end_counts"]) > 10
    with writing(engine) as connection:
        connection.execute(delete(daily_counts))
        connection.execute(delete(month_end_counts))

    result = cli("process", DATABASE_URL=address(engine))

    assert result.exit_code == 0, result.output
    assert contents(engine) == before
    assert "purged 0 stretches" in result.stdout


def test_process_corrects_wrong_counts_only(sqlite_engine: Engine, cli: CliHere) -> None:
    day = filled(sqlite_engine).runs()[0].business_date
    before = contents(sqlite_engine)
    extra = {"site_id": 99, "device_type": "server", "billing_status": "billable", "n": 7}
    with writing(sqlite_engine) as connection:
        connection.execute(update(daily_counts).values(n=daily_counts.c.n + 5))
        connection.execute(update(month_end_counts).values(n=0))
        connection.execute(insert(daily_counts).values(snapshot_date=day, basis="ninja", **extra))
        connection.execute(insert(month_end_counts).values(month="2024-01", basis="ninja", **extra))

    assert cli("process", DATABASE_URL=address(sqlite_engine)).exit_code == 0

    assert contents(sqlite_engine) == before


def test_after_a_purge_the_counts_of_the_kept_days_are_recomputed(
    sqlite_engine: Engine, cli: CliHere
) -> None:
    filled(sqlite_engine)
    settings = {
        "DATABASE_URL": address(sqlite_engine), "RETENTION_DAYS": "10",
        "MONTH_END_RETENTION_MONTHS": "2", "MONTH_CLOSE_DAYS": "99",
    }  # fmt: skip
    months_before = contents(sqlite_engine)["month_end_counts"]
    first = cli("process", **settings)
    assert "purged 0" not in first.stdout
    before = contents(sqlite_engine)
    assert before["month_end_counts"] == months_before
    with writing(sqlite_engine) as connection:
        connection.execute(delete(daily_counts))

    second = cli("process", **settings)

    assert "purged 0" in second.stdout
    assert contents(sqlite_engine) == before


def test_rebuild_leaves_earlier_days_unchanged(sqlite_engine: Engine, cli: CliHere) -> None:
    filled(sqlite_engine)
    before = contents(sqlite_engine)
    since = START + timedelta(days=41)
    with writing(sqlite_engine) as connection:
        connection.execute(update(daily_counts).values(n=daily_counts.c.n + 5))

    result = cli("process", "--rebuild", since.isoformat(), DATABASE_URL=address(sqlite_engine))

    assert result.exit_code == 0
    told, right = contents(sqlite_engine)["daily_counts"], before["daily_counts"]
    # What stands on that date was said on it or before: from there on it is redone.
    standing = {row[1]: row[0] for row in right if row[0] <= since}
    for now, then in zip(told, right, strict=True):
        assert (now == then) == (then[0] >= standing[then[1]]), then


def test_process_changes_no_snapshot_and_no_run(sqlite_engine: Engine, cli: CliHere) -> None:
    hub = filled(sqlite_engine)
    before = [hub.all(table) for table in (device_snapshots, collection_runs)]

    cli("process", DATABASE_URL=address(sqlite_engine))

    assert [hub.all(table) for table in (device_snapshots, collection_runs)] == before


def test_process_without_data_does_nothing(sqlite_engine: Engine, cli: CliHere) -> None:
    result = cli("process", DATABASE_URL=address(sqlite_engine))

    assert result.exit_code == 0
    assert result.stdout == "Recalculated 0 days; purged 0 stretches.\n"


def test_process_exits_5_while_a_collection_runs(sqlite_engine: Engine, cli: CliHere) -> None:
    with lease.take(sqlite_engine):
        result = cli("process", DATABASE_URL=address(sqlite_engine))

    assert result.exit_code == 5
    assert f"process {os.getpid()} on " in result.stderr


@pytest.fixture
def configured() -> Iterator[dict[str, str]]:
    yield {"NINJA_CLIENT_ID": "id", "NINJA_CLIENT_SECRET": "of-ours"}


@pytest.mark.parametrize(
    ("command", "changed", "sentence"),
    [
        ("process", {"RETENTION_DAYS": "x"}, "RETENTION_DAYS is 'x'"),
        ("process", {"TIMEZONE": "x"}, "TIMEZONE is 'x'"),
        ("worker", {"RETENTION_DAYS": "x"}, "RETENTION_DAYS is 'x'"),
        ("worker", {"TIMEZONE": "x"}, "TIMEZONE is 'x'"),
        ("worker", {"COLLECT_AT": "ninja=99:00"}, "COLLECT_AT cannot be read: set it like"),
        ("worker", {"NINJA_CLIENT_SECRET": ""}, "NINJA_CLIENT_SECRET is not set"),
        ("worker", {"NINJA_BASE_URL": "x"}, "NINJA_BASE_URL is 'x'"),
    ],
)
def test_a_wrong_setting_is_named_before_any_work(
    cli: CliHere, configured: dict[str, str], tmp_path: Path, command: str,
    changed: dict[str, str], sentence: str,
) -> None:  # fmt: skip
    result = cli(command, **configured | changed)

    assert result.exit_code == 2
    assert sentence in result.stderr and len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("collekt",), ("process", "--rebuild", "x"), ("--wrong",)])
def test_a_wrong_argument_exits_2(cli: CliHere, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).exit_code == 2


def test_counts_of_future_days_cannot_be_rebuilt(cli: CliHere, tmp_path: Path) -> None:
    result = cli("process", "--rebuild", "2206-11-30")
    assert result.exit_code == 2 and "2206-11-30 is in the future: choose" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_version_and_help_are_printed(cli: CliHere) -> None:
    assert cli("--version").stdout.startswith("inventory-hub, version ")
    told: Any = cli("--help").stdout
    for command in ("collect", "demo", "doctor", "migrate", "process", "serve", "worker"):
        assert f"\n  {command} " in told
