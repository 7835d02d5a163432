"""The API over real HTTP: a server of its own on a free loopback port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from flask import Flask
from sqlalchemy import Engine
from werkzeug.serving import make_server

from dashboard import access, api

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)


class Client:
    """Asks one served API; an answer to `json` must be JSON, whatever its code."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.address + path, timeout=30, **options)

    def json(self, path: str, code: int = 200) -> Any:
        response = self.get(path)
        assert response.status_code == code, response.text
        assert response.headers["Content-Type"] == "application/json"
        return response.json()


def make_app(engine: Engine, zone: str = "UTC", auth: str = "none", now: datetime = NOW) -> Flask:
    """A server like the dashboard's: Dash's route for every path, the API, and the gate."""
    server = Flask("test")
    server.add_url_rule("/", "index", lambda: "a page")
    server.add_url_rule("/<path:path>", "page", lambda path: "a page")
    access.guard(server, auth)
    api.register(server, engine, lambda: now, {"TIMEZONE": zone})
    return server


@contextmanager
def served(engine: Engine, **options: Any) -> Iterator[Client]:
    """Serve the API of `engine` until the end of the block."""
    server = make_server("127.0.0.1", 0, make_app(engine, **options), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Client(f"http://127.0.0.1:{server.port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
