"""The agent as a service: the systemd unit, the launchd job, and their settings files."""

import json
import os
import plistlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import __version__, service_linux, service_macos, settings_files
from agent.settings import CONFIG, load
from tests.conftest import ROOT
from tests.support.agent_servers import HubServer, serving

COMMAND = [shutil.which("true") or "/bin/true"]
GIVEN = {
    "INVENTORY_HUB_URL": "https://inventory.example.com",
    "INVENTORY_HUB_TOKEN": "secret-token",
    "INVENTORY_HUB_SITE": 'O\'Brien "& Söhne" $5 100% \\',
}
printable = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" ")
).map(str.strip).filter(bool)  # fmt: skip


@pytest.fixture
def verify() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


@pytest.mark.parametrize("state", ["/var/lib/inventory-agent", "/srv/agent's state"])
def test_systemd_analyze_accepts_the_unit(tmp_path: Path, verify: str, state: str) -> None:
    path = tmp_path / "inventory-agent.service"
    path.write_text(service_linux.unit(COMMAND, Path(state)))
    done = subprocess.run([verify, "verify", path], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_unit_has_a_low_exposure_level(tmp_path: Path, verify: str) -> None:
    path = tmp_path / "inventory-agent.service"
    path.write_text(service_linux.unit(COMMAND, service_linux.STATE))
    done = subprocess.run(
        [verify, "security", "--offline=true", "--no-pager", path], capture_output=True, text=True
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    # An ordinary service has 9.6. What is left is being root, and having a network.
    assert float(found[1]) <= 2.5


def test_a_command_with_a_space_or_a_percent_sign_stays_one_word() -> None:
    text = service_linux.unit(["/opt/our agents/100%/inventory-agent"], service_linux.STATE)
    assert '\nExecStart="/opt/our agents/100%%/inventory-agent"\n' in text


def test_install_writes_settings_to_a_file_that_only_root_reads(tmp_path: Path) -> None:
    found = load({**GIVEN, "INVENTORY_HUB_STATE_DIR": str(tmp_path / "state")}, tmp_path)
    root = tmp_path / "root"
    said = service_linux.install(found, COMMAND, root)
    settings = root / "etc/inventory-agent/agent.env"
    assert settings.stat().st_mode & 0o777 == 0o600
    unit = (root / "etc/systemd/system/inventory-agent.service").read_text()
    assert "\nEnvironmentFile=/etc/inventory-agent/agent.env\n" in unit
    assert "secret-token" not in unit + said and "systemd does not run here" in said
    again = load(service_linux.installed_settings(root), tmp_path)
    assert again == found
    assert service_linux.running_state(root) is None
    assert service_linux.install(again, COMMAND, root) == said, "installing twice is once"
    assert "Removed" in service_linux.uninstall(root) and settings.exists()
    assert "was not installed" in service_linux.uninstall(root)


def test_dotenv_values_are_escaped_for_systemd() -> None:
    assert settings_files.format_dotenv({"A": 'x"y\\z$`'}) == 'A="x\\"y\\\\z\\$\\`"\n'


@given(st.dictionaries(st.sampled_from(sorted(GIVEN)), printable))
def test_settings_survive_a_round_trip_through_files(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    (folder / ".env").write_text(settings_files.format_dotenv(values), encoding="utf-8")
    assert settings_files.read_dotenv(folder / ".env") == values
    (folder / "agent.ini").write_text(settings_files.format_ini(values), encoding="utf-8")
    assert settings_files.read_ini(folder / "agent.ini") == values


def test_launchd_job_names_the_settings_file_and_no_secret() -> None:
    job = plistlib.loads(service_macos.plist(["/usr/local/bin/inventory-agent"]))
    assert job["ProgramArguments"] == ["/usr/local/bin/inventory-agent"]
    assert list(job["EnvironmentVariables"]) == [CONFIG]
    assert job["RunAtLoad"] and job["KeepAlive"] == {"SuccessfulExit": False}


def agent(folder: Path, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "INVENTORY_HUB_STATE_DIR": str(folder),
            **given,
        },
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def test_status_prints_service_server_machine_and_backlog(tmp_path: Path) -> None:
    done = agent(tmp_path, "status")
    assert done.returncode == 3 and "service: not running" in done.stdout
    assert "waiting: 0 reports" in done.stdout
    hub = HubServer()
    with serving(hub) as served:
        url, token = served.url, hub.token
        agent(tmp_path, "--once", INVENTORY_HUB_URL=url, INVENTORY_HUB_TOKEN=token)
    agent(tmp_path, "--once", INVENTORY_HUB_URL=url)
    done = agent(tmp_path, "status", INVENTORY_HUB_URL=url)
    state = json.loads((tmp_path / "state.json").read_text())
    assert f"machine: {state['machine_id']}" in done.stdout and "key:     its own" in done.stdout
    assert "waiting: 1 reports" in done.stdout and state["key"] not in done.stdout


def test_service_command_is_refused_outside_windows(tmp_path: Path) -> None:
    done = agent(tmp_path, "service")
    assert done.returncode == 2 and "Windows itself" in done.stderr


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv (util-linux)"
)
def test_without_privileges_or_capabilities_it_names_what_it_needs(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for parent in (tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    command = [sys.executable, "-m", "agent"]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "INVENTORY_HUB_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        [*bare, *command, "--print"], env=surroundings, cwd=tmp_path, capture_output=True, text=True
    )
    report = json.loads(done.stdout)
    assert report["disk_total_mb"] and report["mac_addresses"], "root without capabilities"
    serial = Path("/sys/class/dmi/id/product_serial")
    if serial.exists():
        assert report["serial"] == (serial.read_text().strip() or None)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_install_requires_privileges(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.setuid(65534); from agent.main import main; sys.exit(main(['install']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from agent.main import main; import os\n" + code],
        env={**os.environ, **GIVEN, "PYTHONPATH": str(ROOT)},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "run it as administrator" in done.stderr


def test_the_windows_installer_has_the_agents_version_and_names() -> None:
    text = (ROOT / "deploy" / "agent" / "inventory-agent.iss").read_text(encoding="utf-8")
    assert f'#define Version "{__version__}"' in text
    windows = (ROOT / "agent" / "service_windows.py").read_text(encoding="utf-8")
    assert 'NAME, LABEL = "InventoryHubAgent"' in windows and "stop InventoryHubAgent" in text
    assert "Inventory Hub Agent\\agent.ini" in (ROOT / "docs" / "agent.md").read_text()
    for module in re.findall(
        r'"agent\.(\w+)"', (ROOT / "deploy/agent/inventory-agent.spec").read_text()
    ):
        assert (ROOT / "agent" / f"{module}.py").exists()
