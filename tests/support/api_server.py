"""The API over real HTTP: a server of its own on a free loopback port."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests
from dash import Dash
from flask import Flask
from granian.constants import Interfaces
from granian.server.embed import Server
from sqlalchemy import Engine
from werkzeug.serving import BaseWSGIServer, make_server

from dashboard import api
from dashboard.api.openapi import document
from dashboard.base import access
from dashboard.base.clock import Clock
from dashboard.base.i18n import init_babel
from dashboard.base.metrics import Metrics
from dashboard.serving import gated
from dashboard.signin.pages import refused_page
from dashboard.trusted_proxies import Networks, TrustedProxies
from dashboard.web.access_log import log_requests
from dashboard.web.context import Context
from dashboard.web.identity import identifier
from dashboard.web.own_files import serve_own_files
from dashboard.web.sign_in import attach_sign_in
from db.engine import open_engine, sqlite_url
from db.settings import load
from tests.conftest import COMMAND
from tests.support.agent_servers import free_port

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)


class ApiClient:
    """Asks one served API; an answer to `json` must be JSON, whatever its code."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.address + path, timeout=120, **options)

    def json(self, path: str, code: int = 200) -> Any:
        response = self.get(path)
        assert response.status_code == code, response.text
        assert response.headers["Content-Type"] == "application/json"
        return response.json()


def make_app(
    engine: Engine,
    zone: str = "UTC",
    auth: str = "none",
    clock: Clock = lambda: NOW,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Flask:
    """A server like the dashboard's: Dash with a page for every path, the API, and the gate."""
    flask = Flask("dashboard", template_folder="signin/templates")
    dash = Dash("dashboard", server=flask, title="a page")
    dash.layout = []
    server: Flask = dash.server
    metrics = Metrics()
    log_requests(server, metrics)
    settings = load({"TIMEZONE": zone, "AUTH": auth, **environ})
    context = Context(engine, clock, settings.timezone, settings.ingest_auth == "open")
    init_babel(server, context.zone)
    attach_sign_in(server, engine, clock, settings)
    serve_own_files(server)
    access.guard(server, identifier(engine, clock, settings, refused_page))
    api.register(server, context, settings, metrics)
    return server


def api_document() -> dict[str, Any]:
    """The OpenAPI document of a server like the dashboard's."""
    return document(make_app(open_engine(sqlite_url(Path("never-opened.db")))))


@contextmanager
def serve_api(engine: Engine, **options: Any) -> Iterator[ApiClient]:
    """Serve the API of `engine` until the end of the block."""
    app = make_app(engine, **options)
    with serve_in_thread(make_server("127.0.0.1", 0, app, threaded=True)) as address:
        yield ApiClient(address)


@contextmanager
def serve_in_thread(server: BaseWSGIServer) -> Iterator[str]:
    """Let `server` answer until the end of the block; its address."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serve_with_granian(app: Flask, networks: Networks = ()) -> Iterator[str]:
    """Let `app` answer as `inventory-hub serve` has it, behind `networks`; its address."""
    port = free_port()
    loop = asyncio.new_event_loop()
    server = Server(
        TrustedProxies(gated(app), networks),
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        log_enabled=False,
    )

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.serve())
        # A thread whose answer was read a moment ago still tells the loop that it is done.
        loop.run_until_complete(asyncio.sleep(0.05))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join()
        loop.close()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 180
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.01)
        else:
            return


def address(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@contextmanager
def running_process(
    environment: dict[str, str], folder: Path, *arguments: str, command: str = COMMAND
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments], env=environment, cwd=folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    with killed_at_the_end(process):
        yield process


@contextmanager
def killed_at_the_end(
    process: "subprocess.Popen[str]",
) -> Iterator["subprocess.Popen[str]"]:
    """Kill `process`, which leads a session of its own, and all that it started."""
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(120)


def first_answer(
    address: str, process: "subprocess.Popen[str]", within: float = 300
) -> requests.Response:
    """The first answer of a server that is starting."""
    end = time.monotonic() + within
    while True:
        try:
            return requests.get(address, timeout=120)
        except requests.ConnectionError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.2)
