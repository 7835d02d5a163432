"""Servers for an agent, over real HTTP: one that speaks TatuScan's contract only, as it was
observed, and one that speaks ours, small, and remembers everything."""

import gzip
import itertools
import json
import os
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Headers = dict[str, str]
Answer = tuple[int, Any] | tuple[int, Any, Headers]


@dataclass
class ReceivedRequest:
    """One POST as it came."""

    path: str
    headers: Message
    body: bytes

    @property
    def token(self) -> str | None:
        header = self.headers.get("Authorization")
        return None if header is None else header.removeprefix("Bearer ")

    def json(self) -> Any:
        packed = self.headers.get("Content-Encoding") == "gzip"
        return json.loads(gzip.decompress(self.body) if packed else self.body)


Script = Callable[[ReceivedRequest], Answer]


@dataclass
class TatuScanServer:
    """What a TatuScan server does with a POST; `rows` is its one table, by machine id."""

    rows: dict[str, Any] = field(default_factory=dict)
    requests: list[ReceivedRequest] = field(default_factory=list)

    REQUIRED = ("machine_id", "hostname", "ip", "os", "cpu_percent", "memory_total_mb")

    def __call__(self, request: ReceivedRequest) -> Answer:
        self.requests.append(request)
        if request.path != "/api/machines":
            return 404, {"code": 404, "error": "The requested URL was not found on the server."}
        body = request.json()
        missing = [name for name in self.REQUIRED if name not in body]
        if missing:
            return 400, {"error": f"Missing required fields: {missing}"}
        if any(body[name] is None for name in self.REQUIRED):
            return 500, {"details": None, "error": "An unexpected error occurred"}
        new = body["machine_id"] not in self.rows
        self.rows[body["machine_id"]] = item = {
            "machine_id": body["machine_id"],
            "hostname": body["hostname"][:100],
            "ip": body["ip"][:45],
            "os": body["os"][:100],
            "os_version": body.get("os_version", "")[:100],
            "cpu_percent": float(body["cpu_percent"]),
            "memory_total_mb": int(body["memory_total_mb"]),
            "memory_used_mb": int(body.get("memory_used_mb", 0)),
        }
        verb = "adicionado" if new else "atualizado"
        return (201 if new else 200), {"item": item, "message": f"Inventário {verb} com sucesso"}


@dataclass
class HubServer:
    """Our own contract: enrolment, keys, batches, each report counted once."""

    token: str = "enrol-acme"
    reports: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    requests: list[ReceivedRequest] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    revoked: bool = False
    largest: int = 100

    def __call__(self, request: ReceivedRequest) -> Answer:
        self.requests.append(request)
        batch = request.path == "/api/machines/batch"
        reports = request.json()["reports"] if batch else [request.json()]
        if len(request.body) > 65536 or len(reports) > self.largest:
            return _refusal(413, "too_large")
        machine_id = reports[0]["machine_id"]
        enrols = request.token == self.token
        if request.token is None:
            return _refusal(401, "missing_credential")
        if self.revoked:
            return _refusal(403, "revoked")
        if enrols and machine_id in self.keys:
            return _refusal(403, "already_enrolled")
        if not enrols and request.token != self.keys.get(machine_id):
            return _refusal(401, "unknown_credential")
        items = [self._store(report) for report in reports]
        if not batch and items[0]["status"] == 400:
            return _refusal(400, "malformed")
        if enrols:
            self.keys[machine_id] = secrets.token_urlsafe(24)
        given = {"key": self.keys[machine_id]} if enrols else {}
        if batch:
            return 200, {"items": items, "count": len(items), **given}
        return items[0]["status"], {"item": {}, "message": "stored", **given}

    def _store(self, report: dict[str, Any]) -> dict[str, Any]:
        report_id = report["report_id"]
        if report["hostname"] in self.poison:
            return {
                "report_id": report_id, "status": 400, "reason": "malformed", "error": "no name",
            }  # fmt: skip
        if report_id not in self.counted:
            self.reports.append(report)
        return {"report_id": report_id, "status": 200}

    @property
    def counted(self) -> list[str]:
        return [report["report_id"] for report in self.reports]


def _refusal(status: int, reason: str) -> Answer:
    return status, {"error": f"No: {reason}.", "code": status, "reason": reason}


class ReportServer:
    """A server that does what `script` says; `port` may be one that was used before."""

    def __init__(self, script: Script, port: int = 0, certificate: Path | None = None) -> None:
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with lock:
                    status, data, *more = script(ReceivedRequest(self.path, self.headers, body))
                text = data if isinstance(data, bytes) else json.dumps(data).encode()
                self.send_response_only(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(text)),
                    **(more[0] if more else {}),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(
    script: Script, port: int = 0, certificate: Path | None = None
) -> Iterator[ReportServer]:
    server = ReportServer(script, port, certificate)
    try:
        yield server
    finally:
        server.stop()


_PORTS = itertools.cycle(range(20_000 + os.getpid() % 240 * 50, 20_050 + os.getpid() % 240 * 50))
"""Below what the system hands out by itself, to outgoing connections too, and other ones in each
test process: what is free when it is chosen is so when it is used."""


def free_port() -> int:
    """A port at which nobody listens, nor will before it is used."""
    for port in _PORTS:
        with socket.socket() as found:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("a cycle has no end")
