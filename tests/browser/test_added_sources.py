"""A fourth source that is a file in etl/sources and a fifth that is an installed distribution: both
are collected over real HTTP by a real worker and stand everywhere the others do.

The product is a copy that runs in its own processes, so that no other test meets these sources.
"""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.conftest import COMMAND, ROOT
from tests.support.agent_servers import free_port
from tests.support.scripted_vendor import ReceivedRequest, Reply, ok, scripted

SOURCE_FILE = Template('''"""$label, API v1: every device of one account."""

from collections.abc import Iterator
from datetime import time

from pydantic import Field

from db.setting_types import HeaderText, SourceSettings, VendorAddress
from db.sources import SourceFacts
from etl.records.record import Raw, Record
from etl.vendor.http import Session
from etl.vendor.oauth import ApiKeyAuth
from etl.vendor.pagers import paginate_after_id


class OwnSettings(SourceSettings):
    ${lower}_base_url: VendorAddress = Field(description="Address of the API")
    ${lower}_key: HeaderText = Field(repr=False, description="Key of an API user")


FACTS = SourceFacts(
    name="$name",
    label="$label",
    badge="$badge",
    colour="$colour",
    collect_at=time($hour, 30),
    expected=True,
    settings=OwnSettings,
    address="${lower}_base_url",
)
VOLATILE = ("seen",)


def fetch(session: Session) -> Iterator[Raw]:
    """Every device."""
    key = session.settings_as(OwnSettings).${lower}_key
    session.auth = ApiKeyAuth({"X-Key": key}, {401: "Check ${upper}_KEY."})
    yield from paginate_after_id(session, "/devices", devices=True)


def to_record(raw: Raw) -> Record:
    """One device as a record."""
    return Record(
        source_key=str(raw["id"]),
        alias_key=raw["account"],
        alias_name=raw["account"],
        payload=raw,
        hostname=raw["name"],
        node_class="WINDOWS_WORKSTATION",
        serial=raw["serial"],
    )
''')
ACME = {
    "name": "acme", "label": "Acme RMM", "badge": "Ac", "colour": "#B00020", "hour": "1",
    "upper": "ACME",
    "lower": "acme",
}  # fmt: skip
GLOBEX = {
    "name": "globex2", "label": "Globex", "badge": "G", "colour": "#00695C", "hour": "5",
    "upper": "GLOBEX",
    "lower": "globex",
}  # fmt: skip
BOTH = (ACME["name"], GLOBEX["name"])
# Acme has four machines, Globex three of them.
MACHINES = [
    {"id": n, "account": "Harbor Dental", "name": f"pc{n}", "serial": f"5CG91{n}7XQ{n}", "seen": n}
    for n in range(1, 5)
]


def answer(request: ReceivedRequest) -> Reply:
    """The API of either vendor; the first part of the path says of which."""
    if request.headers["X-Key"] != "key":
        return Reply(401)
    known = MACHINES if request.path == "/acme/devices" else MACHINES[:3]
    after = int(request.query.get("after", 0))
    return ok([machine for machine in known if machine["id"] > after])  # type: ignore[operator]


@dataclass
class Product:
    """The copied product with its two more sources, and their settings."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments], env=self.environ, cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        log = (self.folder / f"{arguments[0]}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments], env=self.environ, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
            log.close()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The copy after its worker has collected both sources once."""
    folder = tmp_path_factory.mktemp("product")
    for room in ("db", "etl", "dashboard", "cli", "assets"):
        shutil.copytree(
            ROOT / room, folder / "copy" / room, ignore=shutil.ignore_patterns("__pycache__")
        )
    (folder / "copy/etl/sources/acme.py").write_text(SOURCE_FILE.substitute(ACME))
    installed = folder / "site-packages"
    about = installed / "globex_hub-1.0.dist-info"
    about.mkdir(parents=True)
    (installed / "globex_hub.py").write_text(SOURCE_FILE.substitute(GLOBEX))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: globex-hub\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[inventory_hub.sources]\nglobex = globex_hub\n")
    with scripted(answer) as vendor:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": os.pathsep.join([str(folder / "copy"), str(installed)]),
            "DATA_DIR": str(folder / "data"),
            "AUTH": "none",
            "ACME_BASE_URL": f"{vendor.url}/acme",
            "ACME_KEY": "key",
            "GLOBEX_BASE_URL": f"{vendor.url}/globex",
            "GLOBEX_KEY": "key",
        }
        product = Product(folder, environ)
        with product.running("worker") as worker:
            log = folder / "worker.log"
            _wait(lambda: log.read_text().count(" stretches purged") == 2, worker, log)
        assert worker.returncode == 0, log.read_text()
        yield product


