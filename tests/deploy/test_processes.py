"""The Procfile, requirements.txt and the supervisord configuration that we ship, as honcho, pip and
supervisord read them."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from honcho.environ import parse_procfile

from cli.main import main
from tests.conftest import ROOT
from tests.support.agent_servers import free_port
from tests.support.api_server import first_answer, killed_at_the_end
from tests.support.source_tree import copy_source

KEY = "0f8e5b1c7a9d42638e5fb0c1d2a39487"
BIN = Path(sys.executable).parent
ELSEWHERE = "127.0.0.2"
"""An address at which nothing answers that listens on 127.0.0.1 alone."""
LINES = parse_procfile((ROOT / "Procfile").read_text()).processes


@pytest.mark.parametrize("name", LINES)
def test_each_line_of_the_procfile_is_a_command_with_its_options(name: str) -> None:
    program, command, *arguments = shlex.split(LINES[name])
    assert program == "inventory-hub"
    main.commands[command].make_context(command, arguments)


def platform_environment(programs: Path, port: int, **variables: str) -> dict[str, str]:
    """The environment that a platform gives: where the product was installed, and a port."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    path = os.pathsep.join([str(programs), os.environ["PATH"]])
    return plain | {"PATH": path, "PORT": str(port), "PYTHONUNBUFFERED": "1"} | variables


