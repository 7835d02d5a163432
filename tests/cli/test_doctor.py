"""What `doctor` says beside what is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from db.engine import writing
from db.machines import blank_machine, with_search_text
from db.tables import inventory, report_days
from tests.support.cli import CliHere

NOW = datetime(2026, 3, 14, 9, tzinfo=UTC)


def test_doctor_warns_of_what_everybody_can_read_or_reach(
    cli: CliHere, sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env, database = tmp_path / ".env", Path(str(sqlite_engine.url.database))
    env.write_text(f"SECRET_KEY={'0f8e5b1c7a9d42638e5fb0c1d2a39487'}\n")
    near = {"DATABASE_URL": str(sqlite_engine.url), "PUBLIC_URL": "https://hub.example.com"}
    far = near | {"HOST": "0.0.0.0", "PORT": "8123"}
    for mode, variables, warned in (
        (0o600, near, []),
        (0o640, near, []),
        (0o644, near, [".env", str(database)]),
        (0o600, far, ["HOST"]),
    ):
        env.chmod(mode)
        database.chmod(mode)
        result = cli("doctor", **variables)
        lines = [line for line in result.output.splitlines() if line.startswith("warn ")]
        assert [line.removeprefix("warn ").split(": ")[0] for line in lines] == warned
        assert result.exit_code == 0, result.output
    assert "plain HTTP on port 8123" in lines[0]


def test_doctor_says_when_the_worker_collects_what_never_was(
    cli: CliHere, sqlite_engine: Engine
) -> None:
    row = blank_machine("a" * 64, NOW) | {"hostname": "a", "os": "linux", "received_at": NOW}
    with writing(sqlite_engine) as connection:
        connection.execute(insert(inventory).values(with_search_text(row)))
        connection.execute(insert(report_days).values(day=NOW.date()))
    variables = {"DATABASE_URL": str(sqlite_engine.url), "AUTH": "none"}
    output = cli("doctor", COLLECT_AT="agent=05:30", **variables).output
    expected = (
        "never collected: the worker collects it at 05:30, or run inventory-hub collect agent"
    )
    assert f"FIX  Agent: {expected}" in output.splitlines()