@pytest.fixture(scope="module")
def address(product: Product) -> Iterator[str]:
    """Where the copy's dashboard answers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with product.running("serve", "--port", str(port)) as server:
        _wait(lambda: _answers(url), server, product.folder / "serve.log")
        yield url


def test_doctor_checks_both_sources_and_collect_at_has_their_times(product: Product) -> None:
    said = product.run("doctor").stdout
    assert "Acme RMM: answers with these settings" in said, said
    assert "Globex: answers with these settings" in said
    assert "COLLECT_AT: ninja 02:00, threatlocker 03:00, acme 01:30, globex2 05:30, agent" in said


def test_collect_at_may_name_both_sources_and_an_unknown_one_is_refused(product: Product) -> None:
    product.environ["COLLECT_AT"] = "globex2=06:15,acme=07:00"
    assert "acme 07:00, globex2 06:15" in product.run("doctor").stdout
    product.environ["COLLECT_AT"] = "initech=06:15"
    said = product.run("doctor").stdout
    del product.environ["COLLECT_AT"]
    assert "with sources of ninja, threatlocker, acme, globex2, agent" in said


def test_doctor_names_a_collected_source_that_is_not_installed_any_more(product: Product) -> None:
    without = product.environ | {"PYTHONPATH": str(product.folder / "copy")}
    done = Product(product.folder, without).run("doctor")
    assert "FIX  globex2: its snapshots are kept but not shown: install its file" in done.stdout
    assert done.returncode == 2


def test_collecting_again_by_name_is_complete(product: Product) -> None:
    done = product.run("collect", *BOTH)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("complete") == 2


def test_the_api_counts_each_source_and_accepts_each_as_filter(address: str) -> None:
    today = _json(address, "/api/dashboard/today")
    totals = today["totals"]
    assert (totals["acme_devices"], totals["globex2_devices"]) == (4, 3)
    assert (totals["ninja_devices"], totals["total_devices"]) == (None, 7)
    for source, n in zip(BOTH, (4, 3), strict=True):
        assert _json(address, f"/api/dashboard/devices?source={source}&basis=records")["count"] == n
        assert _json(address, f"/api/dashboard/devices?basis={source}")["count"] == n
    document = json.dumps(_json(address, "/api/openapi.json"))
    assert '"acme", "globex2"' in document
    assert "acme_devices" in document


def test_both_sources_are_expected_everywhere_and_compared_in_the_matrix(address: str) -> None:
    cells = {
        (cell["source"], cell["other"]): cell
        for cell in _json(address, "/api/coverage/matrix")["matrix"]
    }
    assert cells["acme", "globex2"]["both"] == 3
    assert cells["acme", "acme"]["machines"] == 4


def test_the_exports_name_each_source(address: str) -> None:
    rows = list(csv.DictReader(io.StringIO(_lines(address, "/export/devices.csv?basis=records"))))
    assert [row["source"] for row in rows].count("globex2") == 3
    assert [row["source"] for row in rows].count("acme") == 4
    months = _lines(address, "/export/months.csv").splitlines()
    assert any(
        "ninja_date,threatlocker_date,acme_date,globex2_date,agent_date" in m for m in months
    )


def test_pages_show_each_source_in_filters_badges_and_matrix(quiet: Page, address: str) -> None:
    quiet.goto(address + "/coverage")
    row = quiet.locator("#overlap tbody tr").filter(has=quiet.locator("th", has_text="Acme RMM"))
    # The first page of a process that has just started.
    expect(row.get_by_role("link", name="3 in both")).to_be_visible(timeout=60_000)
    badge = row.locator(".source-badge.source-acme").first
    expect(badge).to_contain_text("Ac")
    expect(badge).to_have_css("color", "rgb(176, 0, 32)")

    quiet.goto(address + "/collections")
    for label in ("Acme RMM", "Globex"):
        expect(quiet.locator(".source-card").filter(has_text=label)).to_be_visible()

    quiet.goto(address + "/devices?basis=globex2")
    expect(quiet.locator("#devices-count")).to_contain_text("3")
    quiet.goto(address + "/devices?managed_by=acme&managed_by=globex2")
    expect(quiet.locator("#chips")).to_contain_text("managed by Globex")
    grid_badge = quiet.locator(".ag-row .source-badge.source-globex2").first
    expect(grid_badge).to_have_css("color", "rgb(0, 105, 92)")
    expect(quiet.locator(".ag-row .source-badge.source-acme").first).to_contain_text("Ac")
    choices = json.dumps(_json(address, "/_dash-layout"))
    assert '{"label": "Acme RMM", "value": "acme"}' in choices


def _json(address: str, path: str) -> Any:
    response = requests.get(address + path, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def _lines(address: str, path: str) -> str:
    """A CSV export without the comment lines above its header."""
    response = requests.get(address + path, timeout=60)
    assert response.status_code == 200, response.text
    return response.content.decode("utf-8-sig")


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/api/health", timeout=120).ok
    except requests.ConnectionError:
        return False


def _wait(done: Any, process: "subprocess.Popen[str]", log: Path) -> None:
    end = time.monotonic() + 120
    while not done():
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.2)
