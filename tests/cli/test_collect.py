"""`collect`: sources, dates, exit codes, and settings that are checked before any work."""

import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.tables import device_snapshots, leases
from etl.demo.servers import SimulatedVendors
from tests.conftest import COMMAND, RunCli
from tests.support.cli import LAST, CliHere
from tests.support.small_hub import Hub

BEFORE = LAST - timedelta(days=1)


# What it does


def test_without_names_every_configured_source_is_collected_for_today(
    cli: CliHere, environ: dict[str, str], sqlite_engine: Engine
) -> None:
    today = datetime.now(UTC).date()

    result = cli("collect", **environ)

    assert result.exit_code == 0, result.output
    told = [line.split(" for ")[0] for line in result.stdout.splitlines()]
    assert told == ["ninja complete", "threatlocker complete"]
    hub = Hub(sqlite_engine)
    assert len(hub.on(date.max - timedelta(days=1))) == 40
    days = [run.business_date for source in hub.sources for run in hub.runs(source)]
    assert len(days) == 2 and set(days) <= {today, today + timedelta(days=1)}


def test_without_a_terminal_progress_is_plain_lines(cli: CliHere, environ: dict[str, str]) -> None:
    result = cli("collect", **environ)

    assert "Collecting NinjaRMM ...\n" in result.stderr
    assert "Collecting ThreatLocker ...\n" in result.stderr
    assert "\r" not in result.output and "\x1b" not in result.output


def test_only_configured_sources_are_collected(
    cli: CliHere, environ: dict[str, str], sqlite_engine: Engine
) -> None:
    for name in ("THREATLOCKER_BASE_URL", "THREATLOCKER_API_KEY", "THREATLOCKER_ORGANIZATION_ID"):
        del environ[name]

    assert cli("collect", **environ).exit_code == 0

    hub = Hub(sqlite_engine)
    assert [len(hub.runs(source)) for source in ("ninja", "threatlocker")] == [1, 0]


def test_only_named_sources_are_collected_and_each_once(
    cli: CliHere, environ: dict[str, str], sqlite_engine: Engine
) -> None:
    assert cli("collect", "threatlocker", "threatlocker", **environ).exit_code == 0

    hub = Hub(sqlite_engine)
    assert [len(hub.runs(source)) for source in ("ninja", "threatlocker")] == [0, 1]


def test_with_due_a_source_is_collected_once_a_day_after_its_time(
    cli: CliHere, environ: dict[str, str], sqlite_engine: Engine
) -> None:
    hub = Hub(sqlite_engine)
    # A zone in which it is noon: the day does not end while this runs.
    zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
    due = partial(
        cli, "collect", "--due",
        TIMEZONE=zone, COLLECT_AT="ninja=02:00,threatlocker=03:00", **environ,
    )  # fmt: skip

    failed = due("ninja", NINJA_CLIENT_SECRET="wrong")
    assert failed.exit_code == 4, failed.output
    first, again = due("ninja"), due("ninja")
    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert "ninja complete" in first.output and again.stdout == "Nothing is due.\n"
    assert [len(hub.runs(source)) for source in ("ninja", "threatlocker")] == [2, 0]

    # Without names every configured source that is left; the agent waits for a first report.
    assert "threatlocker complete" in (rest := due().output) and "ninja complete" not in rest
    assert due("agent").stdout == "Nothing is due.\n"
    # A timer may be there before the source is configured.
    unconfigured = cli("collect", "--due", "ninja", DATABASE_URL=environ["DATABASE_URL"])
    assert (unconfigured.exit_code, unconfigured.stdout) == (0, "Nothing is due.\n")
    assert cli("collect", "--due", "--date", "2026-03-14", **environ).exit_code == 2


def test_a_given_date_is_the_business_date_and_collecting_it_again_replaces_it(
    cli: CliHere, environ: dict[str, str], sqlite_engine: Engine
) -> None:
    for _ in range(2):
        assert cli("collect", "ninja", "--date", "2026-03-14", **environ).exit_code == 0

    hub = Hub(sqlite_engine)
    assert [(run.business_date, run.published) for run in hub.runs()] == [
        (LAST, False), (LAST, True),
    ]  # fmt: skip
    assert {row.valid_from for row in hub.all(device_snapshots)} == {LAST}


