"""The whole dashboard on a demo's data, served on a free loopback port for a browser."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime

from dash import Dash
from sqlalchemy import Engine
from werkzeug.serving import make_server

from cli.demo import fill
from dashboard.app import create_app
from db.settings import load
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ENVIRON = {"AUTH": "none", "TIMEZONE": "UTC"}


def small_demo(engine: Engine, folder: str, devices: int = 60) -> Fleet:
    """Fill `engine` with a small fleet's history of two months; the fleet."""
    fleet = Fleet(7, devices=devices, sites=6, months=2, last_day=LAST_DAY)
    with SimulatedVendors(fleet) as vendors:
        fill(engine, fleet, vendors, load(vendors.environ() | {"DATA_DIR": folder}))
    return fleet


@contextmanager
def serve_dashboard(
    engine: Engine, now: datetime = NOW, environ: Mapping[str, str] = ENVIRON
) -> Iterator[tuple[str, Dash]]:
    """The address of the dashboard on `engine`, until the end of the block."""
    app = create_app(engine, clock=lambda: now, settings=load(environ))
    # With its first request a Dash takes the callbacks of its pages, and of any Dash made before.
    app.server.test_client().get("/api/health")
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}", app
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


LAST_DAY = date(2026, 11, 22)
