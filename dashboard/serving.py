"""Serve the dashboard: granian, one process with threads, which is right for SQLite too."""

from flask import Flask
from granian.constants import Interfaces
from granian.server import Server

from dashboard.app import create_app
from db.engine import database_url, open_engine

THREADS = 64
"""Most wait for a commit: so many reports share one (bench/ingest.py; 8 made a fifth of the posts
a second). A page's query waits for one of the pool's connections instead."""


def make_server() -> Flask:
    """The WSGI application on the configured database."""
    server: Flask = create_app(open_engine(database_url())).server
    return server


def serve(host: str, port: int) -> None:
    """Answer at `host` and `port` until stopped."""
    Server(
        "dashboard.serving:make_server",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        factory=True,
        log_enabled=False,
    ).serve()
