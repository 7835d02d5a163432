"""The single-file build, where PyInstaller is installed: `make agent-binary` installs it."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.agent_servers import HubServer, serving

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(find_spec("PyInstaller") is None, reason="PyInstaller is not installed"),
]


def test_single_file_build_reports_without_python(tmp_path: Path) -> None:
    specification = ROOT / "deploy" / "agent" / "inventory-agent.spec"
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", "--distpath",
         tmp_path, "--workpath", tmp_path / "build", specification],
        check=True,
    )  # fmt: skip
    hub = HubServer()
    with serving(hub) as served:
        surroundings = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        } | {
            "INVENTORY_HUB_URL": served.url,
            "INVENTORY_HUB_TOKEN": hub.token,
            "INVENTORY_HUB_STATE_DIR": str(tmp_path / "state"),
        }
        program = tmp_path / "inventory-agent"
        printed = subprocess.run(
            [program, "--print"], env=surroundings, check=True, capture_output=True, text=True
        )
        done = subprocess.run([program, "--once"], env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0 and "Warning" not in done.stderr
    (report,) = hub.reports
    assert report["machine_id"] == json.loads(printed.stdout)["machine_id"]
