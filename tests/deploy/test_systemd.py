"""The systemd units, and `deploy/install.sh` in a throw-away Debian that systemd boots."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import ROOT
from tests.support.booted_system import (
    PYTHON_OF_DEBIAN,
    System,
    booted,
    debian,
    health,
    in_chroot,
)
from tests.support.source_tree import copy_source

UNITS = ROOT / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
TIMERS = sorted(UNITS.glob("*.timer"))
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


@pytest.fixture
def copies(tmp_path: Path) -> dict[str, Path]:
    """The units, with a program and a user that this machine has."""
    (tmp_path / "units").mkdir()
    for unit in (*SERVICES, *TIMERS):
        text = unit.read_text().replace("/opt/inventory-hub/bin/inventory-hub", "/bin/true")
        text = re.sub("^(User|Group)=inventory-hub$", r"\1=daemon", text, flags=re.MULTILINE)
        (tmp_path / "units" / unit.name).write_text(text)
    template = tmp_path / "units" / "inventory-hub-collect@.service"
    for source in ("ninja", "threatlocker", "agent"):
        shutil.copy(template, template.with_name(f"inventory-hub-collect@{source}.service"))
    return {path.name: path for path in (tmp_path / "units").iterdir()}


def test_systemd_finds_nothing_to_complain_of(analyze: str, copies: dict[str, Path]) -> None:
    named = [str(path) for name, path in copies.items() if "@." not in name]
    done = subprocess.run([analyze, "verify", *named], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("unit", [path.name for path in SERVICES])
def test_services_are_hardened(analyze: str, copies: dict[str, Path], unit: str) -> None:
    path = copies[unit.replace("@.", "@ninja.")]
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", path], capture_output=True, text=True
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) < 2.5


@pytest.mark.parametrize(
    ("zone", "night"),
    [
        ("America/Chicago", "2027-03-14"),  # From 02:00 to 03:00.
        ("America/Chicago", "2027-11-07"),  # 01:00 to 02:00 twice.
        ("America/Chicago", "2027-06-01"),
        ("America/Santiago", "2027-09-05"),  # From 00:00 to 01:00.
        ("UTC", "2027-03-14"),
    ],
)
@pytest.mark.parametrize("unit", [path.name for path in TIMERS])
def test_every_night_is_collected_also_when_the_clocks_change(
    analyze: str, unit: str, zone: str, night: str
) -> None:
    """Soon after the hour, by the wall clock, or an hour later where the clocks skip it."""
    times = re.findall("^OnCalendar=(.+)$", (UNITS / unit).read_text(), re.MULTILINE)
    midnight = datetime.fromisoformat(night).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    elapses = sorted(next_elapse(analyze, f"{each} {zone}", midnight) for each in times)
    local = [each.astimezone(ZoneInfo(zone)) for each in elapses]
    hour = int(times[0].split()[1][:2])
    assert f"{local[0]:%Y-%m-%d}" == night
    assert local[0].hour in (hour, hour + 1) and local[0].minute == 0
    assert len(times) == 3


def next_elapse(analyze: str, calendar: str, after: datetime) -> datetime:
    before = f"{after - timedelta(seconds=1):%Y-%m-%d %H:%M:%S} UTC"
    done = subprocess.run(
        [analyze, "calendar", f"--base-time={before}", calendar],
        capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C"},
    )  # fmt: skip
    found = re.search(r"Next elapse: \w+ (\S+ \S+) UTC", done.stdout)
    assert found, done.stdout
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC)


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--tiimers", 2), ("no.whl", 2)])
def test_the_installer_refuses_what_it_does_not_know(argument: str, code: int) -> None:
    done = subprocess.run(
        [ROOT / "deploy" / "install.sh", argument], capture_output=True, text=True
    )
    assert done.returncode == code
    assert ("usage: deploy/install.sh" in done.stdout + done.stderr) == (argument != "no.whl")


SIMULATED = """
import time
from datetime import UTC, datetime
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
day = datetime.now(UTC).date()
with SimulatedVendors(Fleet(seed=3, devices=40, sites=4, last_day=day, months=1)) as vendors:
    text = open("/etc/inventory-hub/.env").read()
    added = {**vendors.environ(), "TIMEZONE": "America/Chicago"}
    with open("/etc/inventory-hub/.env", "w") as file:
        file.write(text + "".join(f"{name}={value}\\n" for name, value in added.items()))
    open("/run/vendors", "w").close()
    time.sleep(3600)
"""


@pytest.mark.full
def test_installed_services_run_are_upgraded_and_removed(tmp_path: Path) -> None:
    """As docs/deploy/systemd.md says it, from a checkout, under systemd as process 1."""
    if os.geteuid() != 0:
        pytest.skip("only root can boot a system")
    assert shutil.which("mmdebstrap"), "run .ci/packages all"
    root = debian(tmp_path / "root")
    add_checkout(root)
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/srv/wheels"}
    installed = in_chroot(root, "/srv/checkout/deploy/install.sh", "--no-start", **offline)
    assert "Installed: inventory-hub-web.service inventory-hub-worker.service" in installed
    assert modes(root) == {
        "opt/inventory-hub": 0o750, "etc/inventory-hub": 0o750, "var/lib/inventory-hub": 0o750,
        "etc/inventory-hub/.env": 0o640,
    }  # fmt: skip
    with booted(root) as system:
        runs_after_boot(system)
        shares_settings(system)
        collects_by_timers(system, [f"{name}={value}" for name, value in offline.items()])
        is_removed(system, root)


def add_checkout(root: Path) -> None:
    """The project's files, and the packages that it needs."""
    wheels = root / "srv" / "wheels"
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    needed = config["options"]["install_requires"].split("\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download",
         "--dest", wheels, "-c", "constraints.txt", "--python-version", PYTHON_OF_DEBIAN,
         "--only-binary", ":all:", "setuptools",
         *(each for each in needed if each and not each.startswith("#"))],
        cwd=ROOT, check=True, timeout=1200,
    )  # fmt: skip
    copy_source(root / "srv" / "checkout", "constraints.txt", ".env.example")
    shutil.copytree(ROOT / "deploy", root / "srv" / "checkout" / "deploy")


