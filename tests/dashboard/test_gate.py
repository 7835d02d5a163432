"""The ASGI gate answers as the Flask route does; and the bridge to Flask behind it."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from flask import Flask, request
from sqlalchemy import Engine
from werkzeug.serving import make_server

from cli.logs import JsonLines
from dashboard.app import create_app
from dashboard.ingest import commit_queue, gate
from dashboard.ingest.store import Entry, StoredEntry
from dashboard.serving import THREADS
from db.settings import load
from tests.conftest import MakeEngine
from tests.support.api_server import serve_in_thread, serve_with_granian
from tests.support.machines import STOCK, Ingest, ingest, machine_id, report


@pytest.fixture
def here(sqlite_engine: Engine) -> Iterator[Ingest]:
    """Machines report to granian, as with `inventory-hub serve`."""
    with ingest(sqlite_engine) as found:
        yield found


@contextmanager
def without_gate(here: Ingest) -> Iterator[Ingest]:
    """The whole dashboard on the same database, served without the gate."""
    environ = {"AUTH": "none", "TIMEZONE": "UTC"}
    app = create_app(here.engine, clock=lambda: here.now, settings=load(environ)).server
    with serve_in_thread(make_server("127.0.0.1", 0, app, threaded=True)) as address:
        yield Ingest(address, here.engine)


@pytest.fixture
def on_threads(here: Ingest) -> Iterator[Ingest]:
    with without_gate(here) as found:
        yield found


@dataclass(frozen=True)
class Both:
    """One database behind the gate and behind the Flask route, and the key of a machine."""

    gate: Ingest
    flask: Ingest
    key: str


@pytest.fixture(scope="module")
def both(make_engine: MakeEngine) -> Iterator[Both]:
    with ingest(make_engine("sqlite")) as gate, without_gate(gate) as flask:
        yield Both(gate, flask, known(gate))


LONG = 3_000
BODIES: dict[str, Any] = {
    "good": report(), "with all": report(serial="A", boot_time="2026-11-01T00:00:00Z", site="X",
                                         mac_addresses=["02:00:00:00:00:01"]),
    "null": report(hostname=None), "missing": {"machine_id": machine_id("anna")}, "list": [1],
    "no JSON": b"{", "no UTF-8": b"\xff", "nothing": b"", "twice": b'{"a": 1, "a": 2}',
    "NaN": b'{"a": NaN}', "wrong number": report(cpu_percent=101),
    "unreadable facts": report(boot_time="1969-12-31T21:00:05-03:00", site=7, disk_used_mb=-1),
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(report()).encode(),
    "of another machine": report("bob"), "large": report(site="x" * 70_000),
}  # fmt: skip
HEADERS: dict[str, dict[str, str]] = {
    "plain": {}, "Portuguese": {"Accept-Language": "pt-BR,pt;q=0.9"},
    "text": {"Content-Type": "text/plain"}, "brotli": {"Content-Encoding": "br"},
    "gzip that is none": {"Content-Encoding": "gzip"},
}  # fmt: skip


@pytest.mark.parametrize("sent", BODIES)
@pytest.mark.parametrize("headers", HEADERS)
def test_gate_and_flask_route_answer_the_same(both: Both, sent: str, headers: str) -> None:
    by_gate, by_flask = (
        server.post(BODIES[sent], both.key, **HEADERS[headers])
        for server in (both.gate, both.flask)
    )
    assert (by_gate.status_code, by_gate.content) == (by_flask.status_code, by_flask.content)
    assert own_headers(by_gate) == own_headers(by_flask)


def own_headers(response: requests.Response) -> dict[str, str]:
    """The headers that the application sent, not the server; of the id of each request that it
    has one."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    headers["x-correlation-id"] = str(len(headers["x-correlation-id"]))
    return {name: headers[name] for name in headers.keys() - {"date", "server", "connection"}}


