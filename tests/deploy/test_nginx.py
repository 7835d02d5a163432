"""The shipped nginx configuration, with a real nginx before a real server: people sign in over TLS,
and an agent reports from a network namespace of its own."""

import csv
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, select

from db import tokens, users
from db.engine import reading, writing
from db.roles import ADMINISTRATOR
from db.settings import load
from db.tables import audit_log, inventory
from tests.conftest import COMMAND, ROOT
from tests.support.agent_servers import free_port
from tests.support.api_server import first_answer, running_process
from tests.support.worlds import HARBOR, TODAY, DeviceState, World

pytestmark = pytest.mark.full

KEY = "0f8e5b1c7a9d42638e5fb0c1d2a39487"
PASSWORD = "seven plain copper kettles"
DEVICES = 200_000
SPOOFED = {
    "X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http", "X-Real-IP": "198.51.100.7",
    "X-Forwarded-Host": "evil.example", "Forwarded": "for=198.51.100.7;host=evil.example",
    "X-Forwarded-User": "Eve", "X-Forwarded-Groups": "Administrators",
}  # fmt: skip
POLL = {
    "output": "snapshot.data", "outputs": {"id": "snapshot", "property": "data"},
    "inputs": [{"id": "poll", "property": "n_intervals", "value": 1}],
    "state": [{"id": "snapshot", "property": "data", "value": "x"}],
    "changedPropIds": ["poll.n_intervals"],
}  # fmt: skip
"""The callback that asks whether there is something new."""
HERE, THERE = "203.0.113.1", "203.0.113.2"
"""The addresses of this host and of the agent's, on a cable between two namespaces."""


@dataclass(frozen=True)
class Front:
    """Where nginx answers, and whom to trust."""

    address: str
    plain: str
    certificate: Path
    server_port: int


@pytest.fixture
def agent_host() -> Iterator[int]:
    """A process in another network namespace with a cable to ours; its id."""
    process = subprocess.Popen(["unshare", "-n", "sleep", "3600"])
    pid = str(process.pid)
    try:
        time.sleep(0.5)
        run(
            "ip",
            "link",
            "add",
            "hub-front",
            "type",
            "veth",
            "peer",
            "name",
            "hub-agent",
            "netns",
            pid,
        )
        run("ip", "address", "add", f"{HERE}/30", "dev", "hub-front")
        run("ip", "link", "set", "hub-front", "up")
        for words in (
            f"address add {THERE}/30 dev hub-agent",
            "link set hub-agent up",
            "link set lo up",
        ):
            run("nsenter", "-t", pid, "-n", "ip", *words.split())
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


@contextmanager
def nginx(folder: Path, server_port: int) -> Iterator[Front]:
    """nginx with the shipped configuration, but for the names and ports of a test."""
    run(
        *"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hub".split(),
        "-addext", f"subjectAltName=IP:127.0.0.1,IP:{HERE}",
        "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem"),
    )  # fmt: skip
    plain, secure = free_port(), free_port()
    text = (ROOT / "deploy" / "nginx" / "inventory-hub.conf").read_text()
    for ours, theirs in (
        ("127.0.0.1:8050", f"127.0.0.1:{server_port}"),
        ("/etc/ssl/certs/inventory.example.com.pem", str(folder / "certificate.pem")),
        ("/etc/ssl/private/inventory.example.com.key", str(folder / "key.pem")),
        ("listen 80;", f"listen {plain};"), ("listen 443 ssl", f"listen {secure} ssl"),
        ("listen [::]:80;", ""), ("listen [::]:443 ssl http2;", ""),
    ):  # fmt: skip
        assert text.count(ours) == 1, ours
        text = text.replace(ours, theirs)
    (folder / "site.conf").write_text(text)
    # Where Debian's nginx keeps bodies belongs to a service that is installed, not to a test.
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary} include {folder}/site.conf; }}\n"
    )
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tried.returncode == 0 and "warn" not in tried.stderr, tried.stderr
    process = subprocess.Popen(command)
    try:
        wait_for(secure)
        yield Front(
            f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{plain}",
            folder / "certificate.pem", server_port,
        )  # fmt: skip
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as sought:
            if sought.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("nginx does not listen")


IN_NAMESPACE = "HUB_TESTS_IN_NAMESPACE"
INSIDE = 'ip link set lo up && exec "$@"'


