"""Inputs from real fleets (`tests/cases`), each with what is right about it. A file is added there
with its row in `CASES`."""

import codecs
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import Engine

from agent.probes import Probes
from agent.systems import linux_version
from db import migrate
from db.engine import open_engine, sqlite_url
from db.keys import device_id
from db.settings import WrongSettings, load
from db.tables import asset_links, inventory, sites
from etl.collect.collect import collect
from etl.collect.verdict import Outcome
from etl.demo.rows import NinjaRows, ThreatLockerRows
from etl.demo.servers import SimulatedVendors
from etl.months.imports import read_counts
from etl.rules.device_type import device_type
from etl.runtime import lease
from etl.sources import discover
from tests.conftest import ROOT
from tests.support.api_server import serve_api
from tests.support.machines import ingest, report
from tests.support.probes import NeverWaiting, mount_disks
from tests.support.small_hub import Hub, Pc

FOLDER = ROOT / "tests" / "cases"
DAY = date(2026, 11, 30)


@dataclass
class Case:
    """One file, and what its check may use."""

    path: Path
    vendors: SimulatedVendors
    folder: Path
    request: pytest.FixtureRequest

    @property
    def engine(self) -> Engine:
        found: Engine = self.request.getfixturevalue("sqlite_engine")
        return found

    @property
    def monkeypatch(self) -> pytest.MonkeyPatch:
        found: pytest.MonkeyPatch = self.request.getfixturevalue("monkeypatch")
        return found

    def json(self) -> Any:
        return json.loads(self.path.read_text(encoding="utf-8"))

    def collect(self, fleet: dict[str, Any]) -> tuple[Hub, dict[str, Outcome]]:
        """Collect what the two vendors answer."""
        hub, now = Hub(self.engine), datetime(2026, 11, 30, 4, tzinfo=UTC)
        organizations, locations, devices = (
            fleet.get(name, []) for name in ("orgs", "locations", "devices")
        )
        self.vendors.world = (
            NinjaRows(organizations, locations, devices, []),
            ThreatLockerRows(fleet["tl_orgs"], fleet["computers"]),
        )
        outcomes = {}
        for source, rows in (("ninja", devices), ("threatlocker", fleet["computers"])):
            if rows:
                settings = load(self.vendors.environ() | {"DATA_DIR": str(self.folder)})
                with lease.take(self.engine) as held:
                    outcome = collect(
                        self.engine, held, discover()[source], DAY, lambda: now, settings
                    )
                assert outcome.state == "complete", outcome.reason
                outcomes[source] = outcome
        return hub, outcomes


def no_link(case: Case) -> None:
    """No two of the machines are linked."""
    fleet = case.json()
    hub, outcomes = case.collect(fleet)
    machines = len(fleet["devices"]) + len(fleet["computers"])
    assert sum(outcome.records for outcome in outcomes.values()) == machines
    assert sum(hub.counted("assets", DAY).values()) == machines
    assert hub.all(asset_links) == []


def two_sites(case: Case) -> None:
    no_link(case)
    assert len(Hub(case.engine).all(sites)) == 2


def no_link_by_driver_addresses(case: Case) -> None:
    told = case.json()
    hub = Hub(case.engine)
    for source, name in (("ninja", "systemName"), ("agent", "hostname")):
        record = told[source]
        macs = tuple(record.get("macAddresses") or record["mac_addresses"])
        hub.collect(DAY, [Pc("1", hostname=record[name], macs=macs)], source)
    assert hub.all(asset_links) == []
    assert hub.on(DAY)["1"].asset_id == device_id("ninja", "1")


def a_parent_counts_all_below_it(case: Case) -> None:
    fleet = case.json()
    computers = [
        {"computerId": f"7c000000-0000-4000-8000-{number:012d}", "hostname": f"PC-{number:02}",
         "computerName": f"PC-{number:02}", "organizationId": organization, "isDeleted": False}
        for number, organization in enumerate(
            id for id, count in fleet["computers_per_org"].items() for _ in range(count)
        )
    ]  # fmt: skip
    hub, outcomes = case.collect({"tl_orgs": fleet["tl_orgs"], "computers": computers})
    assert outcomes["threatlocker"].records == 58
    assert hub.runs("threatlocker")[0].reason is None


def found_in_every_spelling_of_case(case: Case) -> None:
    hub, _ = case.collect(case.json())
    with serve_api(hub.engine, clock=lambda: datetime(2026, 11, 30, 12, tzinfo=UTC)) as api:
        for key, spellings in {
            "401": ("Бухгалтерия-ПК", "бухгалтерия-пк", "БУХГАЛТЕРИЯ"),
            "402": ("JOÃO", "joão-notebook"),
            "405": ("0012345", "0012e5"),
            "406": ("strasse", "GIESSEN", "gießen", "BÜRO"),
        }.items():
            for spelling in spellings:
                found = api.json(f"/api/dashboard/devices?basis=ninja&q={spelling}")["items"]
                assert [row["source_key"] for row in found] == [key], spelling
        assert api.get("/export/devices.csv").content.startswith(b"\xef\xbb\xbf")