def test_a_report_has_an_id_of_its_own_in_answer_and_log(
    here: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    key = known(here)
    caplog.handler.setFormatter(JsonLines())
    with caplog.at_level(logging.DEBUG, "dashboard.access"):
        stored, refused = here.post(report(), key), here.post(b"{", key)
    assert stored.headers["X-Correlation-Id"] != refused.headers["X-Correlation-Id"]
    lines = [json.loads(line) for line in caplog.text.splitlines() if '"dashboard.access"' in line]
    assert [
        (line["level"], line["message"], line["address"], line["correlation_id"]) for line in lines
    ] == [
        ("DEBUG", "POST /api/machines 200", "127.0.0.1", stored.headers["X-Correlation-Id"]),
        ("INFO", "POST /api/machines 400", "127.0.0.1", refused.headers["X-Correlation-Id"]),
    ]
    assert lines[0]["bytes"] == len(stored.content) and key not in caplog.text


def known(here: Ingest, name: str = "anna") -> str:
    """The key of a machine that has reported with it: it waits in a coroutine from then on."""
    key = here.enrol(name)
    assert here.post(report(name), key).status_code == 200
    return key


def test_report_is_answered_only_after_the_commit(
    here: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = known(here)
    held = _hold(monkeypatch)
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(here.post(report(), key).status_code))
    asking.start()
    assert held.reached.wait(120)
    assert here.ask("GET", "/api/health").ok, "others are answered meanwhile"
    assert answers == []
    held.go.set()
    asking.join(120)
    assert answers == [200]


def test_commit_timeout_answers_503_with_retry_after(
    here: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = known(here)
    monkeypatch.setattr(gate, "WAIT_SECONDS", 0.1)
    held = _hold(monkeypatch)
    answer = here.post(report(), key)
    assert (answer.status_code, answer.json()["reason"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    held.go.set()
    assert here.post(report(), key).ok, "an outcome for which nobody waits harms nobody"


def test_full_queue_answers_503_at_once(here: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [known(here, name) for name in ("anna", "bob", "cleo")]
    monkeypatch.setattr(commit_queue, "MAX_PER_COMMIT", 1)
    held = _hold(monkeypatch, most=1)
    answers: list[int] = []

    def ask(name: str, key: str) -> None:
        answers.append(here.post(report(name), key).status_code)

    asking = [threading.Thread(target=ask, args=("anna", keys[0]))]
    asking[0].start()
    assert held.reached.wait(120)
    asking.append(threading.Thread(target=ask, args=("bob", keys[1])))
    asking[1].start()
    while not len(held.queues[0]):
        pass
    refused = here.post(report("cleo"), keys[2])
    assert (refused.status_code, refused.json()["reason"]) == (503, "busy")
    held.go.set()
    for one in asking:
        one.join(120)
    assert answers == [200, 200]


def test_internal_error_answers_500_and_later_reports_work(
    here: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = known(here)

    def fail(_self: Any, _entries: Sequence[Entry]) -> Sequence[StoredEntry]:
        raise KeyError("a fault of ours")

    monkeypatch.setattr("dashboard.ingest.store.Store.__call__", fail)
    assert here.post(report(), key).status_code == 500
    monkeypatch.undo()
    assert here.post(report(), key).ok


def test_disconnects_in_the_middle_of_a_body_block_no_other_client(here: Ingest) -> None:
    key = known(here)
    port = int(here.address.rsplit(":", 1)[1])
    for _ in range(80):
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(
                b"POST /api/machines HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 500\r\nAuthorization: Bearer " + key.encode() + b"\r\n\r\n{"
            )
    assert here.post(report(), key).ok


def test_tatuscan_client_is_answered_in_open_mode(sqlite_engine: Engine) -> None:
    with ingest(sqlite_engine, INGEST_AUTH="open") as here:
        assert [here.post(STOCK).status_code for _ in range(2)] == [201, 200]


# What runs on threads behind the gate


@pytest.fixture(scope="module")
def odd() -> Iterator[str]:
    """A server that does what servers rarely do."""
    app = Flask("odd")
    app.extensions["reception"] = None

    @app.get("/breaks")
    def breaks() -> Any:
        def parts() -> Iterator[str]:
            yield "x" * 1000
            raise RuntimeError("in the middle")

        return app.response_class(parts(), mimetype="text/plain")

    made = {"parts": 0}

    @app.get("/long")
    def long() -> Any:
        def parts() -> Iterator[str]:
            for _ in range(LONG):
                made["parts"] += 1
                yield "x" * 10_000

        made["parts"] = 0
        return app.response_class(parts(), mimetype="text/plain")

    @app.get("/made")
    def request_seen() -> Any:
        return made

    @app.get("/asked")
    def asked() -> Any:
        return {"q": request.args.get("q"), "from": request.remote_addr, "path": request.path}

    @app.post("/body")
    def body() -> Any:
        return {"bytes": len(request.get_data())}

    with serve_with_granian(app) as address:
        yield address


def test_sec_17_response_that_fails_halfway_is_detectably_incomplete(odd: str) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{odd}/breaks", timeout=120)


def test_long_response_arrives_completely(odd: str) -> None:
    assert len(requests.get(f"{odd}/long", timeout=60).content) == 10_000 * LONG


def test_response_generation_stops_after_disconnect(odd: str) -> None:
    for _ in range(THREADS + 6):
        requests.get(f"{odd}/long", timeout=120, stream=True).close()
    assert requests.get(f"{odd}/made", timeout=120).json()["parts"] < LONG


@pytest.mark.parametrize("query", ["q=é", "q=%C3%A9"])
def test_query_string_may_have_any_byte(odd: str, query: str) -> None:
    port = int(odd.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(f"GET /asked?{query} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    told = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert told == {"q": "é", "from": "127.0.0.1", "path": "/asked"}


def test_chunked_and_whole_bodies_are_read(odd: str) -> None:
    parts = [b"x" * 70_000] * 3
    for data in (iter(parts), b"".join(parts), b""):
        told = requests.post(f"{odd}/body", data=data, timeout=120)  # type: ignore[arg-type]  # the stub knows no iterator
        assert told.json() == {"bytes": 0 if data == b"" else 210_000}


class _Held:
    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        self.queues: list[Any] = []


def _hold(monkeypatch: pytest.MonkeyPatch, most: int | None = None) -> _Held:
    """Let whatever stores wait until it may go on."""
    held = _Held()
    commit: Callable[..., None] = commit_queue.CommitQueue._commit

    def slow(self: Any, *args: Any, **more: Any) -> None:
        held.queues.append(self)
        if most is not None:
            self._max_pending = most
        held.reached.set()
        held.go.wait(120)
        commit(self, *args, **more)

    monkeypatch.setattr(commit_queue.CommitQueue, "_commit", slow)
    return held
