"""`serve` and `demo` as real processes: answers, refused settings, shutdown."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, insert

from db.engine import writing
from db.machines import blank_machine
from db.tables import inventory
from tests.conftest import COMMAND, RunCli
from tests.support.agent_servers import free_port
from tests.support.api_server import first_answer, running_process
from tests.support.cli import CliHere
from tests.support.scripted_vendor import Reply, script_of, scripted

KEY = "0f8e5b1c7a9d42638e5fb0c1d2a39487"


def stop(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    return output


def wait_for_metric(port: int, line: str) -> None:
    """Ask until the metrics have `line`: a request is counted after its answer was sent whole."""
    end = time.monotonic() + 120
    address = f"http://127.0.0.1:{port}/metrics"
    while line not in (metrics := requests.get(address, timeout=120).text):
        assert time.monotonic() < end, metrics
        time.sleep(0.05)


def test_serve_answers_pages_and_api_and_stops_on_sigterm(
    cli_environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    environment = cli_environment | {"AUTH": "none"}
    with running_process(environment, tmp_path, "serve", "--port", str(port)) as process:
        address = f"http://127.0.0.1:{port}"
        health = first_answer(f"{address}/api/health", process)
        assert health.json()["status"] == "healthy"
        page = requests.get(address, timeout=120)
        assert page.status_code == 200
        assert "Inventory Hub" in page.text
        missing = requests.get(f"{address}/api/nothing", timeout=120)
        assert (missing.status_code, missing.json()["code"]) == (404, 404)
        output = stop(process)
    assert process.returncode == 0
    assert f"Inventory Hub at {address}" in output
    assert "Traceback" not in output


def test_people_open_it_from_other_machines_once_they_sign_in(
    cli_environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    scraped = free_port()
    environment = cli_environment | {
        "SECRET_KEY": KEY, "METRICS_LISTEN": f"127.0.0.1:{scraped}"
    }  # fmt: skip
    arguments = ("serve", "--host", "0.0.0.0", "--port", str(port))
    with running_process(environment, tmp_path, *arguments) as process:
        address = f"http://127.0.0.1:{port}"
        first_answer(f"{address}/api/health", process)
        page = requests.get(f"{address}/sites", timeout=120)
        assert (page.history[0].status_code, page.url) == (303, f"{address}/login?next=%2Fsites")
        refused = requests.get(f"{address}/api/sites", timeout=120)
        assert refused.status_code == 401
        wait_for_metric(scraped, 'route="/api/sites",status="401"} 1.0')
        output = stop(process)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    (line,) = (line for line in lines if line["message"] == "GET /api/sites 401")
    assert line["correlation_id"] == refused.headers["X-Correlation-Id"]
    link = re.search(r"http://0\.0\.0\.0:\d+(/invite/\S+)\n", output)
    assert link and "PUBLIC_URL" in output, "the link, and a warning that there is no TLS"
    again = running_process(environment, tmp_path, "serve", "--host", "::1", "--port", str(port))
    with again as process:
        address = f"http://[::1]:{port}"
        first_answer(f"{address}/api/health", process)
        assert requests.get(address + link[1], timeout=120).status_code == 410
        output = stop(process)
    fresh = re.search(rf"{re.escape(address)}/invite/\S+\n", output)
    assert fresh and link[1] not in fresh[0]


def test_slow_reader_does_not_delay_shutdown(
    cli_environment: dict[str, str], sqlite_engine: Engine, tmp_path: Path
) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    born = [blank_machine(f"{n:064x}", now) | {"hostname": "x" * 250} for n in range(20_000)]
    with writing(sqlite_engine) as connection:
        connection.execute(insert(inventory), born)
    url = sqlite_engine.url.render_as_string(hide_password=False)
    port = free_port()
    running_server = running_process(
        cli_environment | {"AUTH": "none", "DATABASE_URL": url}, tmp_path,
        "serve", "--port", str(port),
        command=f"import cli; from dashboard import serving; serving.STOP_SECONDS = 1; {COMMAND}",
    )  # fmt: skip
    with running_server as process:
        first_answer(f"http://127.0.0.1:{port}/api/health", process)
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"GET /api/machines HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert slow.recv(8) == b"HTTP/1.1"
            stop(process)


@pytest.mark.parametrize(
    ("arguments", "settings", "names"),
    [
        ((), {}, "SECRET_KEY"),
        (("--host", "0.0.0.0"), {}, "SECRET_KEY"),
        ((), {"SECRET_KEY": "x" * 40}, "SECRET_KEY"),
        ((), {"SECRET_KEY": "change-me-please-0123456789-abcdef"}, "SECRET_KEY"),
        ((), {"AUTH": "proxy", "SECRET_KEY": KEY}, "TRUSTED_PROXIES is not set"),
        ((), {"AUTH": "proxy", "TRUSTED_PROXIES": "10.0.0.1"}, "SECRET_KEY is not set"),
        (
            (),
            {
                "AUTH": "proxy",
                "TRUSTED_PROXIES": "10.0.0.1",
                "SECRET_KEY": KEY,
                "PROXY_ROLES": "a=viewer",
            },
            "PROXY_GROUPS_HEADER is not set",
        ),
        ((), {"AUTH": "oidc", "SECRET_KEY": KEY}, "OIDC_ISSUER is not set"),
        (
            (),
            {
                "AUTH": "oidc",
                "SECRET_KEY": KEY,
                "OIDC_ISSUER": "https://id.example.com/",
                "OIDC_CLIENT_ID": "hub",
            },
            "set OIDC_CLIENT_SECRET or OIDC_CLIENT_SECRET_FILE",
        ),
        ((), {"AUTH": "none", "OIDC_ISSUER": "http://id.example.com"}, "OIDC_ISSUER"),
        ((), {"AUTH": "none", "PROXY_ROLES": "a=owner"}, "PROXY_ROLES cannot be read"),
        ((), {"AUTH": "none", "PROXY_USER_HEADER": "a b"}, "PROXY_USER_HEADER is 'a b'"),
        ((), {"PUBLIC_URL": "hub.example.com", "AUTH": "none"}, "PUBLIC_URL"),
        ((), {"TRUSTED_PROXIES": "nginx", "AUTH": "none"}, "TRUSTED_PROXIES"),
        (("--host", "0.0.0.0"), {"AUTH": "none"}, "127.0.0.1"),
        ((), {"AUTH": "none", "HOST": "192.0.2.7"}, "HOST"),
        ((), {"AUTH": "nobody"}, "AUTH"),
        ((), {"AUTH": "none", "PORT": "many"}, "PORT"),
        ((), {"AUTH": "none", "TIMEZONE": "Mars/Olympus"}, "TIMEZONE"),
        ((), {"AUTH": "none", "DATABASE_URL": "oracle://x"}, "DATABASE_URL"),
    ],
)
def test_sec_22_serve_refuses_unsafe_or_wrong_settings(
    cli: CliHere, arguments: tuple[str, ...], settings: dict[str, str], names: str
) -> None:
    ended = cli("serve", *arguments, **settings)
    assert ended.exit_code == 2
    assert names in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("module", ["cli.serve", pytest.param("cli.demo", marks=pytest.mark.full)])
def test_the_process_that_answers_logs_as_set(
    cli_environment: dict[str, str], tmp_path: Path, module: str
) -> None:
    """It is another one than the command's, and has its settings from the environment."""
    script = f"import logging, {module} as it; it.make_server(); logging.warning('a'); " \
             "logging.error('b')"  # fmt: skip
    environment = cli_environment | {"AUTH": "none", "LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, text=True,
        capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["b"]


def test_serve_refuses_a_port_that_is_taken(run_cli: RunCli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run_cli("serve", "--port", port, AUTH="none")
    assert ended.returncode == 2
    assert port in ended.stderr and "--port" in ended.stderr


def test_a_demo_fills_its_data_once_serves_it_and_collects_nothing_the_second_time(
    cli: CliHere, cli_environment: dict[str, str], tmp_path: Path
) -> None:
    small = ("demo", "--devices", "40", "--sites", "4", "--months", "1", "--data", "demo")
    port = free_port()
    with running_process(cli_environment, tmp_path, *small, "--port", str(port)) as process:
        address = f"http://127.0.0.1:{port}"
        today = first_answer(f"{address}/api/dashboard/today", process).json()["totals"]
        assert today["ninja_devices"] > 30
        assert today["threatlocker_devices"] > 10
        stop(process)
    assert process.returncode == 0
    again = cli(*small, "--once")
    assert again.exit_code == 0, again.output
    assert "0 days collected" in again.stderr


def test_a_demo_is_not_mixed_into_real_data(cli: CliHere, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'real.db'}"
    with scripted(script_of(Reply(401, b"{}"))) as vendor:
        failed = cli(
            "collect", "ninja", DATABASE_URL=url, NINJA_BASE_URL=vendor.url,
            NINJA_CLIENT_ID="a", NINJA_CLIENT_SECRET="b",
        )  # fmt: skip
    assert failed.exit_code == 4
    ended = cli("demo", "--once", "--months", "1", DATABASE_URL=url)
    assert ended.exit_code == 2
    assert "real data" in ended.stderr