def modes(root: Path) -> dict[str, int]:
    places = ("opt/inventory-hub", "etc/inventory-hub", "var/lib/inventory-hub")
    found = {place: root / place for place in (*places, "etc/inventory-hub/.env")}
    return {place: path.stat().st_mode & 0o777 for place, path in found.items()}


def runs_after_boot(system: System) -> None:
    assert health(system)["status"] == "healthy"
    assert system.state("inventory-hub-web") == system.state("inventory-hub-worker") == "active"
    system.wait_for("Make the first administrator", "journalctl", "-u", "inventory-hub-web")
    process = system.run("systemctl", "show", "-P", "MainPID", "inventory-hub-web").strip()
    assert system.run("stat", "-c", "%U", f"/proc/{process}").strip() == "inventory-hub"
    assert "ok   database: sqlite:////var/lib/inventory-hub/inventory.db" in system.run(
        "inventory-hub", "doctor", ok=False
    )
    # Killed, it comes back.
    before = system.run("systemctl", "show", "-P", "MainPID", "inventory-hub-web")
    system.run("systemctl", "kill", "-s", "KILL", "inventory-hub-web")
    system.wait_for("NRestarts=1", "systemctl", "show", "-p", "NRestarts", "inventory-hub-web")
    assert health(system)["status"] == "healthy"
    assert system.run("systemctl", "show", "-P", "MainPID", "inventory-hub-web") != before


def shares_settings(system: System) -> None:
    """Settings that other programs read too, through a link and by a group."""
    shared, settings = "/opt/shared-secrets/api-secrets.env", "/etc/inventory-hub/.env"
    system.run("groupadd", "es-secrets")
    system.run("install", "-D", "-m", "640", "-g", "es-secrets", settings, shared)
    system.run("ln", "-sf", shared, settings)
    services = ("inventory-hub-web", "inventory-hub-worker")
    system.run("systemctl", "restart", *services)
    system.wait_for("cannot be read", "journalctl", "-u", "inventory-hub-web")
    system.wait_for("failed", "systemctl", "is-active", "inventory-hub-web")
    system.run("usermod", "-a", "-G", "es-secrets", "inventory-hub")
    system.run("systemctl", "restart", *services)
    assert health(system)["status"] == "healthy"


def collects_by_timers(system: System, offline: list[str]) -> None:
    python = "/opt/inventory-hub/bin/python"
    system.run("systemd-run", "--unit=vendors", python, "-c", SIMULATED)
    system.wait_for("vendors", "ls", "/run")
    again = system.run("env", *offline, "/srv/checkout/deploy/install.sh", "--timers")
    assert "inventory-hub-ninja.timer" in again
    assert system.state("inventory-hub-worker") == "inactive"
    assert health(system)["status"] == "healthy"
    for source, hour in (("ninja", 2), ("threatlocker", 3), ("agent", 4)):
        shown = system.run(
            "systemctl", "show", "-P", "TimersCalendar", f"inventory-hub-{source}.timer"
        )
        assert re.findall("OnCalendar=(.+?) ;", shown) == [
            f"*-*-* {time}:00 America/Chicago"
            for time in ("23:05", f"{hour + 1:02}:00", f"{hour:02}:00")
        ]
    # By hand, as the timer does it; a second time there is nothing to do.
    for source, said in (("ninja", "ninja complete"), ("threatlocker", "threatlocker complete")):
        unit = f"inventory-hub-collect@{source}"
        system.run("systemctl", "start", unit)
        system.wait_for(said, "journalctl", "-u", unit)
        system.run("systemctl", "start", unit)
        system.wait_for("Nothing is due.", "journalctl", "-u", unit)
    system.run("systemctl", "start", "inventory-hub-collect@agent")
    assert "FIX  " not in system.run("inventory-hub", "doctor")


def is_removed(system: System, root: Path) -> None:
    assert "stay" in system.run("/srv/checkout/deploy/install.sh", "--uninstall")
    left = system.run("systemctl", "list-units", "--all", "--plain", "inventory-hub*")
    assert "0 loaded units" in left
    kept = ("etc/inventory-hub/.env", "var/lib/inventory-hub/inventory.db")
    assert all(os.path.lexists(root / place) for place in kept)
    gone = ("opt/inventory-hub", "usr/local/bin/inventory-hub")
    assert not any((root / place).exists() for place in gone)
    assert list((root / "etc/systemd/system").rglob("inventory-hub*")) == []
    assert "inventory-hub" in system.run("getent", "passwd", "inventory-hub")
