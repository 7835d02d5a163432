"""The address that machines report to, as an ASGI application: a report waits for its commit in a
coroutine. A thread for each took twice the time, most of it for changing between threads.

Only what asks nothing of the database but to be stored is answered here. Batches, whoever is not
known yet, bodies without a length and all else go on to the threads behind, which answer the same.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from dashboard.ingest.body import LARGEST
from dashboard.ingest.door import ONE, headers_of
from dashboard.ingest.queue import WAIT_SECONDS, Queue, Waiting
from dashboard.ingest.receive import Answer, Asking, Given, Reception, begin, finish
from dashboard.ingest.refusal import Refusal, busy
from dashboard.ingest.store import Entry, Stored

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_NAMES = {
    b"authorization": "HTTP_AUTHORIZATION",
    b"content-type": "CONTENT_TYPE",
    b"content-encoding": "HTTP_CONTENT_ENCODING",
    b"content-length": "CONTENT_LENGTH",
    b"accept-language": "HTTP_ACCEPT_LANGUAGE",
}
"""What a report is read by, under the names of WSGI."""
_LATE_EVERY = 1.0


class Gate:
    """Answers POST /api/machines; all else goes on to `behind`."""

    def __init__(self, reception: Reception, behind: App) -> None:
        self._reception = reception
        self._behind = behind
        self._post: _Post | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """As ASGI 3 has it."""
        environ = _environ(scope)
        if environ is None:
            await self._behind(scope, receive, send)
            return
        shown = environ.get("HTTP_AUTHORIZATION", "").strip()
        is_known, credential = self._reception.credentials.known(shown)
        if not is_known:
            await self._behind(scope, receive, send)
            return
        body = await _body(receive, int(environ["CONTENT_LENGTH"]))
        if body is None:
            return  # nobody is left to answer
        answer = await self._answered(self._reception.one(environ, Given(credential, body)))
        text = answer.text().encode()
        headers = [
            (name.lower().encode(), value.encode()) for name, value in headers_of(answer, len(text))
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def _answered(self, asking: Asking) -> Answer:
        entry = begin(asking)
        if isinstance(entry, Answer):
            return entry
        if self._post is None:
            self._post = _Post(asyncio.get_running_loop(), self._reception.queue)
        outcome: Stored | Exception
        try:
            outcome = await self._post.outcome(entry)
        except (Refusal, SQLAlchemyError) as error:
            outcome = error
        return finish(asking, outcome)


class _Post:
    """Takes entries to the thread that stores and their outcomes back to the coroutines that wait.
    Both sides are woken once for many, and those for whom it takes too long are told so."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue: Queue[Entry, Stored]) -> None:
        self._loop = loop
        self._queue = queue
        self._leaving: list[Waiting[Entry, Stored]] = []
        self._come: deque[tuple[asyncio.Future[Stored], Stored | Exception]] = deque()
        self._waiting: deque[tuple[float, asyncio.Future[Stored]]] = deque()
        self._is_watching = False

    def outcome(self, entry: Entry) -> asyncio.Future[Stored]:
        """What becomes of `entry`."""
        future: asyncio.Future[Stored] = self._loop.create_future()
        self._waiting.append((self._loop.time() + WAIT_SECONDS, future))
        if not self._is_watching:
            self._is_watching = True
            self._loop.call_later(_LATE_EVERY, self._watch)

        def tell(outcome: Stored | Exception) -> None:
            self._come.append((future, outcome))
            # Whoever finds others before it is taken out with them.
            if len(self._come) == 1:
                self._loop.call_soon_threadsafe(self._deliver)

        # What came together leaves together: a transaction for the first alone would hold up the
        # others.
        self._leaving.append((entry, tell))
        if len(self._leaving) == 1:
            self._loop.call_soon(self._leave)
        return future

    def _leave(self) -> None:
        leaving, self._leaving = self._leaving, []
        self._queue.add(leaving)

    def _deliver(self) -> None:
        while self._come:
            future, outcome = self._come.popleft()
            if future.done():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _watch(self) -> None:
        """Refuse those that wait too long. They came in turn, and leave in turn."""
        now = self._loop.time()
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= now):
            _, future = self._waiting.popleft()
            if not future.done():
                future.set_exception(busy())
        self._is_watching = bool(self._waiting)
        if self._is_watching:
            self._loop.call_later(_LATE_EVERY, self._watch)


def _environ(scope: Message) -> dict[str, Any] | None:
    """What a report's request says of it; None where it is none, or says it in an odd way."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != ONE:
        return None
    client = scope.get("client")
    found: dict[str, Any] = {"REMOTE_ADDR": client[0] if client else ""}
    for name, value in scope["headers"]:
        called = _NAMES.get(name)
        if called is not None:
            if called in found:
                return None
            found[called] = value.decode("latin-1")
    length = found.get("CONTENT_LENGTH", "")
    return found if length.isdecimal() and len(length) < 10 and int(length) <= LARGEST else None


async def _body(receive: Receive, length: int) -> bytes | None:
    """The body, of `length` bytes; None when the client is gone before its end."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            body = b"".join(parts)
            return body if len(body) == length else None
