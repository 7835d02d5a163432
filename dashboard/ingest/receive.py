"""The two addresses that machines report to, from request to answer."""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from dashboard.ingest import body, report
from dashboard.ingest.credentials import Credential, Credentials
from dashboard.ingest.items import item
from dashboard.ingest.limits import Limit
from dashboard.ingest.queue import Queue
from dashboard.ingest.refusal import Refusal, malformed, unavailable
from dashboard.ingest.report import Report
from dashboard.ingest.store import Entry, Stored

REPORTS_A_MINUTE = 60
LARGEST_BATCH = 100
"""Reports in one batch; fewer than are remembered of a machine."""

_MESSAGES = {
    "en": {True: "Inventory added successfully", False: "Inventory updated successfully"},
    "pt": {
        True: "Inventário adicionado com sucesso",
        False: "Inventário atualizado com sucesso",
    },
}

_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body."""

    status: int
    body: dict[str, Any]
    retry_after: int | None = None

    def text(self) -> str:
        """The body as it is sent."""
        return _WRITER.encode(self.body) + "\n"


class Given(NamedTuple):
    """What a server that must not wait has found out already: who it is, and the body as it
    came."""

    credential: Credential | None
    body: bytes


Asking = Generator[Entry, Stored, Answer]
"""A request on its way to its answer: it asks for one entry to be stored, or for none, and does not
care whether a thread waits for that or a coroutine."""


def begin(asking: Asking) -> Entry | Answer:
    """What the request wants stored; its answer where it wants nothing."""
    return _next(lambda: next(asking))


def finish(asking: Asking, outcome: Stored | Exception) -> Answer:
    """The answer, once it is known what became of the entry."""
    if isinstance(outcome, Exception):
        answer = _next(lambda: asking.throw(outcome))
    else:
        answer = _next(lambda: asking.send(outcome))
    if not isinstance(answer, Answer):
        raise RuntimeError("a request asks for one entry alone")
    return answer


def _next(step: Callable[[], Entry]) -> Entry | Answer:
    try:
        return step()
    except StopIteration as done:
        answer: Answer = done.value
        return answer


class Reception:
    """Takes requests from many threads."""

    def __init__(
        self,
        credentials: Credentials,
        queue: Queue[Entry, Stored],
        zone: tzinfo,
        address_rate: int | None = None,
    ) -> None:
        self.credentials = credentials
        self.queue = queue
        self.zone = zone
        self._reports = Limit(REPORTS_A_MINUTE)
        self._addresses = None if address_rate is None else Limit(address_rate)

    def one(self, environ: dict[str, Any], given: Given | None = None) -> Asking:
        """POST /api/machines: what one machine tells of itself now."""
        try:
            self._slow_down(environ)
            credential, come = given or (self.credentials.check(environ), None)
            found = report.read(body.parse(body.read(environ, come=come)), self.zone)
            stored = yield self._entry(credential, [found], live=True)
        except Refusal as refusal:
            return _refused(refusal)
        except SQLAlchemyError:
            return _refused(unavailable())
        message = _MESSAGES[language(environ.get("HTTP_ACCEPT_LANGUAGE", ""))][stored.is_new]
        told = {"item": item(stored.machine, self.zone), "message": message}
        return Answer(201 if stored.is_new else 200, told | _key(stored))

    def batch(self, environ: dict[str, Any]) -> Asking:
        """POST /api/machines/batch: what one machine could not tell when it was so."""
        try:
            self._slow_down(environ)
            credential = self.credentials.check(environ)
            found = _listed(body.parse(body.read(environ, body.LARGEST_BATCH)))
            items, reports = self._read(found)
            stored = (yield self._entry(credential, reports, live=False)) if reports else None
        except Refusal as refusal:
            return _refused(refusal)
        except SQLAlchemyError:
            return _refused(unavailable())
        if stored is not None:
            taken = [one for one in items if one["status"] == 200]
            for one, known in zip(taken, stored.known, strict=True):
                one["reason"] = "known" if known else "stored"
        told = {"items": items, "count": len(items)}
        return Answer(200, told | ({} if stored is None else _key(stored)))

    def _slow_down(self, environ: Mapping[str, Any]) -> None:
        if self._addresses is not None:
            seconds = self._addresses.take(environ.get("REMOTE_ADDR", ""))
            if seconds is not None:
                raise _too_many("This address reports too often: wait.", seconds)

    def _read(self, found: list[Any]) -> tuple[list[dict[str, Any]], list[Report]]:
        """What is said of each report, and those that can be stored."""
        items: list[dict[str, Any]] = []
        reports: list[Report] = []
        for one in found:
            report_id = one.get("report_id") if isinstance(one, Mapping) else None
            try:
                if not isinstance(report_id, str):
                    raise malformed("A report of a batch has a report_id.", ["report_id"])
                read = report.read(one, self.zone)
                if reports and read.machine_id != reports[0].machine_id:
                    raise malformed("A batch holds one machine's reports.", ["machine_id"])
                reports.append(read)
                items.append({"report_id": report_id, "status": 200, "reason": "stored"})
            except Refusal as refusal:
                told = {"status": refusal.status, "reason": refusal.reason}
                shown = report_id if isinstance(report_id, str) else None
                items.append({"report_id": shown, **told, "error": refusal.sentence})
        return items, reports

    def _entry(self, credential: Credential | None, reports: list[Report], *, live: bool) -> Entry:
        machine_id = reports[0].machine_id
        who = None if credential is None else credential.public_id
        if (seconds := self._reports.take((machine_id, who))) is not None:
            raise _too_many("A machine may report 60 times a minute: wait.", seconds)
        return Entry(credential, machine_id, tuple(reports), live)


@lru_cache(maxsize=256)
def language(header: str) -> str:
    """The language of messages for an Accept-Language header."""
    accepted = parse_accept_header(header[:200], LanguageAccept)
    return accepted.best_match(_MESSAGES, "en") or "en"


def _listed(found: Any) -> list[Any]:
    reports = found.get("reports") if isinstance(found, Mapping) else None
    if not isinstance(reports, list):
        raise malformed('A batch reads {"reports": [...]}.', ["reports"])
    if not 0 < len(reports) <= LARGEST_BATCH:
        raise malformed(f"A batch holds 1 to {LARGEST_BATCH} reports.", ["reports"])
    return reports


def _too_many(sentence: str, seconds: int) -> Refusal:
    return Refusal(429, "too_many_requests", sentence, retry_after=seconds)


def _key(stored: Stored) -> dict[str, str]:
    return {} if stored.key is None else {"key": stored.key}


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, refusal.payload(), refusal.retry_after)
