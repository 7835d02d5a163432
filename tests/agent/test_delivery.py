"""Delivery: what each answer of the server does to the spool, the key and the next pause."""

import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent import __version__
from agent.client import Client
from agent.delivery import BATCH_REPORTS, MANUAL_FIX_PAUSE, Uploader
from agent.spool import Spool
from agent.state import State
from tests.support.agent_servers import (
    Answer,
    HubServer,
    ReceivedRequest,
    ReportServer,
    Script,
    TatuScanServer,
    free_port,
)

MACHINE = "f66a149db696752687235e6fde3d7ebeed827c7b4b36438508fd1a138d8fa6b6"


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A uploader, its spool, and a server that does what `script` says."""

    def __init__(self, folder: Path, script: Script | None, token: str | None) -> None:
        self.server = None if script is None else ReportServer(script)
        url = f"http://127.0.0.1:{free_port()}" if self.server is None else self.server.url
        self.time = Time()
        self.state = State(folder)
        self.state.machine_id = MACHINE
        self.spool = Spool(folder, 10_000_000, 30)
        client = Client(url, threading.Event(), proxies=False)
        self.uploader = Uploader(
            client, self.spool, self.state, token, self.time, lambda low, high: high
        )
        self._number = 0

    def put(self, count: int = 1, **differing: Any) -> list[str]:
        found = []
        for _ in range(count):
            self._number += 1
            found.append(f"r{self._number:05d}")
            self.spool.put(report(found[-1]) | differing)
        return found

    def pause(self) -> float:
        return self.uploader.not_before - self.time.now

    def drain(self, steps: int = 50) -> bool:
        """All that can be delivered now; False at the first failure."""
        while len(self.spool) and steps:
            self.time.now = max(self.time.now, self.uploader.not_before)
            if not self.uploader.step():
                return False
            steps -= 1
        return not len(self.spool)


def report(report_id: str) -> dict[str, Any]:
    return {
        "machine_id": MACHINE, "hostname": "pc", "ip": "198.51.100.7", "os": "linux",
        "os_version": "Debian", "cpu_percent": 1.5, "memory_total_mb": 1, "memory_used_mb": 1,
        "timestamp": "2026-11-22T04:20:25Z", "report_id": report_id,
    }  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def make(script: Script | None, token: str | None = "enrol-acme") -> Bench:
        made.append(Bench(tmp_path, script, token))
        return made[-1]

    yield make
    for one in made:
        if one.server is not None:
            one.server.stop()
        one.spool.close()


def scripted(*answers: Answer) -> Script:
    """These answers, one after the other; the last for ever."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


def refused(status: int, reason: str = "", **headers: str) -> Answer:
    said = {"error": "No.", "code": status, **({"reason": reason} if reason else {})}
    return status, said, headers


STORED: Answer = (200, {"item": {}, "message": "stored"})


def test_machine_enrols_with_token_then_uses_its_own_key(bench: Any) -> None:
    hub = HubServer()
    found = bench(hub)
    first = found.put()
    assert found.drain()
    key = hub.keys[MACHINE]
    assert found.state.key == key and State(found.state.folder).key == key
    second = found.put()
    assert found.drain()
    assert [request.token for request in hub.requests] == ["enrol-acme", key]
    assert hub.counted == first + second
    assert {request.path for request in hub.requests} == {"/api/machines"}
    assert hub.requests[0].headers["Content-Type"] == "application/json"
    assert hub.requests[0].headers["User-Agent"].startswith(f"inventory-agent/{__version__} (")


def test_backlog_is_sent_in_ordered_batches_even_with_the_token(bench: Any) -> None:
    hub = HubServer()
    found = bench(hub)
    expected = found.put(250)
    assert found.drain()
    assert hub.counted == expected
    assert [request.path for request in hub.requests] == ["/api/machines/batch"] * 3
    assert max(len(request.json()["reports"]) for request in hub.requests) == BATCH_REPORTS
    assert max(len(request.body) for request in hub.requests) <= 65536
    assert [request.token for request in hub.requests] == ["enrol-acme"] + [hub.keys[MACHINE]] * 2


