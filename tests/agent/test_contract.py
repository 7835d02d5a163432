"""The agent against the real server, with which it shares no code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from agent import __version__
from db.tables import agent_hours, inventory
from tests.conftest import ROOT
from tests.support.agent_servers import free_port
from tests.support.machines import ingest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the agent once: run(hub.address, TOKEN=...)."""

    def once(address: str, **given: str) -> subprocess.CompletedProcess[str]:
        variables = {f"INVENTORY_HUB_{name}": value for name, value in given.items()}
        return subprocess.run(
            [sys.executable, "-m", "agent", "--once"],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "INVENTORY_HUB_URL": address,
                "INVENTORY_HUB_STATE_DIR": str(tmp_path / "state"),
                **variables,
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return once


def key(folder: Path) -> str:
    found: str = json.loads((folder / "state" / "state.json").read_text())["key"]
    return found


def test_a_machine_enrols_reports_and_catches_up(
    sqlite_engine: Engine, run: Run, tmp_path: Path
) -> None:
    with ingest(sqlite_engine) as hub:
        done = run(hub.address)
        assert done.returncode == 4 and "missing_credential" in done.stderr
        away = f"http://127.0.0.1:{free_port()}"
        assert run(away).returncode == 4
        done = run(hub.address, TOKEN=hub.token(site="Acme"))
        assert done.returncode == 0, done.stderr
        assert run(hub.address).returncode == 0, "with its own key"
        (row,) = hub.rows(inventory)
        assert (
            row.machine_id == json.loads((tmp_path / "state/state.json").read_text())["machine_id"]
        )
        assert (row.site, row.agent_version) == ("Acme", __version__)
        assert sum(hour.n for hour in hub.rows(agent_hours)) == 4, "each report once"
        assert row.hostname and row.os_version and row.disk_total_mb and row.memory_used_mb
        assert row.has_desktop is not None


def test_agent_handles_revoked_and_deleted_keys(
    sqlite_engine: Engine, run: Run, tmp_path: Path
) -> None:
    with ingest(sqlite_engine) as hub:
        assert run(hub.address, TOKEN=hub.token()).returncode == 0
        first = key(tmp_path)
        hub.revoke(first)
        done = run(hub.address, TOKEN=hub.token())
        assert done.returncode == 4 and "shut out" in done.stderr and key(tmp_path) == first
        (row,) = hub.rows(inventory)
        admin = hub.api_token("administrator")
        assert hub.ask("DELETE", f"/api/machines/{row.machine_id}", admin).status_code == 200
        done = run(hub.address, TOKEN=hub.token())
        assert done.returncode == 0, done.stderr
        assert key(tmp_path) != first, "a machine that was deleted enrols anew"
