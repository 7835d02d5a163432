"""`month close|reopen`, automatic closing, and ended sources."""

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from db.tables import audit_log, month_closings, months
from etl.runtime import lease
from tests.support.api_server import address
from tests.support.cli import CliHere
from tests.support.decision_oracle import Administrator
from tests.support.small_hub import Hub, pcs

END = date(2024, 1, 31)
TEN = pcs(range(10))


@pytest.fixture
def hub(sqlite_engine: Engine) -> Hub:
    hub = Hub(sqlite_engine)
    hub.collect(END, TEN)
    hub.collect(date(2024, 2, 29), TEN)
    hub.collect(date(2024, 3, 1), TEN)
    return hub


def closed(hub: Hub) -> list[str]:
    return [row.month for row in hub.all(months) if row.closed]


def test_a_month_is_closed_and_reopened_and_the_audit_log_names_the_actor(
    hub: Hub, cli: CliHere
) -> None:
    url = address(hub.engine)

    done = cli("month", "close", "2024-01", DATABASE_URL=url)

    assert (done.exit_code, done.stdout) == (0, "2024-01 is closed.\n"), done.output
    assert closed(hub) == ["2024-01"]
    done = cli("month", "reopen", "2024-01", "--reason", "An invoice was late", DATABASE_URL=url)
    assert done.exit_code == 0 and done.stdout.startswith("2024-01 is open again.")
    assert closed(hub) == [] and len(hub.all(month_closings)) == 1
    entries = hub.all(audit_log)
    assert [row.action for row in entries] == ["close_month", "reopen_month"]
    assert all(row.actor.endswith("command line)") for row in entries)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("close", "2024-02"), "2024-01 is still open: close it first"),
        (("close", "2024-03"), "2024-03 is not over"),
        (("close", "2024-13"), "'2024-13' is no month: give it like 2026-10"),
        (("close", "0000-05"), "'0000-05' is no month"),
        (("reopen", "2024-01", "--reason", "x"), "no month is closed"),
        (("reopen", "2024-01"), "Missing option '--reason'"),
        (("close",), "Missing argument"),
        (("shut", "2024-01"), "No such command"),
    ],
)
def test_impossible_month_commands_exit_2(
    hub: Hub, cli: CliHere, arguments: tuple[str, ...], sentence: str
) -> None:
    done = cli("month", *arguments, DATABASE_URL=address(hub.engine))

    assert done.exit_code == 2 and sentence in done.stderr, done.output
    assert hub.all(months) == hub.all(audit_log) == []


def test_exits_5_while_a_collection_runs(hub: Hub, cli: CliHere) -> None:
    with lease.take(hub.engine):
        done = cli("month", "close", "2024-01", DATABASE_URL=address(hub.engine))

    assert done.exit_code == 5 and closed(hub) == []


def test_process_closes_months_that_are_due(hub: Hub, cli: CliHere) -> None:
    done = cli("process", DATABASE_URL=address(hub.engine))

    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "2024-01 is closed." and closed(hub) == ["2024-01"]


def test_collect_closes_months_that_are_due(
    sqlite_engine: Engine, cli: CliHere, environ: dict[str, str]
) -> None:
    for day in ("2026-02-28", "2026-03-03"):
        done = cli("collect", "--date", day, **environ)
        assert done.exit_code == 0, done.output

    assert done.stdout.splitlines()[-1] == "2026-02 is closed."
    assert closed(Hub(sqlite_engine)) == ["2026-02"]


def test_collect_leaves_out_a_source_that_was_ended_until_it_is_named(
    sqlite_engine: Engine, cli: CliHere, environ: dict[str, str]
) -> None:
    hub = Hub(sqlite_engine)
    assert cli("collect", "--date", "2026-03-13", **environ).exit_code == 0
    Administrator(hub, date(2026, 3, 13) + timedelta(days=1)).end("threatlocker")

    done = cli("collect", **environ)
    assert done.exit_code == 0 and len(done.stdout.splitlines()) == 1
    assert "threatlocker was ended on 2026-03-14 and is left out" in done.stderr
    Administrator(hub, hub.runs()[-1].business_date).end("ninja")
    done = cli("collect", **environ)
    assert done.exit_code == 2
    assert "Every configured source was ended: name the one to collect" in done.stderr

    done = cli("collect", "threatlocker", **environ)
    assert done.exit_code == 0 and done.stdout.startswith("threatlocker complete")
