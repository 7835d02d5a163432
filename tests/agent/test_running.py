"""The agent as a process: output, exit codes, signals, and no lost report."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import __version__, client
from agent.spool import Spool, count_waiting
from tests.conftest import ROOT
from tests.support.agent_servers import (
    Answer,
    HubServer,
    ReceivedRequest,
    TatuScanServer,
    free_port,
    serving,
)

KEYS = [
    "machine_id", "hostname", "ip", "os", "os_version", "cpu_percent", "memory_total_mb",
    "memory_used_mb", "timestamp", "agent_version", "boot_time", "serial", "manufacturer",
    "computer_model", "mac_addresses", "disk_total_mb", "disk_used_mb", "logged_in_user",
    "product_type", "chassis", "default_target", "has_desktop", "report_id", "stream_id",
]  # fmt: skip
RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the agent: start("--once", URL=server.url); `folder` is where its state is."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, folder: Path | None = None, **given: str) -> subprocess.Popen[str]:
        variables = {f"INVENTORY_HUB_{name}": value for name, value in given.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", *arguments],
            env={
                **os.environ,
                "PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{ROOT}",
                "INVENTORY_HUB_STATE_DIR": str(folder or tmp_path / "state"),
                **variables,
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], seconds: float = 180) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=seconds)
    return process.returncode, output, errors


def wait_until(true: Callable[[], object], seconds: float = 180) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.05)


def test_print_shows_this_machine_and_sends_nothing(start: Start, tmp_path: Path) -> None:
    code, output, _ = ended(start("--print"))
    report = json.loads(output)
    assert code == 0 and list(report) == KEYS
    assert re.fullmatch(r"[0-9a-f]{64}", report["machine_id"])
    assert report["hostname"] == socket.gethostname()
    assert report["os"] == sys.platform
    assert 0 <= report["cpu_percent"] <= 100
    assert 0 < report["memory_used_mb"] < report["memory_total_mb"]
    assert 0 < report["disk_used_mb"] < report["disk_total_mb"]
    assert re.fullmatch(RFC3339, report["timestamp"])
    assert re.fullmatch(RFC3339, report["boot_time"])
    again = json.loads(ended(start("--print", SITE="Acme"))[1])
    assert again["machine_id"] == report["machine_id"], "also where it is random"
    assert again["report_id"] != report["report_id"] and again["site"] == "Acme"


def test_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent", "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, f"inventory-agent {__version__}\n")


ENOTTY = "Inappropriate ioctl for device (originated from ioctl(SIOCETHTOOL))"
OF_PSUTIL = (
    "net_if_stats", "net_if_addrs", "disk_partitions", "disk_usage", "virtual_memory",
    "boot_time", "users", "cpu_percent",
)  # fmt: skip


@pytest.mark.parametrize(
    ("failing", "lost"),
    [
        (("net_if_stats",), ()),
        (
            OF_PSUTIL,
            ("cpu_percent", "memory_total_mb", "memory_used_mb", "boot_time", "mac_addresses",
             "disk_total_mb", "disk_used_mb", "logged_in_user"),
        ),
    ],
)  # fmt: skip
def test_agent_reports_without_what_psutil_cannot_tell(
    start: Start, tmp_path: Path, failing: tuple[str, ...], lost: tuple[str, ...]
) -> None:
    whole = json.loads(ended(start("--print", STATE_DIR=str(tmp_path / "other")))[1])
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import psutil, socket\n"
        f"def fails(*_, **__): raise OSError(25, {ENOTTY!r})\n"
        f"for name in {failing!r}: setattr(psutil, name, fails)\n"
        + ("socket.if_nameindex = fails\n" if lost else "")
    )
    hub = HubServer()
    with serving(hub) as served:
        code, _, errors = ended(start("--once", URL=served.url, TOKEN=hub.token))
    assert code == 0 and "Traceback" not in errors, errors
    assert errors.count(ENOTTY) >= len(failing)
    (report,) = hub.reports
    assert [name for name in lost if report[name] is not None] == []
    stable = ["hostname", "os", "os_version", "serial", "manufacturer", "computer_model"]
    stable += [] if lost else ["ip", "mac_addresses", "boot_time", "disk_total_mb"]
    assert {name: report[name] for name in stable} == {name: whole[name] for name in stable}


@pytest.mark.parametrize("waiting", [0, 2])
def test_once_exits_4_when_the_server_will_never_take_a_report(start: Start, waiting: int) -> None:
    port = free_port()
    for _ in range(waiting):
        assert ended(start("--once", URL=f"http://127.0.0.1:{port}"))[0] == 4
    hub = HubServer(poison={socket.gethostname()})
    with serving(hub, port) as served:
        code, _, errors = ended(start("--once", URL=served.url, TOKEN=hub.token))
    assert code == 4 and "dropped" in errors and hub.reports == []


def test_once_delivers_to_a_tatuscan_server(start: Start) -> None:
    server = TatuScanServer()
    with serving(server) as served:
        for _ in range(2):
            code, output, errors = ended(start("--once", URL=f"{served.url}/"))
            assert (code, output) == (0, ""), errors
    first, second = (request.json() for request in server.requests)
    assert list(first) == KEYS
    assert [request.path for request in server.requests] == ["/api/machines"] * 2
    assert first["stream_id"] != second["stream_id"]
    (row,) = server.rows.values()
    assert row["hostname"] == first["hostname"]


def test_once_without_a_server_spools_the_report_and_exits_4(start: Start) -> None:
    port = free_port()
    code, _, errors = ended(start("--once", URL=f"http://127.0.0.1:{port}"))
    assert code == 4 and "cannot be reached (Connection refused)" in errors
    hub = HubServer()
    with serving(hub, port) as served:
        assert ended(start("--once", URL=served.url, TOKEN=hub.token))[0] == 0
    assert len(hub.counted) == 2


@pytest.mark.parametrize(
    ("arguments", "given", "word"),
    [
        (("--once",), {}, "INVENTORY_HUB_URL"),
        ((), {"URL": "example.com"}, "INVENTORY_HUB_URL"),
        ((), {"URL": "http://inventory.example", "TOKEN": "t"}, "plain http"),
        (("--once",), {"URL": "http://127.0.0.1", "STATE_DIR": "/proc/nowhere"}, "STATE_DIR"),
        (("--twice",), {}, "--twice"),
    ],
)
def test_wrong_settings_exit_2_with_one_sentence(
    start: Start, arguments: tuple[str, ...], given: dict[str, str], word: str
) -> None:
    code, _, errors = ended(start(*arguments, **given))
    assert code == 2 and word in errors and "Traceback" not in errors


def test_dotenv_in_the_working_folder_is_read(start: Start, tmp_path: Path) -> None:
    hub = HubServer()
    with serving(hub) as served:
        (tmp_path / ".env").write_text(
            f"TATUSCAN_URL={served.url}\nINVENTORY_HUB_TOKEN={hub.token}\n"
        )
        assert ended(start("--once"))[0] == 0
    assert len(hub.reports) == 1


def test_second_agent_on_the_same_folder_exits_5(start: Start) -> None:
    hub = HubServer()
    with serving(hub) as served:
        first = start(URL=served.url, TOKEN=hub.token, INTERVAL="1s")
        wait_until(lambda: hub.reports)
        code, _, errors = ended(start("--once", URL=served.url, TOKEN=hub.token))
        assert code == 5 and "Another inventory-agent is running" in errors
        assert first.poll() is None
        first.kill()
        said = f"Reporting to {served.url} as {socket.gethostname()} every 1 s."
        messages = [json.loads(line)["message"] for line in ended(first)[2].splitlines()]
        assert said in messages
        assert ended(start("--once", URL=served.url))[0] == 0, "a lock ends with its process"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_agent_stops_promptly_while_it_waits_for_an_answer(
    start: Start, number: signal.Signals
) -> None:
    requested, over = threading.Event(), threading.Event()

    def slow(_: ReceivedRequest) -> Answer:
        requested.set()
        over.wait(600)
        return 200, {}

    with serving(slow) as served:
        process = start(URL=served.url, INTERVAL="1s")
        assert requested.wait(120)
        process.send_signal(number)
        assert process.wait(timeout=120) == 0, (
            "it does not wait for the answer, which takes ten minutes"
        )
        over.set()
    hub = HubServer()
    with serving(hub, served.port) as served:
        assert ended(start("--once", URL=served.url, TOKEN=hub.token))[0] == 0
    assert len(hub.counted) == 2, "what was on its way was kept"


def test_no_report_is_lost_when_server_is_down_and_agent_is_killed(
    start: Start, tmp_path: Path
) -> None:
    hub, port = HubServer(), free_port()
    given = {"URL": f"http://127.0.0.1:{port}", "TOKEN": hub.token, "INTERVAL": "1s"}
    with serving(hub, port):
        process = start(**given)
        wait_until(lambda: len(hub.reports) >= 2)
    for least in (3, 5, 8, 10):
        wait_until(lambda least=least: (count_waiting(tmp_path / "state") or 0) >= least)
        # At any moment, also while it keeps the next one.
        time.sleep(random.random())
        process.kill()
        process.wait()
        if least < 10:
            process = start(**given)
    kept = spooled_ids(tmp_path / "state")
    assert len(kept) >= 10
    before = len(hub.reports)
    with serving(hub, port):
        process = start(**given)
        wait_until(lambda: len(hub.reports) >= before + len(kept) + 2)
        process.terminate()
        assert process.wait(timeout=120) == 0
    arrived = hub.counted
    assert len(arrived) == len(set(arrived))
    assert arrived[before : before + len(kept)] == [one for one in kept if one in arrived]
    assert set(kept) <= set(arrived)
    moments = [report["timestamp"] for report in hub.reports]
    assert moments == sorted(moments)
    assert len({report["stream_id"] for report in hub.reports}) == 5
    assert len({report["machine_id"] for report in hub.reports}) == 1
    assert len(hub.keys) == 1 and spooled_ids(tmp_path / "state") == []


def spooled_ids(folder: Path) -> list[str]:
    """The ids of the reports that a dead agent left, oldest first."""
    found = Spool(folder, 10_000_000, 30)
    kept = [one.report_id for one in found.oldest(10_000)]
    found.close()
    return kept


def test_asvs_12_3_2_untrusted_certificate_is_refused(start: Start, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: it makes the certificate")
    both = tmp_path / "both.pem"
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hub",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    both.write_text(key.read_text() + certificate.read_text())
    hub = HubServer()
    with serving(hub, certificate=both) as served:
        given: dict[str, Any] = {"URL": served.url, "TOKEN": hub.token}
        code, _, errors = ended(start("--once", **given))
        assert code == 4 and "certificate that nobody vouches for" in errors and hub.requests == []
        assert ended(start("--once", CA_FILE=str(certificate), **given))[0] == 0
        named = served.url.replace("127.0.0.1", "localhost")
        code, _, errors = ended(
            start("--once", CA_FILE=str(certificate), URL=named, TOKEN=hub.token)
        )
        assert code == 4 and "certificate" in errors, "issued to another name"
    assert len(hub.requests) == 1


def test_asvs_12_2_1_credentials_need_a_setting_to_go_over_plain_http(start: Start) -> None:
    given = {"URL": "http://192.0.2.77:9", "TOKEN": "secret-token"}
    code, _, errors = ended(start("--once", **given))
    assert code == 2 and "INVENTORY_HUB_ALLOW_HTTP=1" in errors and "secret-token" not in errors


def test_trickling_answer_times_out() -> None:
    # One byte now and then: each arrives in time, the whole never does.
    listener = socket.create_server(("127.0.0.1", 0))

    def dribble() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 1000:
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    return
                time.sleep(0.05)

    threading.Thread(target=dribble, daemon=True).start()
    hub = client.Client(
        f"http://127.0.0.1:{listener.getsockname()[1]}", threading.Event(), total_seconds=1.0
    )
    with pytest.raises(client.Undelivered, match="did not finish"):
        hub.post("{}", None)
    listener.close()


def test_corrupt_spool_does_not_crash_the_agent(start: Start, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "spool.db").write_bytes(b"torn" * 1000)
    hub = HubServer()
    with serving(hub) as served:
        code, _, errors = ended(start("--once", URL=served.url, TOKEN=hub.token))
    assert code == 0 and "spool_corrupt=1" in errors and len(hub.counted) == 1