def test_a_new_database_is_created_in_the_data_folder(
    cli: CliHere, vendors: SimulatedVendors, tmp_path: Path
) -> None:
    result = cli("collect", "ninja", DATA_DIR=str(tmp_path / "new" / "data"), **vendors.environ())

    assert result.exit_code == 0, result.output
    assert (tmp_path / "new" / "data" / "inventory.db").exists()


def test_dotenv_is_read_literally_and_the_environment_wins(
    cli_environment: dict[str, str], vendors: SimulatedVendors, run_cli: RunCli, tmp_path: Path
) -> None:
    lines = [f"{name}='{value}'" for name, value in vendors.environ().items()]
    (tmp_path / ".env").write_text("\n".join([*lines, "DATA_DIR='da$ta #1'", "TIMEZONE=Mars"]))

    done = run_cli("collect", "ninja", TIMEZONE="America/Chicago")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "da$ta #1" / "inventory.db").exists()


# Exit codes


def test_a_suspicious_run_exits_3_and_says_why(
    cli: CliHere, environ: dict[str, str], vendors: SimulatedVendors
) -> None:
    assert cli("collect", "ninja", "--date", "2026-03-13", **environ).exit_code == 0
    vendors.ninja_faults.add("fewer_rows", "devices-detailed", times=None, rows=30)

    result = cli("collect", "ninja", "--date", "2026-03-14", **environ)

    assert result.exit_code == 3
    assert result.stdout.startswith("ninja suspicious for 2026-03-14: 10 records. 30 of 40 devices")


def test_a_failed_run_exits_4_and_says_why(
    cli: CliHere, environ: dict[str, str], vendors: SimulatedVendors, sqlite_engine: Engine
) -> None:
    vendors.ninja_faults.add("forbidden", "devices-detailed")

    result = cli("collect", "ninja", **environ)

    assert result.exit_code == 4
    assert "ninja failed for" in result.stdout and "answered 403" in result.stdout
    assert "Give the API client the scope Monitoring" in result.stdout
    assert Hub(sqlite_engine).all(device_snapshots) == []


def test_exit_code_is_that_of_the_worst_source_and_all_are_collected(
    cli: CliHere, environ: dict[str, str], vendors: SimulatedVendors, sqlite_engine: Engine
) -> None:
    cli("collect", "--date", "2026-03-13", **environ)
    vendors.ninja_faults.add("forbidden", "devices-detailed")
    vendors.threatlocker_faults.add("missing_id", "ComputerGetByAll")
    assert cli("collect", "--date", "2026-03-14", **environ).exit_code == 4

    vendors.threatlocker_faults.add("missing_id", "ComputerGetByAll")
    assert cli("collect", "--date", "2026-03-14", **environ).exit_code == 3

    states = {name: [run.state for run in Hub(sqlite_engine).runs(name)] for name in
              ("ninja", "threatlocker")}  # fmt: skip
    assert states == {
        "ninja": ["complete", "failed", "complete"],
        "threatlocker": ["complete", "suspicious", "suspicious"],
    }


def test_a_refused_date_exits_2_before_any_source_is_collected(
    cli: CliHere, environ: dict[str, str], vendors: SimulatedVendors
) -> None:
    cli("collect", "threatlocker", "--date", "2026-03-14", **environ)
    vendors.requests.clear()

    result = cli("collect", "--date", "2026-03-13", **environ)

    assert result.exit_code == 2
    assert result.stderr == (
        "2026-03-13 is before 2026-03-14, the newest published day of threatlocker. "
        "Choose 2026-03-14 to replace it, or a later day.\n"
    )
    assert vendors.requests == []


def test_a_date_in_the_future_exits_2(cli: CliHere, environ: dict[str, str]) -> None:
    result = cli("collect", "--date", "2999-01-01", **environ)

    assert result.exit_code == 2
    assert result.stderr.startswith("2999-01-01 is in the future: today is 20")


def test_a_database_that_does_not_answer_exits_4_in_one_sentence(
    cli: CliHere, environ: dict[str, str]
) -> None:
    environ["DATABASE_URL"] = "postgresql://hub:of-ours@127.0.0.1:9/hub"

    result = cli("collect", **environ)

    assert result.exit_code == 4
    assert result.stderr.startswith("The database refused: ")
    assert "Start the database server of 127.0.0.1, or correct DATABASE_URL." in result.stderr
    assert "of-ours" not in result.output


