"""Uploads spooled reports: which go next, and what the server's answer means for them.

A report leaves the spool only when the server has stored it or will never accept it.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from agent.client import Answer, Client, Undelivered, pack_batch
from agent.logs import about_report
from agent.spool import Spool, SpooledReport
from agent.state import State

BATCH_REPORTS = 100
BATCH_BYTES = 60_000
"""On the client; the server takes 64 KB."""
BATCH_UNPACKED_BYTES = 1_000_000
MAX_PAUSE = 300.0
FIRST_PAUSE = 2.0
MANUAL_FIX_PAUSE = 900.0
"""Roughly the pause before the next try when only a person can fix the cause."""
MAX_RETRY_AFTER = 3600.0
MAX_TRIES = 10
"""Tries of a report to which a server that is not ours answers 500."""
_PERMANENT_ERRORS = (400, 413, 422)
_SUCCESS = (200, 201)

_ADVICE = {
    "missing_credential": "set INVENTORY_HUB_TOKEN to an enrolment token of this machine's site",
    "unknown_credential": "set INVENTORY_HUB_TOKEN to an enrolment token that is still in force",
    "revoked": "this machine was shut out: undo that on the server, or uninstall the agent",
    "wrong_machine": "this is another machine's key: if the state folder was copied, empty it",
    "already_enrolled": "this machine has lost its key: revoke that one on the server",
}
_log = logging.getLogger(__name__)


class Uploader:
    """Sends reports from the spool to the server, one request at a time."""

    def __init__(
        self,
        client: Client,
        spool: Spool,
        state: State,
        token: str | None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """
        Args:
            token: the enrolment token, for a machine without a key.
            clock: monotonic seconds.
            jitter: a random number between its arguments.
        """
        self._client = client
        self._spool = spool
        self._state = state
        self._token = token
        self._clock = clock
        self._jitter = jitter
        self.not_before = 0.0
        self.dropped = 0
        self._failures = 0
        self._failing_report: tuple[str, int] = ("", 0)
        self._size = BATCH_REPORTS
        self._one_by_one = False
        self._enrol_again = False

    def step(self) -> bool:
        """Send one request; False when it failed. `not_before` is when the next may be sent,
        `dropped` how many reports the server refused for good.

        Raises:
            Stopped: the agent was stopped before the answer; every report is kept.
        """
        reports = self._batch()
        with about_report(reports[0].report_id):
            return self._send(reports)

    def _send(self, reports: list[SpooledReport]) -> bool:
        credential = self._credential()
        is_single = len(reports) == 1
        try:
            if is_single:
                answer = self._client.post(reports[0].body, credential)
            else:
                answer = self._client.post_batch(
                    pack_batch([report.body for report in reports]), credential
                )
        except Undelivered as error:
            return self._retry_later(str(error))
        self._take_key(answer)
        if answer.status in _SUCCESS and is_single and "item" in answer.data:
            return self._on_delivered(reports, {reports[0].report_id})
        if (
            answer.status in _SUCCESS
            and not is_single
            and isinstance(answer.data.get("items"), list)
        ):
            return self._on_batch_answer(reports, answer)
        if not is_single:
            return self._on_batch_refused(reports, answer)
        if answer.status in _PERMANENT_ERRORS:
            self._drop(reports[0].report_id, answer.status, answer.error)
            return self._on_delivered(reports, {reports[0].report_id})
        return self._on_refused(reports[0], answer)

    def _batch(self) -> list[SpooledReport]:
        reports = self._spool.oldest(1 if self._one_by_one else self._size)
        while len(reports) > 1 and (
            sum(len(report.body) + 1 for report in reports) > BATCH_UNPACKED_BYTES
            or len(pack_batch([report.body for report in reports])) > BATCH_BYTES
        ):
            reports = reports[: len(reports) // 2]
        return reports

    def _credential(self) -> str | None:
        key = None if self._enrol_again else self._state.key
        return key or self._token

    def _take_key(self, answer: Answer) -> None:
        key = answer.data.get("key")
        if answer.status not in _SUCCESS or not isinstance(key, str) or not key.isascii():
            return
        self._enrol_again = False
        self._state.key = key
        self._state.save_or_log()
        _log.info("Enrolled: the server gave this machine its key.")

    def _on_delivered(self, reports: list[SpooledReport], gone: set[str]) -> bool:
        if self._failures or len(reports) > 1:
            _log.info("Delivered; %d still wait.", len(self._spool) - len(gone))
        self._spool.remove(gone)
        self._failures = 0
        self._size = min(BATCH_REPORTS, self._size * 2)
        if not len(self._spool):
            # A server without the batch route may be upgraded by the next backlog.
            self._one_by_one = False
        # Paced, because other machines have backlogs too. Shorter for single reports, or the pauses
        # would add up to hours.
        self.not_before = self._clock() + self._jitter(0.0, 0.2 if len(reports) == 1 else 2.0)
        return True

    def _on_batch_answer(self, reports: list[SpooledReport], answer: Answer) -> bool:
        results: dict[str, Mapping[str, Any]] = {
            str(item.get("report_id")): item
            for item in answer.data["items"]
            if isinstance(item, dict)
        }
        gone, undelivered = set(), []
        for report in reports:
            item = results.get(report.report_id, {})
            status = item.get("status")
            if status in _SUCCESS:
                gone.add(report.report_id)
            elif status in _PERMANENT_ERRORS:
                self._drop(report.report_id, status, str(item.get("error")))
                gone.add(report.report_id)
            else:
                undelivered.append((report, item))
        if gone:
            self._on_delivered(reports, gone)
        if not undelivered:
            return True
        report, item = undelivered[0]
        status = item.get("status")
        return self._on_refused(
            report, Answer(status if isinstance(status, int) else 502, item, answer.retry_after)
        )

    def _on_batch_refused(self, reports: list[SpooledReport], answer: Answer) -> bool:
        if answer.status in (404, 405):
            self._one_by_one = True
            return True
        if answer.status in _PERMANENT_ERRORS:
            self._size = len(reports) // 2
            return True
        if answer.status == 500 and not answer.reason:
            # One of the reports may be what it fails on.
            self._size = max(1, len(reports) // 2)
        return self._on_refused(reports[0], answer)

    def _on_refused(self, report: SpooledReport, answer: Answer) -> bool:
        if answer.reason == "unknown_credential" and self._credential() != self._token is not None:
            # The old key is kept until a new one is here: a server that was set up anew does not
            # know it, but neither does one that was reached by mistake.
            self._enrol_again = True
            _log.warning("The server does not know this machine's key: enrolling again.")
            return True
        if 300 <= answer.status < 400:
            return self._retry_later(
                f"The server redirects to {answer.location or 'another place'}: set "
                "INVENTORY_HUB_URL to where it answers itself.", MANUAL_FIX_PAUSE
            )  # fmt: skip
        if answer.status in (401, 403):
            self._enrol_again = False
            advice = _ADVICE.get(answer.reason, "see the server's log")
            return self._retry_later(f"{_describe(answer)}: {advice}.", MANUAL_FIX_PAUSE)
        if answer.status in (404, 405, 415) or answer.status in _SUCCESS:
            return self._retry_later(
                f"{_describe(answer)}: no Inventory Hub or TatuScan server is there. "
                "Check INVENTORY_HUB_URL.", MANUAL_FIX_PAUSE
            )  # fmt: skip
        if answer.status == 500 and not answer.reason:
            report_id, tries = self._failing_report
            self._failing_report = (
                report.report_id,
                tries + 1 if report_id == report.report_id else 1,
            )
            if self._failing_report[1] >= MAX_TRIES:
                self._drop(report.report_id, 500, answer.error)
                return self._on_delivered([report], {report.report_id})
        return self._retry_later(f"{_describe(answer)}.", retry_after=answer.retry_after)

    def _retry_later(
        self, sentence: str, manual_fix_pause: float = 0.0, retry_after: float | None = None
    ) -> bool:
        self._failures += 1
        # Full jitter, so that machines that failed together do not come back together.
        longest = min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 10))
        pause = self._jitter(0.0, longest)
        if manual_fix_pause:
            pause = self._jitter(manual_fix_pause / 2, manual_fix_pause)
        elif retry_after is not None:
            retry_after = min(retry_after, MAX_RETRY_AFTER)
            pause = retry_after + self._jitter(0.0, max(retry_after, 1.0))
        self.not_before = self._clock() + pause
        _log.warning(
            "Not delivered: %s %d wait; next try in %.0f s.", sentence, len(self._spool), pause
        )
        return False

    def _drop(self, report_id: str, status: Any, error: str) -> None:
        self.dropped += 1
        _log.error(
            "The server will never take report %s (%s %s): dropped.", report_id, status, error
        )


def _describe(answer: Answer) -> str:
    words = " ".join(part for part in (answer.reason, answer.error.rstrip(".")) if part)
    return f"The server answered {answer.status}" + (f" ({words})" if words else "")