def test_incompressible_backlog_stays_under_the_body_limit(bench: Any) -> None:
    hub = HubServer()
    found = bench(hub)
    chance = random.Random(1)
    expected = [name for _ in range(60) for name in found.put(noise=chance.randbytes(1500).hex())]
    assert found.drain()
    assert hub.counted == expected
    assert max(len(request.body) for request in hub.requests) <= 65536


def test_tatuscan_server_gets_backlog_one_by_one_without_credential(
    bench: Any,
) -> None:
    server = TatuScanServer()
    found = bench(server, token=None)
    found.put(3)
    assert found.drain()
    paths = [request.path for request in server.requests]
    assert paths == ["/api/machines/batch"] + ["/api/machines"] * 3
    assert [request.json()["report_id"] for request in server.requests[1:]] == [
        "r00001",
        "r00002",
        "r00003",
    ]
    assert all(request.token is None for request in server.requests)
    assert found.state.key is None and list(server.rows) == [MACHINE]


def test_405_on_the_batch_route_falls_back_to_single_reports(bench: Any) -> None:
    seen: list[ReceivedRequest] = []

    def script(request: ReceivedRequest) -> Answer:
        seen.append(request)
        return (405, {"error": "no"}) if request.path.endswith("batch") else STORED

    found = bench(script)
    found.put(2)
    assert found.drain() and len(seen) == 3


def test_rejected_reports_are_dropped_and_do_not_block_others(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hub = HubServer(poison={"bad"})
    found = bench(hub)
    bad = found.put(hostname="bad")
    assert found.drain() and hub.counted == []
    assert f"never take report {bad[0]}" in caplog.text
    good = found.put(2) + (bad := found.put(hostname="bad")) + found.put(2)
    assert found.drain()
    assert hub.counted == [one for one in good if one not in bad]


def test_report_that_crashes_a_tatuscan_server_is_dropped_after_max_tries(bench: Any) -> None:
    server = TatuScanServer()
    found = bench(server)
    found.put(hostname=None)
    good = found.put()
    for _ in range(30):
        if found.drain():
            break
    assert [request.json()["report_id"] for request in server.requests[-1:]] == good
    assert len(found.spool) == 0 and 10 <= len(server.requests) <= 14


def test_errors_of_our_own_server_drop_no_report(bench: Any) -> None:
    found = bench(scripted(refused(500, "unexpected")))
    found.put()
    for _ in range(30):
        assert not found.drain()
    assert len(found.spool) == 1


def test_sec_06_unknown_key_enrols_again_with_the_same_report(bench: Any) -> None:
    hub = HubServer()
    found = bench(hub)
    found.state.key = "key-of-a-server-that-is-gone"
    expected = found.put()
    assert found.drain()
    assert [request.token for request in hub.requests] == [
        "key-of-a-server-that-is-gone",
        "enrol-acme",
    ]
    assert hub.counted == expected and found.state.key == hub.keys[MACHINE]


def test_key_is_kept_until_a_new_one_is_issued(bench: Any) -> None:
    found = bench(scripted(refused(401, "unknown_credential")))
    found.state.key = "mine"
    found.state.save()
    found.put()
    assert not found.drain()
    assert found.pause() == MANUAL_FIX_PAUSE and len(found.spool) == 1
    assert State(found.state.folder).key == "mine"


@pytest.mark.parametrize(
    ("status", "reason", "advice"),
    [
        (401, "missing_credential", "INVENTORY_HUB_TOKEN"),
        (401, "unknown_credential", "INVENTORY_HUB_TOKEN"),
        (403, "revoked", "shut out"),
        (403, "wrong_machine", "another machine's key"),
        (403, "already_enrolled", "revoke"),
        (403, "", "server's log"),
        (401, "", "server's log"),
    ],
)
def test_errors_that_need_a_person_are_logged_and_retried_late(
    bench: Any, caplog: pytest.LogCaptureFixture, status: int, reason: str, advice: str
) -> None:
    found = bench(scripted(refused(status, reason)))
    found.put(2)
    assert not found.drain()
    assert len(found.spool) == 2 and found.pause() == MANUAL_FIX_PAUSE
    assert advice in caplog.text and "enrol-acme" not in caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_an_error_and_keeps_the_report(
    bench: Any, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    found = bench(scripted(refused(status, Location="https://elsewhere.example/api/machines")))
    found.put()
    assert not found.drain()
    assert len(found.spool) == 1
    assert "redirects to https://elsewhere.example" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>Please log in to the wireless network</html>"),
        (200, {}),
        (200, {"items": []}),
        (204, b""),
        (404, b"Not found"),
        (415, {"error": "no"}),
    ],
)
def test_unexpected_answers_are_not_a_delivery(bench: Any, answer: Answer) -> None:
    found = bench(scripted(answer))
    found.put()
    assert not found.drain()
    assert len(found.spool) == 1