def test_people_and_machines_come_in_through_nginx_alone() -> None:
    """In a network namespace of its own: a network card that comes or goes would break the pages
    that Chromium loads in other tests."""
    this = ("pytest", "-q", "-p", "no:xdist", "-k", "test_inside", __file__)
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", INSIDE, "sh", sys.executable, "-m", *this],
        env={**os.environ, IN_NAMESPACE: "1", "PYTEST_ADDOPTS": ""}, cwd=ROOT,
        capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


@pytest.mark.skipif(IN_NAMESPACE not in os.environ, reason="the test before runs it")
def test_inside(
    cli_environment: dict[str, str], sqlite_engine: Engine, tmp_path: Path, agent_host: int
) -> None:
    assert shutil.which("nginx"), "run .ci/packages all"
    fleet = World({HARBOR: "Harbor Dental"})
    fleet.publish(
        "ninja", TODAY,
        (DeviceState("ninja", str(n), HARBOR, hostname=f"PC-{n}") for n in range(DEVICES)),
    )  # fmt: skip
    fleet.save(sqlite_engine)
    port = free_port()
    with nginx(tmp_path, port) as front:
        environment = cli_environment | {
            "SECRET_KEY": KEY, "PUBLIC_URL": front.address, "TRUSTED_PROXIES": "127.0.0.1",
            "DATABASE_URL": sqlite_engine.url.render_as_string(hide_password=False),
        }  # fmt: skip
        with _served(environment, tmp_path, port) as process:
            _protocols(front)
            with _signed_in(front, sqlite_engine, environment, tmp_path) as ada:
                _pages(front, ada, sqlite_engine)
                _large_file(front, ada)
            _machines(front, sqlite_engine, environment, tmp_path, agent_host)
            process.terminate()
            process.wait(120)
        with _served(environment | {"AUTH": "proxy"}, tmp_path, port):
            _nobody_names_himself(front)


@contextmanager
def _served(
    environment: dict[str, str], folder: Path, port: int
) -> Iterator["subprocess.Popen[str]"]:
    with running_process(environment, folder, "serve", "--port", str(port)) as process:
        first_answer(f"http://127.0.0.1:{port}/api/health", process)
        yield process


def _protocols(front: Front) -> None:
    upgraded = requests.get(f"{front.plain}/sites?q=a", allow_redirects=False, timeout=60)
    assert (upgraded.status_code, upgraded.headers["Location"]) == (
        301,
        "https://127.0.0.1/sites?q=a",
    )
    spoken = subprocess.run(
        ["openssl", "s_client", "-connect", front.address.removeprefix("https://"), "-alpn", "h2"],
        input=b"", capture_output=True, timeout=60,
    )  # fmt: skip
    # Bytes: frames of HTTP/2 may follow.
    assert b"ALPN protocol: h2" in spoken.stdout
    with trusting(front) as stranger:
        large = stranger.post(f"{front.address}/api/machines", data=b"x" * 2_000_000)
        assert large.status_code == 413 and "nginx" in large.text
        file = stranger.get(f"{front.address}/export/devices.csv")
        assert file.status_code == 401


def trusting(front: Front) -> requests.Session:
    """A client that believes in nginx's certificate."""
    session = requests.Session()
    # requests prefers REQUESTS_CA_BUNDLE to what a session trusts.
    session.verify, session.trust_env = str(front.certificate), False
    return session


