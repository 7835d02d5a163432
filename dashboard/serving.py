"""Serve the dashboard: granian, one process, which is right for SQLite too. Reports wait in
coroutines, everything else runs on threads."""

import asyncio
import gc
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

from dashboard.app import create_app
from dashboard.ingest.gate import App, Gate, Message, Receive, Send
from db.engine import database_url, open_engine

THREADS = 64
"""Machines that enrol and batches wait for a commit on a thread: so many share one. A page's query
waits for one of the pool's connections instead."""

_GONE = "hub.gone"
_ASCII = bytes(range(128)).decode()

STOP_SECONDS = 10
"""Whoever reads a file slowly holds up the end of the server no longer than this."""


def make_server() -> App:
    """The ASGI application on the configured database."""
    app = gated(create_app(open_engine(database_url())).server)
    _settle()
    return app


def _settle() -> None:
    """Spare the collector of garbage what is made once and stays: it looked through all of the
    dashboard again and again while reports waited, a tenth of a second each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)


def gated(server: Flask) -> App:
    """The dashboard behind the gate that takes reports."""
    return Gate(server.extensions["reception"], threaded(server.wsgi_app))


def threaded(app: Any) -> App:
    """A WSGI application as an ASGI one."""

    def told(environ: Any, start_response: Any) -> Iterator[bytes]:
        # The server ends a body that comes in chunks; errors are no part of the program's output.
        environ["wsgi.input_terminated"] = True
        environ["wsgi.errors"] = sys.stderr
        return _while_there(app(environ, start_response), environ["asgi.scope"][_GONE])

    bridge: Any = WSGIMiddleware(told, workers=THREADS)

    async def asked(scope: Message, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"")
        if not query.isascii():  # the bridge would answer 500; WSGI takes every byte
            query = quote_from_bytes(query, safe=_ASCII).encode()
        gone = threading.Event()
        scope = {**scope, "query_string": query, _GONE: gone}
        if scope["method"] != "GET":

            async def received() -> Message:  # the bridge wants no future, as granian gives
                return await receive()

            await bridge(scope, received, send)
            return
        watching = asyncio.create_task(_watch(receive, gone))
        try:
            await bridge(scope, _nothing, send)
        finally:
            watching.cancel()

    return asked


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _watch(receive: Receive, gone: threading.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


def _while_there(parts: Any, gone: threading.Event) -> Iterator[bytes]:
    """The parts of an answer as long as somebody reads: the bridge would make them all."""
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
