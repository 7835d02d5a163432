"""What happens to a report between request and answer, the same behind both doors: the Flask
routes, where a thread waits for the commit, and `gate`, where a coroutine does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from dashboard.base.metrics import Metrics
from dashboard.ingest import body
from dashboard.ingest.commit_queue import CommitQueue
from dashboard.ingest.credentials import Credential, Credentials
from dashboard.ingest.items import item
from dashboard.ingest.rate_limit import RateLimit
from dashboard.ingest.refusal import Refusal, malformed, unavailable
from dashboard.ingest.report import REPORT_ID_LENGTH, Report, parse_report
from dashboard.ingest.store import Entry, StoredEntry

REPORTS_A_MINUTE = 60
LARGEST_BATCH = 100
"""Reports in one batch; fewer than `merge.REMEMBERED_REPORTS`."""

_MESSAGES = {
    "en": {True: "Inventory added successfully", False: "Inventory updated successfully"},
    "pt": {
        True: "Inventário adicionado com sucesso",
        False: "Inventário atualizado com sucesso",
    },
}
_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Answer:
    """A response with a JSON body, for Flask and for ASGI."""

    status: int
    body: dict[str, Any]
    retry_after: int | None = None

    def encoded(self) -> bytes:
        """The body as it is sent."""
        return (_ENCODER.encode(self.body) + "\n").encode()

    def headers(self, length: int) -> list[tuple[str, str]]:
        """The headers for a body of `length` bytes."""
        headers = [*_HEADERS, ("Content-Length", str(length))]
        if self.retry_after is not None:
            headers.append(("Retry-After", str(self.retry_after)))
        if self.status == 401:
            headers.append(("WWW-Authenticate", "Bearer"))
        return headers


class Reception:
    """Answers reports; called from many threads and from the event loop.

    `report` and `batch` do all of it and block until the commit. `gate` puts together the same
    steps around its own way of waiting.
    """

    def __init__(
        self,
        credentials: Credentials,
        queue: CommitQueue[Entry, StoredEntry],
        zone: tzinfo,
        metrics: Metrics,
        address_rate: int | None = None,
    ) -> None:
        """
        Args:
            metrics: where what becomes of reports is counted.
            address_rate: requests a minute that one address may make; None for no limit.
        """
        self.credentials = credentials
        self.queue = queue
        self.zone = zone
        self._metrics = metrics
        self._machine_limit = RateLimit(REPORTS_A_MINUTE)
        self._address_limit = None if address_rate is None else RateLimit(address_rate)

    def report(self, environ: dict[str, Any]) -> Answer:
        """Answer POST /api/machines, a WSGI request: one machine's live report."""
        try:
            self.check_address(environ)
            credential = self.credentials.check(environ)
            entry = self.report_entry(credential, body.read(environ))
            stored = self.queue.commit(entry)
        except (Refusal, SQLAlchemyError) as error:
            return self.refused(error)
        return self.report_answer(environ, stored)

    def batch(self, environ: dict[str, Any]) -> Answer:
        """Answer POST /api/machines/batch, a WSGI request: one machine's backlog."""
        try:
            self.check_address(environ)
            credential = self.credentials.check(environ)
            items, reports = self._parse_batch(body.read(environ, body.LARGEST_BATCH))
            stored = None
            if reports:
                stored = self.queue.commit(self._entry(credential, reports, live=False))
        except (Refusal, SQLAlchemyError) as error:
            return self.refused(error)
        if stored is None:
            return Answer(200, {"items": items, "count": len(items)})
        accepted = [result for result in items if result["status"] == 200]
        self._metrics.note_stored(len(accepted))
        for result, is_duplicate in zip(accepted, stored.duplicates, strict=True):
            result["reason"] = "known" if is_duplicate else "stored"
        return Answer(200, {"items": items, "count": len(items)} | _new_key(stored))

    def check_address(self, environ: Mapping[str, Any]) -> None:
        """Count a request against its address's limit.

        Raises:
            Refusal: 429.
        """
        if self._address_limit is not None:
            seconds = self._address_limit.take(environ.get("REMOTE_ADDR", ""))
            if seconds is not None:
                raise _too_many("This address reports too often: wait.", seconds)

    def report_entry(self, credential: Credential | None, content: bytes) -> Entry:
        """What to store for the live report in `content`, an unpacked body.

        Raises:
            Refusal: the body is no report (400), or the machine reports too often (429).
        """
        return self._entry(credential, [parse_report(body.parse(content), self.zone)], live=True)

    def report_answer(self, environ: Mapping[str, Any], stored: StoredEntry) -> Answer:
        """The answer to a live report once it is committed."""
        self._metrics.note_stored(1)
        messages = _MESSAGES[language(environ.get("HTTP_ACCEPT_LANGUAGE", ""))]
        payload = {"item": item(stored.machine, self.zone), "message": messages[stored.is_new]}
        return Answer(201 if stored.is_new else 200, payload | _new_key(stored))

    def refused(self, error: Refusal | SQLAlchemyError) -> Answer:
        """The answer to a request that was not stored."""
        refusal = error if isinstance(error, Refusal) else unavailable()
        self._metrics.note_refused(refusal.status)
        return Answer(refusal.status, refusal.payload(), refusal.retry_after)

    def _parse_batch(self, content: bytes) -> tuple[list[dict[str, Any]], list[Report]]:
        """The result of each report in a batch, and the valid reports."""
        batch = body.parse(content)
        entries = batch.get("reports") if isinstance(batch, Mapping) else None
        if not isinstance(entries, list):
            raise malformed('A batch reads {"reports": [...]}.', ["reports"])
        if not 0 < len(entries) <= LARGEST_BATCH:
            raise malformed(f"A batch holds 1 to {LARGEST_BATCH} reports.", ["reports"])
        items: list[dict[str, Any]] = []
        reports: list[Report] = []
        for entry in entries:
            report_id = entry.get("report_id") if isinstance(entry, Mapping) else None
            try:
                if not isinstance(report_id, str):
                    raise malformed("A report of a batch has a report_id.", ["report_id"])
                report = parse_report(entry, self.zone)
                if report.report_id is None:
                    # Without one that can be kept, a batch sent again would count twice.
                    raise malformed(
                        f"A report_id has 1 to {REPORT_ID_LENGTH} letters.", ["report_id"]
                    )
                if reports and report.machine_id != reports[0].machine_id:
                    raise malformed("A batch holds one machine's reports.", ["machine_id"])
                reports.append(report)
                items.append({"report_id": report_id, "status": 200, "reason": "stored"})
            except Refusal as refusal:
                items.append(
                    {
                        "report_id": report_id if isinstance(report_id, str) else None,
                        "status": refusal.status,
                        "reason": refusal.reason,
                        "error": refusal.sentence,
                    }
                )
        return items, reports

    def _entry(self, credential: Credential | None, reports: list[Report], *, live: bool) -> Entry:
        machine_id = reports[0].machine_id
        public_id = None if credential is None else credential.public_id
        if (seconds := self._machine_limit.take((machine_id, public_id))) is not None:
            raise _too_many("A machine may report 60 times a minute: wait.", seconds)
        return Entry(credential, machine_id, tuple(reports), live)


@lru_cache(maxsize=256)
def language(header: str) -> str:
    """The language of messages, "en" or "pt", for an Accept-Language header."""
    accepted = parse_accept_header(header[:200], LanguageAccept)
    return accepted.best_match(_MESSAGES, "en") or "en"


def _too_many(sentence: str, seconds: int) -> Refusal:
    return Refusal(429, "too_many_requests", sentence, retry_after=seconds)


def _new_key(stored: StoredEntry) -> dict[str, str]:
    return {} if stored.key is None else {"key": stored.key}
