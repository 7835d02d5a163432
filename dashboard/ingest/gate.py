"""The ASGI application in front of Flask that answers POST /api/machines for known machines.

A report waits for its commit in a coroutine: with a thread for each report, twice the time went
into switching between threads. Only reports that need no other database access are answered here;
batches, unknown credentials, bodies without a length and everything else go on to Flask, which
answers the same.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from dashboard.base.request_log import HEADER, log, log_request
from dashboard.ingest import body
from dashboard.ingest.commit_queue import WAIT_SECONDS, CommitQueue, Pending
from dashboard.ingest.credentials import Credential
from dashboard.ingest.reception import Answer, Reception
from dashboard.ingest.refusal import Refusal, busy
from dashboard.ingest.store import Entry, StoredEntry
from db.correlation import correlated

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

PATH = "/api/machines"
_ENVIRON_NAMES = {
    b"authorization": "HTTP_AUTHORIZATION",
    b"content-type": "CONTENT_TYPE",
    b"content-encoding": "HTTP_CONTENT_ENCODING",
    b"content-length": "CONTENT_LENGTH",
    b"accept-language": "HTTP_ACCEPT_LANGUAGE",
}
"""The WSGI names of the headers that `reception` reads."""
_TIMEOUT_CHECK_SECONDS = 1.0


class Gate:
    """Answers single reports of known machines; passes everything else on to `app`."""

    def __init__(self, reception: Reception, app: App) -> None:
        self._reception = reception
        self._app = app
        self._commits: _AsyncCommits | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle one ASGI 3 connection."""
        environ = _report_environ(scope)
        if environ is None:
            await self._app(scope, receive, send)
            return
        authorization = environ.get("HTTP_AUTHORIZATION", "").strip()
        is_known, credential = self._reception.credentials.cached(authorization)
        if not is_known:
            await self._app(scope, receive, send)
            return
        received = await _receive_body(receive, int(environ["CONTENT_LENGTH"]))
        if received is None:
            return  # The client disconnected.
        begun, here = time.perf_counter(), str(uuid4())
        answer = await self._answer(environ, credential, received)
        content = answer.encoded()
        named = [*answer.headers(len(content)), (HEADER, here)]
        headers = [(name.lower().encode(), value.encode()) for name, value in named]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
        _log(environ, here, answer, len(content), time.perf_counter() - begun)

    async def _answer(
        self, environ: dict[str, Any], credential: Credential | None, received: bytes
    ) -> Answer:
        """`Reception.report`, waiting in a coroutine."""
        reception = self._reception
        if self._commits is None:
            self._commits = _AsyncCommits(asyncio.get_running_loop(), reception.queue)
        try:
            reception.check_address(environ)
            entry = reception.report_entry(credential, body.read(environ, received=received))
            stored = await self._commits.commit(entry)
        except (Refusal, SQLAlchemyError) as error:
            return reception.refused(error)
        return reception.report_answer(environ, stored)


class _AsyncCommits:
    """`CommitQueue` for coroutines. Entries and outcomes cross between the event loop and the
    committing thread in groups, so that each side is woken once for many."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, queue: CommitQueue[Entry, StoredEntry]
    ) -> None:
        self._loop = loop
        self._queue = queue
        self._outgoing: list[Pending[Entry, StoredEntry]] = []
        self._outcomes: deque[tuple[asyncio.Future[StoredEntry], StoredEntry | Exception]] = deque()
        self._deadlines: deque[tuple[float, asyncio.Future[StoredEntry]]] = deque()
        self._is_checking = False

    def commit(self, entry: Entry) -> asyncio.Future[StoredEntry]:
        """Have `entry` committed. The future raises as `CommitQueue.commit` does."""
        future: asyncio.Future[StoredEntry] = self._loop.create_future()
        self._deadlines.append((self._loop.time() + WAIT_SECONDS, future))
        if not self._is_checking:
            self._is_checking = True
            self._loop.call_later(_TIMEOUT_CHECK_SECONDS, self._check_deadlines)

        def on_outcome(outcome: StoredEntry | Exception) -> None:
            self._outcomes.append((future, outcome))
            # An outcome that finds others in the queue is delivered with them.
            if len(self._outcomes) == 1:
                self._loop.call_soon_threadsafe(self._deliver)

        # Requests read in one turn of the loop are submitted together: a transaction for the first
        # alone would make the others wait.
        self._outgoing.append((entry, on_outcome))
        if len(self._outgoing) == 1:
            self._loop.call_soon(self._submit)
        return future

    def _submit(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        self._queue.submit(outgoing)

    def _deliver(self) -> None:
        while self._outcomes:
            future, outcome = self._outcomes.popleft()
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _check_deadlines(self) -> None:
        """Refuse what has waited too long. Deadlines are in the order of their requests."""
        now = self._loop.time()
        while self._deadlines and (self._deadlines[0][1].done() or self._deadlines[0][0] <= now):
            _, future = self._deadlines.popleft()
            if not future.done():
                future.set_exception(busy())
        self._is_checking = bool(self._deadlines)
        if self._is_checking:
            self._loop.call_later(_TIMEOUT_CHECK_SECONDS, self._check_deadlines)


def _log(
    environ: dict[str, Any], correlation_id: str, answer: Answer, size: int, seconds: float
) -> None:
    """Log an answered report. Stored ones come by the thousand and are counted: at DEBUG only."""
    level = logging.DEBUG if answer.status < 400 else logging.INFO
    if not log.isEnabledFor(level):
        return
    # Only here, without an `await`: granian's requests share one context.
    with correlated(correlation_id):
        log_request(
            level, "POST", PATH, answer.status, query="", size=size, seconds=seconds,
            address=environ["REMOTE_ADDR"], actor="",
        )  # fmt: skip


def _report_environ(scope: Message) -> dict[str, Any] | None:
    """What `reception` reads of a WSGI environ; None unless this is a report with a usable length
    and no repeated header."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != PATH:
        return None
    client = scope.get("client")
    environ: dict[str, Any] = {"REMOTE_ADDR": client[0] if client else ""}
    for header, value in scope["headers"]:
        name = _ENVIRON_NAMES.get(header)
        if name is not None:
            if name in environ:
                return None
            environ[name] = value.decode("latin-1")
    length = environ.get("CONTENT_LENGTH", "")
    is_usable = length.isdecimal() and len(length) < 10 and int(length) <= body.LARGEST
    return environ if is_usable else None


async def _receive_body(receive: Receive, length: int) -> bytes | None:
    """The body; None if the client disconnected before `length` bytes came."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            content = b"".join(parts)
            return content if len(content) == length else None
