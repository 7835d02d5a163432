"""The addresses that machines report to, as a WSGI application of its own.

Flask has routes to it like to any other; in front of Flask it answers the same at a fifth of the
cost. Behind `gate` it gets what has to wait on a thread: batches, enrolments, and what is odd.
"""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.http import HTTP_STATUS_CODES

from dashboard.ingest.receive import Answer, Asking, Reception, begin, finish
from dashboard.ingest.refusal import Refusal
from dashboard.ingest.store import Stored

ONE, BATCH = "/api/machines", "/api/machines/batch"
_HEADERS = [
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
]


class Door:
    """Answers POST at the two addresses; all else goes on to `behind`."""

    def __init__(self, reception: Reception, behind: WSGIApplication) -> None:
        self._behind = behind
        self._queue = reception.queue
        self._views: dict[str, Callable[[dict[str, Any]], Asking]] = {
            ONE: reception.one,
            BATCH: reception.batch,
        }

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """As PEP 3333 has it."""
        view = None
        if environ["REQUEST_METHOD"] == "POST":
            view = self._views.get(environ.get("PATH_INFO", ""))
        if view is None:
            return self._behind(environ, start_response)
        answer = self._answered(view(environ))
        body = answer.text().encode()
        status = f"{answer.status} {HTTP_STATUS_CODES[answer.status]}"
        start_response(status, headers_of(answer, len(body)))
        return [body]

    def _answered(self, asking: Asking) -> Answer:
        entry = begin(asking)
        if isinstance(entry, Answer):
            return entry
        outcome: Stored | Exception
        try:
            outcome = self._queue.put(entry)
        except (Refusal, SQLAlchemyError) as error:
            outcome = error
        return finish(asking, outcome)


def headers_of(answer: Answer, length: int) -> list[tuple[str, str]]:
    """The headers of an answer whose body has so many bytes."""
    headers = [*_HEADERS, ("Content-Length", str(length))]
    if answer.retry_after is not None:
        headers.append(("Retry-After", str(answer.retry_after)))
    if answer.status == 401:
        headers.append(("WWW-Authenticate", "Bearer"))
    return headers