def test_only_confirmed_reports_of_a_batch_are_removed(bench: Any) -> None:
    items = [
        {"report_id": "r00001", "status": 201},
        {"report_id": "r00002", "status": 503, "reason": "busy", "error": "later"},
        {"report_id": "of somebody else", "status": 200},
        "nonsense",
    ]
    found = bench(scripted((200, {"items": items, "count": 3})))
    found.put(3)
    assert not found.drain()
    assert [kept.report_id for kept in found.spool.oldest(9)] == ["r00002", "r00003"]


def test_too_large_batch_is_halved_and_grows_again(bench: Any) -> None:
    hub = HubServer(largest=10)
    found = bench(hub)
    expected = found.put(40)
    assert found.drain()
    assert hub.counted == expected
    sizes = [len(a.json()["reports"]) if a.path.endswith("batch") else 1 for a in hub.requests]
    assert sizes[:4] == [40, 20, 10, 20]


def test_too_large_single_report_is_dropped(bench: Any) -> None:
    found = bench(scripted(refused(413, "too_large"), STORED))
    found.put()
    assert found.drain()


def test_pauses_grow_with_full_jitter_up_to_a_maximum(bench: Any) -> None:
    found = bench(None)
    found.put()
    pauses = []
    for _ in range(10):
        assert not found.drain()
        pauses.append(found.pause())
    assert pauses == [4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [("30", 30, 60), ("0", 0, 1), ("999999", 3600, 7200), ("soon", 4, 4),
     ("Sun, 22 Nov 2026 14:00:20 GMT", 20, 40)],
)  # fmt: skip
def test_retry_after_is_respected_with_jitter(
    bench: Any, retry_after: str, least: float, most: float
) -> None:
    found = bench(
        scripted(
            refused(
                503, "busy", **{"Retry-After": retry_after, "Date": "Sun, 22 Nov 2026 14:00:00 GMT"}
            )
        )
    )
    found.put()
    assert not found.drain()
    assert least <= found.pause() <= most


def test_lost_answer_is_retried_with_the_same_report_ids(bench: Any) -> None:
    hub = HubServer()
    found = bench(hub)
    found.put()
    assert found.drain()

    def cut(request: ReceivedRequest) -> Answer:
        hub(request)
        raise ConnectionAbortedError("after the commit")

    cutting = ReportServer(cut)
    straight = found.uploader._client._url
    found.uploader._client._url = cutting.url
    expected = found.put(3)
    assert not found.drain() and len(found.spool) == 3
    found.uploader._client._url = straight
    cutting.stop()
    assert found.drain()
    assert hub.counted == ["r00001", *expected]
    sent = [one for request in hub.requests[1:] for one in request.json()["reports"]]
    assert len(sent) == 6


def test_sec_32_the_credential_never_comes_from_netrc(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password stolen\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = TatuScanServer()
    found = bench(server, token=None)
    found.uploader._client._proxies = True
    found.put()
    assert found.drain()
    assert server.requests[0].token is None
    found.uploader._token = "ours"
    found.put()
    assert found.drain()
    assert server.requests[1].headers["Authorization"] == "Bearer ours"


def test_report_is_sent_unchanged(bench: Any) -> None:
    server = TatuScanServer()
    found = bench(server, token=None)
    found.put(site="Café 😀")
    assert found.drain()
    assert json.loads(server.requests[0].body)["site"] == "Café 😀"
