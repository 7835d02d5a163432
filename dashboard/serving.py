"""Serves the dashboard with granian in one process, as SQLite needs. Reports of machines are
handled in coroutines, everything else on threads."""

import asyncio
import ctypes
import gc
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, nullcontext
from typing import Any
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from flask import Flask
from granian.constants import Interfaces
from granian.server import Server

from dashboard.api.metrics import serve_metrics
from dashboard.app import METRICS, create_app
from dashboard.base.clock import Clock, system_clock
from dashboard.ingest.gate import App, Gate, Message, Receive, Send
from dashboard.trusted_proxies import TrustedProxies
from db.engine import RenewedAddress, open_engine
from db.settings import Settings

THREADS = 64
"""Enrolments and batches wait for a commit on a thread, so that many share one commit. The queries
of pages wait for a connection of the pool instead."""

AWAY_AFTER = 2
"""Seconds that a request waits for a connection to the database: then its page says so."""

_GONE = "hub.gone"
_ASCII = bytes(range(128)).decode()

STOP_SECONDS = 10
"""How long a client that reads a file slowly delays shutdown."""


def make_server(
    settings: Settings, clock: Clock = system_clock, renewed: RenewedAddress | None = None
) -> App:
    """The ASGI application on the configured database, in granian's process. `renewed` reads the
    database's address again where `open_engine` needs it."""
    _end_with_parent()
    engine = open_engine(settings.database, renewed, away_after=AWAY_AFTER)
    server = create_app(engine, clock=clock, settings=settings).server
    serve_metrics(server.extensions[METRICS], settings)
    app = gated(server)
    _exclude_startup_objects_from_gc()
    networks = settings.trusted_proxies
    return TrustedProxies(app, networks) if networks else app


def _end_with_parent() -> None:
    """Have Linux end this process when the one that started it is killed (out of memory, say):
    it would answer on, and keep the port from the server that is started in its place."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _exclude_startup_objects_from_gc() -> None:
    """Exclude startup objects from garbage collection, which took 0.1 s each time while reports
    waited."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)


def gated(server: Flask) -> App:
    """The dashboard behind the gate, which handles single reports of known machines."""
    return Gate(server.extensions["reception"], threaded(server.wsgi_app))


def threaded(app: Any) -> App:
    """A WSGI application as an ASGI one."""

    def wsgi(environ: Any, start_response: Any) -> Iterator[bytes]:
        # The server ends a chunked body. Errors go to stderr: stdout is the program's output.
        environ["wsgi.input_terminated"] = True
        environ["wsgi.errors"] = sys.stderr
        return _until_gone(app(environ, start_response), environ["asgi.scope"][_GONE])

    bridge: Any = WSGIMiddleware(wsgi, workers=THREADS)

    async def asgi(scope: Message, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        if not query.isascii():  # the bridge would answer 500, but WSGI allows every byte
            query = quote_from_bytes(query, safe=_ASCII).encode()
        gone = threading.Event()
        scope = {**scope, "query_string": query, _GONE: gone}
        if scope["method"] != "GET":

            async def receive_body() -> (
                Message
            ):  # the bridge needs a coroutine, granian gives a future
                return await receive()

            await bridge(scope, receive_body, send)
            return
        watching = asyncio.create_task(_watch(receive, gone))
        try:
            await bridge(scope, _no_body, send)
        finally:
            watching.cancel()

    return asgi


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _watch(receive: Receive, gone: threading.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


def _until_gone(parts: Any, gone: threading.Event) -> Iterator[bytes]:
    """The parts of a response until the client has gone: the bridge would produce them all."""
    with closing(parts) if hasattr(parts, "close") else nullcontext():
        for part in parts:
            if gone.is_set():
                return
            yield part


def serve(host: str, port: int, application: str) -> None:
    """Answer at `host` and `port` until stopped.

    Args:
        application: the factory that the server's process calls, e.g. "module:make_server".
    """
    Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        workers=1,
        factory=True,
        log_enabled=False,
        workers_kill_timeout=STOP_SECONDS,
    ).serve()