def honcho(folder: Path, environment: dict[str, str], *names: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [BIN / "honcho", "-e", os.devnull, "start", *names], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


@pytest.mark.full
def test_a_platform_installs_by_requirements_txt_and_runs_the_procfile(
    clean_surroundings: None, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    copy_source(app, "requirements.txt", "constraints.txt", "Procfile")
    installed = tmp_path / "installed"
    subprocess.run([sys.executable, "-m", "venv", installed], check=True)
    pip = [installed / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    install = subprocess.run(
        [*pip, "install", "-r", "requirements.txt"], cwd=app, capture_output=True, text=True
    )
    assert install.returncode == 0, install.stderr
    frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    pins = (ROOT / "constraints.txt").read_text().lower().splitlines()
    others = [line for line in frozen.lower().splitlines() if not line.startswith("inventory-hub")]
    assert len(others) > 30 and [line for line in others if line not in pins] == []

    # What the platform runs is the installed product, not the folder it was built from.
    folder = tmp_path / "here"
    folder.mkdir()
    shutil.copy(app / "Procfile", folder)
    port = free_port()
    environment = platform_environment(installed / "bin", port)
    refused, _ = honcho(folder, environment, "web").communicate(timeout=300)
    assert "SECRET_KEY is not set: set SECRET_KEY or SECRET_KEY_FILE" in refused
    assert "web.1 stopped (rc=2)" in refused

    environment["SECRET_KEY"] = KEY
    released, _ = honcho(folder, environment, "release").communicate(timeout=300)
    assert "Migrated from nothing to" in released and "release.1 stopped (rc=0)" in released
    with killed_at_the_end(honcho(folder, environment, "web", "worker")) as process:
        health = first_answer(f"http://{ELSEWHERE}:{port}/api/health", process)
        assert health.json()["status"] == "healthy"
        page = requests.get(f"http://{ELSEWHERE}:{port}/sites", timeout=120)
        assert page.history[0].status_code == 303 and "/login?next=" in page.url
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=300)
    assert "worker started for agent" in output and "worker stopped" in output
    assert re.search(r"/invite/\S+", output), output
    assert "Traceback" not in output


SUPERVISORD = """
[unix_http_server]
file={folder}/socket
[supervisord]
nodaemon=true
pidfile={folder}/pid
logfile={folder}/supervisord.log
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/socket
[include]
files={folder}/inventory-hub.conf
"""


class Supervised:
    """supervisord with our configuration in a folder of a test."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self.process = process

    def control(self, *words: str) -> str:
        command = [BIN / "supervisorctl", "-c", self.folder / "supervisord.conf", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        return done.stdout + done.stderr

    def pid(self, program: str) -> int:
        return int(self.control("pid", f"inventory-hub:inventory-hub-{program}"))

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def wait(self, until: Callable[[], object], what: str) -> None:
        end = time.monotonic() + 300
        while not until():
            assert self.process.poll() is None, self.log("supervisord")
            assert time.monotonic() < end, f"{what}: {self.control('status')}"
            time.sleep(0.2)


@contextmanager
def supervisord(folder: Path, port: int, startretries: int = 20) -> Iterator[Supervised]:
    """The shipped configuration, but for the folders and the user of a test, and how soon a program
    that does not start is given up."""
    text = (ROOT / "deploy" / "supervisor" / "inventory-hub.conf").read_text()
    for ours, theirs in (
        ("/opt/inventory-hub/bin/", f"{BIN}/"), ("/srv/inventory-hub", str(folder)),
        ("/var/log/inventory-hub/", f"{folder}/"), ("user=inventory-hub", "umask=027"),
        ("startretries=20", f"startretries={startretries}"),
    ):  # fmt: skip
        assert text.count(ours) == 2, ours
        text = text.replace(ours, theirs)
    (folder / "inventory-hub.conf").write_text(text)
    (folder / "supervisord.conf").write_text(SUPERVISORD.format(folder=folder))
    process = subprocess.Popen(
        [BIN / "supervisord", "-c", folder / "supervisord.conf"], cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(port)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    supervised = Supervised(folder, process)
    try:
        supervised.wait(lambda: "inventory-hub" in supervised.control("status"), "it starts")
        yield supervised
    finally:
        process.terminate()
        process.wait(300)


@pytest.mark.full
def test_supervisord_runs_both_programs_starts_them_again_and_ends_them_cleanly(
    clean_surroundings: None, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"SECRET_KEY={KEY}\n")
    port = free_port()
    address = f"http://127.0.0.1:{port}/api/health"

    def answers() -> bool:
        try:
            return requests.get(address, timeout=120).json()["status"] == "healthy"
        except requests.ConnectionError:
            return False

    with supervisord(tmp_path, port) as supervised:
        supervised.wait(answers, "the dashboard answers")
        supervised.wait(lambda: "worker started" in supervised.log("worker"), "the worker works")
        supervised.wait(lambda: supervised.control("status").count("RUNNING") == 2, "both run")

        for program in ("web", "worker"):
            killed = supervised.pid(program)
            os.kill(killed, signal.SIGKILL)
            supervised.wait(lambda: supervised.pid(program) not in (0, killed), "started again")  # noqa: B023
        supervised.wait(answers, "the dashboard answers again")
        supervised.wait(
            lambda: supervised.log("worker").count("worker started") == 2, "the worker works again"
        )
        supervised.wait(lambda: supervised.control("status").count("RUNNING") == 2, "both run")

        supervised.control("stop", "inventory-hub:*")
        assert supervised.control("status").count("STOPPED") == 2
        assert not answers()
    assert json.loads(supervised.log("worker").splitlines()[-1])["message"] == "worker stopped"
    assert supervised.log("supervisord").count("(terminated by SIGKILL; not expected)") == 2
    assert supervised.log("supervisord").count("WARN killing") == 0
    assert supervised.log("supervisord").count("stopped: inventory-hub-") == 2


@pytest.mark.full
def test_supervisord_gives_up_on_wrong_settings_and_the_log_names_them(
    clean_surroundings: None, tmp_path: Path
) -> None:
    with supervisord(tmp_path, free_port(), startretries=1) as supervised:
        # FATAL; on a machine where it takes more than 10 s to read its settings, EXITED.
        supervised.wait(
            lambda: re.search(r"-web +(FATAL|EXITED)", supervised.control("status")), "it gives up"
        )
    assert "SECRET_KEY is not set" in supervised.log("web")