def test_a_wrong_key_fails_the_run_and_no_secret_is_shown(
    run_cli: RunCli, environ: dict[str, str]
) -> None:
    environ |= {"NINJA_CLIENT_SECRET": "a-secret-of-ours", "LOG_LEVEL": "DEBUG"}

    done = run_cli("collect", "ninja", **environ)

    assert done.returncode == 4
    assert "Check NINJA_CLIENT_ID and NINJA_CLIENT_SECRET" in done.stdout
    assert "a-secret-of-ours" not in done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_collection_with_exit_4_and_leaves_nothing_half_written(
    cli_environment: dict[str, str], environ: dict[str, str], vendors: SimulatedVendors,
    sqlite_engine: Engine, number: signal.Signals,
) -> None:  # fmt: skip
    vendors.ninja_faults.add("slow", "devices-detailed", seconds=600)
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "collect"], env=cli_environment | environ,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Tests that run in the background of a shell would pass on that SIGINT is ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    end = time.monotonic() + 180
    while not any("devices-detailed" in asked.path for asked in vendors.requests):
        assert time.monotonic() < end
        time.sleep(0.02)

    process.send_signal(number)
    _, told = process.communicate(timeout=300)

    assert process.returncode == 4
    assert told.splitlines()[-1] == (
        "Stopped by a signal; what was not complete was not published. "
        "To go on, give the same command again."
    )
    assert "Traceback" not in told
    hub = Hub(sqlite_engine)
    assert [run.reason for run in hub.runs()] == ["Stopped by hand; nothing was published."]
    assert hub.runs("threatlocker") == [] and hub.all(device_snapshots) == []
    assert hub.all(leases)[0].token is None


# Wrong settings: one sentence, exit 2, before any work


@pytest.mark.parametrize(
    ("arguments", "changed", "sentence"),
    [
        (
            (),
            {"NINJA_CLIENT_SECRET": ""},
            "NINJA_CLIENT_SECRET is not set: set NINJA_CLIENT_SECRET or "
            "NINJA_CLIENT_SECRET_FILE (Its secret).",
        ),
        (
            (),
            {"THREATLOCKER_API_KEY": ""},
            "THREATLOCKER_API_KEY is not set: set THREATLOCKER_API_KEY or",
        ),
        (
            ("ninja", "threatlocker"),
            {"THREATLOCKER_BASE_URL": "", "THREATLOCKER_API_KEY": ""},
            "THREATLOCKER_BASE_URL is not set: set THREATLOCKER_BASE_URL",
        ),
        (("hal9000",), {}, "There is no source 'hal9000': choose from agent, ninja, threatlocker."),
        ((), {"MONTH_CLOSE_DAYS": "abc"}, "MONTH_CLOSE_DAYS is 'abc': set it to a whole number"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict | tuple) else "",
)
def test_a_wrong_setting_is_named_with_its_fix_before_any_work(
    cli: CliHere, vendors: SimulatedVendors, tmp_path: Path, arguments: tuple[str, ...],
    changed: dict[str, str], sentence: str,
) -> None:  # fmt: skip
    result = cli("collect", *arguments, **vendors.environ() | changed)

    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1 and result.stdout == ""
    assert vendors.requests == []
    assert list(tmp_path.iterdir()) == [], "nothing was made"


def test_collect_without_any_source_names_the_settings(cli: CliHere) -> None:
    result = cli("collect")

    assert result.exit_code == 2
    assert result.stderr == (
        "No source is configured: set NINJA_CLIENT_ID and NINJA_CLIENT_SECRET or "
        "THREATLOCKER_BASE_URL and THREATLOCKER_API_KEY, or let machines report themselves "
        "(inventory-hub token add --kind enrol).\n"
    )


@pytest.mark.parametrize("wrong", ["2026-02-30", "yesterday", "14.3.2026", "", "0206-11-30"])
def test_invalid_date_exits_2(cli: CliHere, tmp_path: Path, wrong: str) -> None:
    result = cli("collect", "--date", wrong)

    assert result.exit_code == 2 and "--date" in result.stderr
    assert list(tmp_path.iterdir()) == []
