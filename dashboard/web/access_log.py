"""A log line for each request that Flask answers, and the correlation id of all that it leads to.

Reports of machines that `dashboard.ingest.gate` answers itself have the same from there.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask
from werkzeug.routing import Rule

from dashboard.base.access import ACTOR_NAME, SIGN_IN
from dashboard.base.metrics import Metrics
from dashboard.base.params import FILTERS
from dashboard.base.request_log import HEADER, log, log_request
from db.correlation import correlated

LONGEST = 500
"""Characters of a path or query."""

_SHOWN = {each.name for each in FILTERS} | {"limit", "offset", "run", "month", "sort", "dir"}
"""Parameters whose values are logged; of others, which may be secrets, only the names, and of
what signs people in."""
_QUIET = ("/assets/", "/own/", "/_dash-component-suites/", "/api/health", "/_favicon.ico")
"""What every page loads, and what asks every few seconds: logged at LOG_LEVEL=DEBUG only."""

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def log_requests(server: Flask, metrics: Metrics) -> None:
    """Log and count every request of `server`, and give it a correlation id, which its answer names
    too."""
    # Flask's own way to wrap an application; its annotation is that of a method.
    server.wsgi_app = _AccessLog(server.wsgi_app, metrics)  # type: ignore[method-assign]


@dataclass
class _Request:
    """What is known of a request, filled while it is answered."""

    environ: dict[str, Any]
    begun: float = field(default_factory=time.perf_counter)
    rule: Rule | None = None
    status: int = 0
    size: int = 0

    @property
    def method(self) -> str:
        return str(self.environ["REQUEST_METHOD"])

    @property
    def path(self) -> str:
        """The path; where a part of it is a secret, its route."""
        if self.rule is not None and "token" in self.rule.arguments:
            return self.rule.rule
        path = self.environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
        return str(path)[:LONGEST]


class _AccessLog:
    def __init__(self, app: Wsgi, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        request = _Request(environ)

        def start(line: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            # Flask forgets the route when it has answered.
            request.rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
            request.status = int(line.split()[0])
            return start_response(line, [*headers, (HEADER, here)], *error)

        with correlated() as here:
            parts = self._app(environ, start)
        return _sent(parts, request, here, self._metrics)


def _sent(
    parts: Iterable[bytes], request: _Request, here: str, metrics: Metrics
) -> Iterator[bytes]:
    """The answer as it is sent; a file is read meanwhile, in the name of the same request."""
    reading = iter(parts)
    try:
        while True:
            with correlated(here):
                part = next(reading, None)
            if part is None:
                return
            request.size += len(part)
            yield part
    finally:
        with correlated(here):
            if hasattr(parts, "close"):
                parts.close()
            took = time.perf_counter() - request.begun
            route = None if request.rule is None else request.rule.rule
            metrics.note_request(request.method, route, request.status, took)
            _log(request, took)


def _log(request: _Request, took: float) -> None:
    quiet = request.path.startswith(_QUIET) and request.status < 400
    level = logging.DEBUG if quiet else logging.INFO
    if not log.isEnabledFor(level):
        return
    environ = request.environ
    log_request(
        level, request.method, request.path, request.status,
        query=_query(environ.get("QUERY_STRING", ""), request.path),
        size=request.size, seconds=took,
        address=environ.get("REMOTE_ADDR", ""), actor=environ.get(ACTOR_NAME, ""),
    )  # fmt: skip


def _query(text: str, path: str) -> str:
    shown = set() if path.startswith(SIGN_IN) else _SHOWN
    pairs = parse_qsl(text, keep_blank_values=True)
    words = (f"{name}={value if name in shown else '...'}" for name, value in pairs)
    return "&".join(words)[:LONGEST]
