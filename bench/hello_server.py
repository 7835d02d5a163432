"""The floor of serving: a Flask route that answers "hello", on the same server as the dashboard."""

import sys

from flask import Flask
from granian.constants import Interfaces
from granian.server import Server

THREADS = 64


def make_server() -> Flask:
    """A Flask application with one route."""
    app = Flask("hello")

    @app.post("/api/machines")
    def hello() -> str:
        return "hello"

    return app


if __name__ == "__main__":
    Server(
        "bench.hello_server:make_server", address="127.0.0.1", port=int(sys.argv[1]),
        interface=Interfaces.WSGI, workers=1, blocking_threads=THREADS, factory=True,
        log_enabled=False,
    ).serve()  # fmt: skip