@contextmanager
def _signed_in(
    front: Front, engine: Engine, environment: dict[str, str], folder: Path
) -> Iterator[requests.Session]:
    """Ada, an administrator, whose browser claims to be another one behind another proxy."""
    with writing(engine) as connection:
        users.add(connection, "Ada", ADMINISTRATOR, "test", datetime.now(UTC))
    link = subprocess.run(
        [sys.executable, "-c", COMMAND, "user", "password", "Ada"],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    address = re.search(rf"{front.address}/invite/\S+", link.stdout)
    assert address, link.stdout + link.stderr
    with trusting(front) as ada:
        ada.headers.update(SPOOFED)
        form = {
            "password": PASSWORD,
            "again": PASSWORD,
            "csrf_token": token(ada.get(address[0]).text),
        }
        chosen = ada.post(address[0], data=form)
        assert chosen.status_code == 200, chosen.text
        if "/login" in chosen.url:
            form = {"username": "Ada", "password": PASSWORD, "csrf_token": token(chosen.text)}
            ada.post(f"{front.address}/login", data=form)
        yield ada


def _pages(front: Front, ada: requests.Session, engine: Engine) -> None:
    page = ada.get(f"{front.address}/sites")
    assert page.status_code == 200 and page.url == f"{front.address}/sites"
    assert any(cookie.name.startswith("__Host-") and cookie.secure for cookie in ada.cookies)
    assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
    # The application compresses: nginx has no brotli.
    assert page.headers["Content-Encoding"] == "br" and "198.51.100.7" not in page.text
    style = re.search(r'href="(/own/[^"]+\.css)"', page.text)
    assert style
    kept = ada.get(front.address + style[1])
    assert kept.status_code == 200 and "max-age=31536000" in kept.headers["Cache-Control"]

    asked = ada.post(
        f"{front.address}/_dash-update-component", json=POLL,
        headers={"X-CSRF-Token": token(page.text), "Origin": front.address},
    )  # fmt: skip
    assert asked.status_code == 200 and "snapshot" in asked.json()["response"]
    foreign = ada.post(
        f"{front.address}/_dash-update-component", json=POLL,
        headers={"X-CSRF-Token": token(page.text), "Origin": "https://evil.example"},
    )  # fmt: skip
    assert foreign.status_code == 403

    with reading(engine) as connection:
        entries = connection.scalars(
            select(audit_log.c.detail).where(audit_log.c.action == "sign_in")
        ).all()
    assert entries and all(
        "127.0.0.1" in entry and "198.51.100.7" not in entry for entry in entries
    )


def _large_file(front: Front, ada: requests.Session) -> None:
    """Every line arrives."""
    with ada.get(f"{front.address}/export/devices.csv?basis=ninja", stream=True) as file:
        assert file.status_code == 200 and "no-store" in file.headers["Cache-Control"]
        lines = list(csv.reader(file.iter_lines(decode_unicode=True)))
    column = lines[0].index("hostname")
    assert {line[column] for line in lines[1:]} == {f"PC-{n}" for n in range(DEVICES)}
    assert len(lines) == DEVICES + 1


def _nobody_names_himself(front: Front) -> None:
    """Where a proxy signs people in, nginx as shipped signs in nobody, whatever a client says. The
    server itself believes what comes from nginx's address."""
    named = {"X-Forwarded-User": "Ada"}
    inside = requests.get(
        f"http://127.0.0.1:{front.server_port}/api/sites",
        headers={**named, "X-Forwarded-Proto": "https"}, timeout=60,
    )  # fmt: skip
    assert inside.status_code == 200
    with trusting(front) as stranger:
        for name in ("X-Forwarded-User", "x-forwarded-user", "X_Forwarded_User"):
            refused = stranger.get(f"{front.address}/api/sites", headers={name: "Ada"})
            assert refused.status_code == 401, name
            page = stranger.get(f"{front.address}/sites", headers={name: "Ada"})
            assert page.status_code in (401, 403) and "Ada" not in page.text, name


def _machines(
    front: Front, engine: Engine, environment: dict[str, str], folder: Path, agent_host: int
) -> None:
    with writing(engine) as connection:
        text = tokens.create(
            connection, "enrol", "test", "Ada", datetime.now(UTC),
            tokens.Peppers.from_settings(load(environment)),
        )  # fmt: skip
    there = front.address.replace("127.0.0.1", HERE)
    done = subprocess.run(
        ["nsenter", "-t", str(agent_host), "-n", sys.executable, "-m", "agent", "--once"],
        env=environment | {
            "PYTHONPATH": str(ROOT), "INVENTORY_HUB_URL": there, "INVENTORY_HUB_TOKEN": text,
            "INVENTORY_HUB_CA_FILE": str(front.certificate),
            "INVENTORY_HUB_STATE_DIR": str(folder / "agent"),
        },
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with reading(engine) as connection:
        machine = connection.execute(select(inventory)).one()
    assert machine.ip == THERE
    # Past nginx there is nothing: the server listens on the loopback address alone.
    past = subprocess.run(
        ["nsenter", "-t", str(agent_host), "-n", sys.executable, "-c",
         f"import socket; socket.create_connection(('{HERE}', {front.server_port}), 5)"],
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert past.returncode == 1


def token(page: str) -> str:
    field = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert field
    return field[1]
