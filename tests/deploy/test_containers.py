"""The Dockerfile built by the script that we ship, and the image run as the documents say. Docker
itself is not needed: podman builds and runs the same, on a base that is made here of Debian's
packages, for a registry of images may be out of reach."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from db import __version__
from tests.conftest import ROOT
from tests.support.agent_servers import free_port

pytestmark = pytest.mark.full

KEY = "0f8e5b1c7a9d42638e5fb0c1d2a39487"
IMAGE = "inventory-hub:local"
LOCKED = (
    "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
    "--security-opt", "no-new-privileges",
    # A network of its own would bring a network card, which breaks the pages that Chromium loads.
    "--network", "host", "--env", "HOST=127.0.0.1",
)  # fmt: skip
SETTINGS = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
"""Without higher limits than this process has: it could not give them."""


LIST = """from importlib.metadata import distributions
for each in distributions():
    print(each.metadata["Name"] + "==" + each.version)"""


class Podman:
    """podman with images and containers in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "containers.conf").write_text(SETTINGS)
        self.environment = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
        self.words = [
            "podman", "--root", f"{folder}/images", "--runroot", f"{folder}/running",
            "--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--runtime", "runc",
        ]  # fmt: skip

    def run(self, *words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.words, *words], env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    def output(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def docker(self) -> Path:
        """A folder with a `docker` that builds with this podman, in the surroundings of this
        machine: what pip is told here about certificates it is told there."""
        shutil.copytree("/etc/ssl/certs", self.folder / "certificates", symlinks=False)
        told = "[global]\ncert = /certificates/ca-certificates.crt\n"
        (self.folder / "pip.conf").write_text(told if "PIP_CERT" in os.environ else "")
        build = [
            "--pull=never", "--format=docker", "--isolation=chroot",
            f"--volume={self.folder}/certificates:/certificates:ro",
            f"--volume={self.folder}/pip.conf:/etc/pip.conf:ro",
        ]  # fmt: skip
        program = self.folder / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(
            f'#!/bin/sh\n[ "$1" = build ] || exit 64\nshift\n'
            f'exec {" ".join([*self.words, "build", *build])} "$@"\n'
        )
        program.chmod(0o755)
        return program.parent


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """With the image, built by deploy/docker/build.sh."""
    for program in ("podman", "runc", "mmdebstrap"):
        assert shutil.which(program), f"{program} is not installed: run .ci/packages all, as root"
    folder = Path(tempfile.mkdtemp(prefix="hub-", dir="/var/tmp"))
    found = Podman(folder)
    try:
        base = folder / "base.tar"
        words = ["mmdebstrap", "--mode=root", "--variant=minbase", "bookworm", str(base)]
        made = subprocess.run(words, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        found.output("import", str(base), "docker.io/library/debian:12-slim")
        base.unlink()
        path = os.pathsep.join([str(found.docker()), os.environ["PATH"]])
        built = subprocess.run(
            [ROOT / "deploy" / "docker" / "build.sh"], env=found.environment | {"PATH": path},
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        assert built.returncode == 0, built.stdout + built.stderr
        yield found
    finally:
        found.run("rm", "--all", "--force", "--time", "0")
        found.run("image", "rm", "--all", "--force")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def volume(podman: Podman) -> Iterator[str]:
    name = podman.output("volume", "create")
    yield name
    podman.run("volume", "rm", "--force", name)


def test_the_image_says_who_runs_it_and_holds_the_product_alone(podman: Podman) -> None:
    (image,) = json.loads(podman.output("image", "inspect", IMAGE))
    config = image["Config"]
    assert (config["User"], config["Cmd"]) == ("10001:10001", ["inventory-hub", "serve"])
    assert set(config["ExposedPorts"]) == {"8050/tcp"} and set(config["Volumes"]) == {"/data"}
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert f"localhost/inventory-hub:{__version__}" in image["RepoTags"]
    assert image["Healthcheck"]["Test"][0] == "CMD"

    def inside(*words: str) -> subprocess.CompletedProcess[str]:
        return podman.run("run", "--rm", *LOCKED, IMAGE, *words)

    assert inside("inventory-hub", "--version").stdout.strip().endswith(__version__)
    tools = inside("sh", "-c", "command -v cc gcc c++ make pip pip3 git curl; true")
    assert (tools.returncode, tools.stdout) == (0, "")
    assert inside("id", "-u").stdout.strip() == "10001"
    for place in ("/x", "/opt/inventory-hub/x", "/etc/x"):
        assert "Read-only file system" in inside("touch", place).stderr
    assert inside("touch", "/data/x", "/tmp/x").returncode == 0
    foreign = inside("find", "/", "-xdev", "-name", ".env*", "-o", "-name", "secrets", "-o",
                     "-path", "/source", "-o", "-path", "*/tests/conftest.py")  # fmt: skip
    assert [line for line in foreign.stdout.splitlines() if "/python3" not in line] == []
    pins = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").splitlines()
    listed = inside("python3", "-c", LIST).stdout
    others = {line for line in listed.lower().replace("_", "-").split() if "hub==" not in line}
    assert len(others) > 30 and others - set(pins) == set()


def test_without_a_key_the_container_ends_and_says_what_to_set(podman: Podman) -> None:
    ended = podman.run("run", "--rm", *LOCKED, IMAGE)
    assert ended.returncode == 2
    assert "SECRET_KEY is not set: set SECRET_KEY or SECRET_KEY_FILE" in ended.stderr


def test_dashboard_and_worker_run_from_the_image_on_one_volume(
    podman: Podman, volume: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret_key"
    secret.write_text(KEY)
    secret.chmod(0o444)
    port = free_port()
    shared = (
        *LOCKED, "--volume", f"{volume}:/data", "--volume", f"{secret}:/run/secrets/secret_key:ro",
        "--env", "SECRET_KEY_FILE=/run/secrets/secret_key", "--env", f"PORT={port}",
    )  # fmt: skip
    migrated = podman.run("run", "--rm", *shared, IMAGE, "inventory-hub", "migrate")
    assert migrated.stdout.startswith("Migrated from nothing to"), migrated.stderr
    web = podman.output("run", "--detach", *shared, IMAGE)
    worker = podman.output("run", "--detach", *shared, "--no-healthcheck", IMAGE,
                           "inventory-hub", "worker")  # fmt: skip

    assert answer(podman, web, f"http://127.0.0.1:{port}/api/health")["status"] == "healthy"
    assert podman.run("healthcheck", "run", web).returncode == 0
    page = requests.get(f"http://127.0.0.1:{port}/sites", timeout=120)
    assert page.history[0].status_code == 303 and "/login?next=" in page.url
    wait_for_log(podman, worker, "worker started")
    added = podman.output("exec", web, "inventory-hub", "user", "add", "Ada", "--role", "viewer")
    assert "/invite/" in added
    processed = podman.output("run", "--rm", *shared, IMAGE, "inventory-hub", "process")
    assert processed.startswith("Recalculated")

    for container in (web, worker):
        podman.output("stop", "--time", "60", container)
        (state,) = json.loads(podman.output("inspect", container))
        assert state["State"]["ExitCode"] in (0, 128 + signal.SIGTERM)
    assert "worker stopped" in podman.run("logs", worker).stderr
    assert podman.run("healthcheck", "run", web).returncode != 0


def test_the_demo_fills_its_database_in_a_container_that_changes_nothing_else(
    podman: Podman, volume: str
) -> None:
    words = "inventory-hub demo --once --devices 20 --sites 3 --months 1 --data /data/demo"
    done = podman.run(
        "run", "--rm", *LOCKED, "--volume", f"{volume}:/data", IMAGE, *words.split(), timeout=1800
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"days? collected; the data is in /data/demo", done.stderr)


def answer(podman: Podman, container: str, address: str) -> Any:
    end = time.monotonic() + 300
    while True:
        try:
            return requests.get(address, timeout=120).json()
        except requests.ConnectionError:
            running = podman.output("inspect", "--format", "{{.State.Running}}", container)
            assert running == "true", podman.run("logs", container).stderr
            assert time.monotonic() < end, "the container does not answer"
            time.sleep(0.5)


def wait_for_log(podman: Podman, container: str, text: str) -> None:
    end = time.monotonic() + 300
    while True:
        done = podman.run("logs", container)
        if text in done.stdout + done.stderr:
            return
        assert time.monotonic() < end, done.stdout + done.stderr
        time.sleep(0.5)
