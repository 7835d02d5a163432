"""The agent in a network namespace with prepared network cards: its id, address and report."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.network_cards import BROADCOM, INTEL, ONE, TWO, has_namespaces

MADE_UP = "02:fc:00:00:00:01"
NINE = {
    "machine_id": str, "hostname": str, "ip": str, "os": str, "os_version": str,
    "cpu_percent": (int, float), "memory_total_mb": int, "memory_used_mb": int, "timestamp": str,
}  # fmt: skip

# Makes two cards, each with its MAC and perhaps its address, then reports to a TatuScan server.
INSIDE = """
import json, os, subprocess, sys
from tests.support.agent_servers import TatuScanServer, serving

def ip(*words):
    subprocess.run(["ip", *words], check=True)

ip("link", "set", "lo", "up")
ip("link", "add", "enp3s0", "type", "veth", "peer", "name", "enp4s0")
for name, mac, address in json.loads(sys.argv[1]):
    ip("link", "set", name, "address", mac)
    if address:
        ip("address", "add", address, "dev", name)
    ip("link", "set", name, "up")
server = TatuScanServer()
with serving(server) as served:
    for _ in range(2):
        os.environ["TATUSCAN_URL"] = served.url
        subprocess.run([sys.executable, "-m", "agent", "--once"], check=True)
        ip("link", "set", "enp4s0", "down")
print(json.dumps([request.json() for request in server.requests]))
"""


pytestmark = pytest.mark.skipif(
    not has_namespaces(), reason="needs root, unshare (util-linux) and ip (iproute2)"
)


def reports(folder: Path, cards: list[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """What the agent says twice; in between enp4s0 goes down."""
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", INSIDE, json.dumps(cards)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "INVENTORY_HUB_STATE_DIR": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_host_with_one_real_mac_reports_tatuscans_id_and_keys(tmp_path: Path) -> None:
    first, second = reports(
        tmp_path, [("enp3s0", INTEL, "198.51.100.7/24"), ("enp4s0", MADE_UP, "203.0.113.9/24")]
    )
    assert first["machine_id"] == second["machine_id"] == ONE
    assert first["ip"] == "198.51.100.7"
    assert list(first)[: len(NINE)] == list(NINE)
    for name, kind in NINE.items():
        assert isinstance(first[name], kind), name
    assert first["os"] == "linux" and 0 <= first["cpu_percent"] <= 100
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", first["timestamp"])
    assert first["mac_addresses"] == [INTEL, MADE_UP]


def test_host_with_two_cards_keeps_its_id_when_one_goes_down(tmp_path: Path) -> None:
    first, second = reports(
        tmp_path, [("enp3s0", INTEL, "198.51.100.7/24"), ("enp4s0", BROADCOM, "203.0.113.9/24")]
    )
    assert first["machine_id"] == second["machine_id"] == TWO
    # The peer has the lower index in the kernel; then it is down.
    assert first["ip"] == "203.0.113.9" and second["ip"] == "198.51.100.7"


def test_host_without_real_mac_keeps_a_random_id(tmp_path: Path) -> None:
    first, second = reports(
        tmp_path, [("enp4s0", MADE_UP, "198.51.100.7/24"), ("enp3s0", MADE_UP, "")]
    )
    assert first["ip"] == "198.51.100.7" and second["ip"] == "", "as TatuScan says that it has none"
    assert first["machine_id"] == second["machine_id"] not in (ONE, TWO)
    assert re.fullmatch("[0-9a-f]{64}", first["machine_id"])
