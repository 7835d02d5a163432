"""/metrics for Prometheus: what this process counts, and how the hub runs as the database says.

Closed unless METRICS_TOKEN lets a scraper in here, or METRICS_LISTEN gives it an address of its
own.
"""

import hmac
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from werkzeug.exceptions import Unauthorized

from dashboard.base.metrics import Metrics
from dashboard.queries.operation import operation
from dashboard.web.context import Context
from db import __version__, engine, migrate
from db.engine import DatabaseError
from db.settings import Settings

log = logging.getLogger(__name__)
STATES = ("complete", "suspicious", "failed")


def blueprint(metrics: Metrics, token: str) -> Blueprint:
    """The route /metrics, for whoever presents `token`."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def scrape() -> Response:
        presented = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(presented, f"Bearer {token}".encode()):
            raise Unauthorized("Scrape with Authorization: Bearer and METRICS_TOKEN.")
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)

    return routes


def serve_metrics(metrics: Metrics, settings: Settings) -> Callable[[], None]:
    """Answer at the address of METRICS_LISTEN, if it is set, on a thread of its own, until what is
    returned is called."""
    if settings.metrics_listen is None:
        return lambda: None
    host, port = settings.metrics_listen
    server, thread = start_http_server(port, host, metrics.registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


class DatabaseMetrics:
    """Reads the database at each scrape; without one only `inventory_hub_database_up` is 0."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> list[Metric]:
        """Nothing, so that registering does not scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics of now."""
        yield InfoMetricFamily("inventory_hub_build", "The version.", {"version": __version__})
        try:
            found = list(self._read())
        except DatabaseError as error:
            log.warning("metrics without a database: %s", type(error).__name__)
            found = []
        up = GaugeMetricFamily("inventory_hub_database_up", "Whether the database can be read.")
        up.add_metric([], bool(found))
        yield up
        yield from found

    def _read(self) -> Iterator[Metric]:
        context, now = self._context, self._context.clock()
        with engine.reading(context.engine) as connection:
            at_head = migrate.is_current(connection)
            ran = operation(connection, now)
        yield _gauge("schema_current", "Whether the tables are those of this version.", at_head)
        complete, stale, last = ran.fresh.complete, ran.fresh.stale, ran.last_runs
        for name, about, values in (
            ("complete_timestamp_seconds", "When the newest snapshot was complete.",
             {source: at.timestamp() for source, at in complete.items()}),
            ("age_seconds", "Age of the newest snapshot.",
             {source: _seconds(at, now) for source, at in complete.items()}),
            ("stale", "Whether a source that goes on missed its time.",
             {source: source in stale for source in complete}),
            ("last_run_seconds", "How long the last run took that has ended.",
             {source: run.seconds for source, run in last.items()}),
            ("last_run_records", "How many records it had.",
             {source: run.records for source, run in last.items()}),
        ):  # fmt: skip
            yield _by_source(name, about, values)
        info = GaugeMetricFamily(
            "inventory_hub_last_run_info", "Its state and correlation id; the value is 1.",
            labels=("source", "state", "correlation_id"),
        )  # fmt: skip
        for source, run in last.items():
            info.add_metric((source, run.state, run.correlation_id), 1)
        yield info
        runs = CounterMetricFamily(
            "inventory_hub_runs", "Runs that have ended, by state.", labels=("source", "state")
        )
        for source in sorted({source for source, _state in ran.runs}):
            for state in STATES:
                runs.add_metric((source, state), ran.runs.get((source, state), 0))
        yield runs
        queue = GaugeMetricFamily(
            "inventory_hub_jobs", "Jobs that wait or run, by lane.", labels=("lane", "state")
        )
        for (lane, state), n in ran.queue.items():
            queue.add_metric((lane, state), n)
        yield queue
        waits = 0.0 if ran.oldest_waiting is None else _seconds(ran.oldest_waiting, now)
        yield _gauge("job_waits_seconds", "How long the oldest waiting job waits.", waits)


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()


def _gauge(name: str, about: str, value: float) -> Metric:
    found = GaugeMetricFamily(f"inventory_hub_{name}", about)
    found.add_metric([], value)
    return found


def _by_source(name: str, about: str, values: Mapping[str, float]) -> Metric:
    found = GaugeMetricFamily(f"inventory_hub_source_{name}", about, labels=("source",))
    for source, value in values.items():
        found.add_metric((source,), value)
    return found
