"""A vendor that answers what a test tells it, over real HTTP on a free loopback port."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from db.setting_types import SourceSettings
from etl.records.record import FetchStats
from etl.vendor.http import Session


@dataclass
class ReceivedRequest:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class Reply:
    """One answer; `raw` is written to the connection as it is, instead of all else."""

    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)
    raw: Callable[[Callable[[bytes], None]], None] | None = None


def ok(data: Any, **headers: str) -> Reply:
    return Reply(200, json.dumps(data).encode(), headers)


Script = Callable[[ReceivedRequest], Reply]


class ScriptedVendor:
    """`url` is where it answers; `asked` is what it was asked, in order."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[ReceivedRequest] = []
        self._lock = threading.Lock()
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                length = int(self.headers.get("Content-Length") or 0)
                request = ReceivedRequest(
                    self.command, parts.path, query, self.headers, self.rfile.read(length)
                )
                with vendor._lock:
                    vendor.asked.append(request)
                    reply = vendor.script(request)
                if reply.raw is not None:
                    self.close_connection = True
                    with suppress(OSError):  # the other side hangs up, as the test wants
                        reply.raw(self.wfile.write)
                    return
                self.send_response_only(reply.status)
                for name, value in {
                    "Content-Length": str(len(reply.body)),
                    **reply.headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = answer

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def scripted(script: Script) -> Iterator[ScriptedVendor]:
    vendor = ScriptedVendor(script)
    try:
        yield vendor
    finally:
        vendor.stop()


def script_of(*replies: Reply) -> Script:
    """Answers one after the other; the last for ever."""
    left = list(replies)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


class FakeTime:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class NoAuth:
    """A auth for vendors that let anybody in."""

    def headers(self) -> Mapping[str, str]:
        return {}

    def renew(self) -> bool:
        return False

    def advice(self, status: int) -> str:
        return "Ask for the right."


def session_to(
    url: str,
    folder: Path,
    time: FakeTime | None = None,
    settings: SourceSettings | None = None,
    stats: FetchStats | None = None,
) -> Session:
    """A session whose pauses take no time and are as long as they may be."""
    time = time or FakeTime()
    session = Session(
        "Vendor", url, settings or SourceSettings(), stats or FetchStats(), folder,
        address_name="VENDOR_BASE_URL", clock=time.clock, sleep=time.sleep,
        jitter=lambda low, high: high,
    )  # fmt: skip
    session.auth = NoAuth()
    return session