def stored_without_its_boot_time(case: Case) -> None:
    with ingest(case.engine) as hub:
        answer = hub.post(case.path.read_bytes(), hub.token())
        assert answer.status_code == 201 and answer.json()["item"]["boot_time"] is None
        assert len(hub.rows(inventory)) == 1


def reports_without_what_psutil_cannot_tell(case: Case) -> None:
    found = re.search(r"OSError\((\d+)", case.path.read_text(encoding="utf-8"))
    assert found is not None

    def fail() -> None:
        raise OSError(int(found[1]), "Inappropriate ioctl for device")

    case.monkeypatch.setattr(psutil, "net_if_stats", fail)
    facts = Probes(NeverWaiting()).collect()
    assert facts["hostname"] and facts["memory_total_mb"]


def a_distribution_is_no_role(case: Case) -> None:
    (case.folder / "etc").mkdir()
    shutil.copyfile(case.path, case.folder / "etc" / "os-release")
    name = linux_version(case.folder, lambda: "6.8.0")
    assert name == "Ubuntu 24.04.1 LTS (Noble Numbat)"
    assert device_type(None, name).value == "unknown"


def disks(total: int, used: int) -> Callable[[Case], None]:
    """The disks of a machine have these sizes in MiB."""

    def check(case: Case) -> None:
        mount_disks(case.monkeypatch, case.json()["mounts"])
        facts = Probes(NeverWaiting()).collect()
        assert (facts["disk_total_mb"], facts["disk_used_mb"]) == (total, used)

    return check


def one_line_of_twelve(case: Case) -> None:
    read = read_counts(case.path.read_bytes())
    assert [line.count for line in read.lines] == [12] and read.problems == ()


def addresses_accepted(case: Case) -> None:
    macs = case.json()
    with ingest(case.engine) as hub:
        answer = hub.post(report(mac_addresses=macs), hub.token())
    assert answer.status_code == 201 and answer.json()["item"]["mac_addresses"] == macs


def read_with_its_byte_order_mark(case: Case) -> None:
    settings = load({}, case.path)
    assert str(settings.database_url) == "sqlite:///live.db"
    assert settings.timezone.key == "America/Chicago"


def refused_in_another_encoding(case: Case) -> None:
    path = case.folder / ".env"
    path.write_bytes(codecs.BOM_UTF16_LE + "DATABASE_URL=sqlite:///a.db\r\n".encode("utf-16-le"))
    with pytest.raises(WrongSettings) as refused:
        load({}, path)
    (sentence,) = refused.value.problems.values()
    assert str(path) in sentence and "UTF-8" in sentence


def a_service_link_is_no_port(case: Case) -> None:
    lines = case.path.read_text(encoding="utf-8").split()
    assert load(dict(line.split("=", 1) for line in lines)).port == 8050


def migrates_in_a_folder_with_a_percent_sign(case: Case) -> None:
    folder = case.folder / "job%2Fx"
    folder.mkdir()
    engine = open_engine(sqlite_url(folder / "inventory.db"))
    migrate.upgrade(engine)
    assert migrate.current(engine) == migrate.head()
    engine.dispose()


CASES: dict[str, Callable[[Case], None]] = {
    "01-ip-hostnames.json": no_link,
    "01b-names-beginning-with-address.json": no_link,
    "02-dakuten-sites.json": two_sites,
    "03-env-bom.env": read_with_its_byte_order_mark,
    "04-env-utf16.txt": refused_in_another_encoding,
    "05-placeholder-serials.json": no_link,
    "06-localhost.json": no_link,
    "07-boot-time-before-epoch.json": stored_without_its_boot_time,
    "08-net-if-stats-enotty.txt": reports_without_what_psutil_cannot_tell,
    "09-search-excel.json": found_in_every_spelling_of_case,
    "10-k8s-service-link.env": a_service_link_is_no_port,
    "11-ubuntu-server-os-release.txt": a_distribution_is_no_role,
    "13-driver-macs.json": no_link_by_driver_addresses,
    "14-percent-in-path.txt": migrates_in_a_folder_with_a_percent_sign,
    "15-zfs-pool.json": disks(10_938_190, 8_419_537),
    "16-bind-mounts.json": disks(478_562, 95_367),
    "17-counts-semicolon.csv": one_line_of_twelve,
    "18-threatlocker-rollup.json": a_parent_counts_all_below_it,
    "19-infiniband-macs.json": addresses_accepted,
}


@pytest.fixture(scope="module")
def vendors() -> Iterator[SimulatedVendors]:
    with SimulatedVendors((NinjaRows([], [], [], []), ThreatLockerRows([], []))) as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_an_input_of_a_real_fleet_is_read_right(
    name: str, vendors: SimulatedVendors, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    CASES[name](Case(FOLDER / name, vendors, tmp_path, request))


def test_every_file_has_its_row() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(CASES)
