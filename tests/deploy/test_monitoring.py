"""The alert rules and the dashboard that we ship name what `serve` answers; promtool takes them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Engine

from dashboard.app import create_app
from db.settings import load
from tests.conftest import ROOT

RULES, BOARD = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana" / "inventory-hub.json"
TOKEN = "a-token-of-sixteen"
MISSING = "promtool is not installed: run .ci/packages all, which `make test-all` does first"


def test_alerts_dashboard_and_document_name_metrics_that_exist(named_sqlite: Engine) -> None:
    settings = load({"AUTH": "none", "METRICS_TOKEN": TOKEN})
    client = create_app(named_sqlite, settings=settings).server.test_client()
    client.get("/api/sites", buffered=True)
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    exist = set(re.findall(r"^(inventory_hub_\w+)", text, re.MULTILINE))
    board = json.loads(BOARD.read_text())
    queries = " ".join(each["expr"] for panel in board["panels"] for each in panel["targets"])
    for place in (queries, (RULES / "alerts.yml").read_text()):
        named = set(re.findall(r"\binventory_hub_\w+", place))
        assert named and named <= exist, named - exist
    documented = set(re.findall(r"`(inventory_hub_\w+)", (ROOT / "docs/monitoring.md").read_text()))
    families = set(re.findall(r"^# TYPE (inventory_hub_\w+)", text, re.MULTILINE))
    assert documented == {name for name in families if not name.endswith("_created")}


@pytest.mark.full
@pytest.mark.parametrize(
    "arguments",
    [("check", "rules", "alerts.yml"), ("test", "rules", "alerts-test.yml"),
     ("check", "config", "--syntax-only", "prometheus.yml")],
    ids=" ".join,
)  # fmt: skip
def test_promtool_takes_what_we_ship(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    program = shutil.which("promtool")
    assert program is not None, MISSING
    done = subprocess.run([program, *arguments], cwd=RULES, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full
def test_promtool_finds_no_fault_in_the_answer(named_sqlite: Engine) -> None:
    settings = load({"AUTH": "none", "METRICS_TOKEN": TOKEN})
    client = create_app(named_sqlite, settings=settings).server.test_client()
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    program = shutil.which("promtool")
    assert program is not None, MISSING
    done = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
