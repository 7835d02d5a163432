"""What becomes of the reports that wait: which go next, and what the server's answer means.

Nothing leaves the spool before the server said that it has it, or that it never wants it.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from agent.send import Answer, Stopped, Undelivered, Wire, packed
from agent.spool import Kept, Spool
from agent.state import State

BATCH_REPORTS = 100
BATCH_BYTES = 60_000
"""On the wire; the server takes 64 KB."""
BATCH_INFLATED = 1_000_000
LONGEST_PAUSE = 300.0
FIRST_PAUSE = 2.0
PATIENCE = 900.0
"""About so long until the next try where only a person can help."""
LONGEST_ASKED = 3600.0
TRIES = 10
"""So often a server that breaks down over one report, and is not ours, gets it again."""
_NEVER = (400, 413, 422)
_WANTED = (200, 201)

_ADVICE = {
    "missing_credential": "set INVENTORY_HUB_TOKEN to an enrolment token of this machine's site",
    "unknown_credential": "set INVENTORY_HUB_TOKEN to an enrolment token that is still in force",
    "revoked": "this machine was shut out: undo that on the server, or uninstall the agent",
    "wrong_machine": "this is another machine's key: if the state folder was copied, empty it",
    "already_enrolled": "this machine has lost its key: revoke that one on the server",
}
_log = logging.getLogger(__name__)


class Courier:
    """Carries reports from the spool to the server, one exchange at a time."""

    def __init__(
        self,
        wire: Wire,
        spool: Spool,
        state: State,
        token: str | None,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """
        Args:
            token: lets a machine without a key in.
            clock: seconds that never go back.
            jitter: a random number between two.
        """
        self._wire = wire
        self._spool = spool
        self._state = state
        self._token = token
        self._clock = clock
        self._jitter = jitter
        self.not_before = 0.0
        self._failures = 0
        self._broken: tuple[str, int] = ("", 0)
        self._size = BATCH_REPORTS
        self._one_by_one = False
        self._enrol_again = False

    def step(self) -> bool:
        """One exchange; False when it failed. Either way `not_before` says when the next may be.

        Raises:
            Stopped: told to stop while the server thought about it; all is kept.
        """
        reports = self._batch()
        credential = self._credential()
        single = len(reports) == 1
        try:
            if single:
                answer = self._wire.post(reports[0].body, credential)
            else:
                answer = self._wire.post_batch(packed([kept.body for kept in reports]), credential)
        except Undelivered as error:
            return self._later(str(error))
        self._take_key(answer)
        if answer.status in _WANTED and single and "item" in answer.data:
            return self._settled(reports, {reports[0].report_id})
        if answer.status in _WANTED and not single and isinstance(answer.data.get("items"), list):
            return self._sorted_out(reports, answer)
        if not single:
            return self._batch_refused(reports, answer)
        if answer.status in _NEVER:
            self._drop(reports[0].report_id, answer.status, answer.error)
            return self._settled(reports, {reports[0].report_id})
        return self._refused(reports[0], answer)

    def _batch(self) -> list[Kept]:
        reports = self._spool.oldest(1 if self._one_by_one else self._size)
        while len(reports) > 1 and (
            sum(len(kept.body) + 1 for kept in reports) > BATCH_INFLATED
            or len(packed([kept.body for kept in reports])) > BATCH_BYTES
        ):
            reports = reports[: len(reports) // 2]
        return reports

    def _credential(self) -> str | None:
        key = None if self._enrol_again else self._state.key
        return key or self._token

    def _take_key(self, answer: Answer) -> None:
        key = answer.data.get("key")
        if answer.status not in _WANTED or not isinstance(key, str) or not key.isascii():
            return
        self._enrol_again = False
        self._state.key = key
        self._state.keep()
        _log.info("Enrolled: the server gave this machine its key.")

    def _settled(self, reports: list[Kept], gone: set[str]) -> bool:
        if self._failures or len(reports) > 1:
            _log.info("Delivered; %d still wait.", len(self._spool) - len(gone))
        self._spool.remove(gone)
        self._failures = 0
        self._size = min(BATCH_REPORTS, self._size * 2)
        if not len(self._spool):
            # Whoever could not take batches may be another version by the next backlog.
            self._one_by_one = False
        # Not in one gush: others have backlogs too. One by one, the pauses would add up to hours.
        self.not_before = self._clock() + self._jitter(0.0, 0.2 if len(reports) == 1 else 2.0)
        return True

    def _sorted_out(self, reports: list[Kept], answer: Answer) -> bool:
        said: dict[str, Mapping[str, Any]] = {
            str(item.get("report_id")): item
            for item in answer.data["items"]
            if isinstance(item, dict)
        }
        gone, kept_back = set(), []
        for kept in reports:
            item = said.get(kept.report_id, {})
            status = item.get("status")
            if status in _WANTED:
                gone.add(kept.report_id)
            elif status in _NEVER:
                self._drop(kept.report_id, status, str(item.get("error")))
                gone.add(kept.report_id)
            else:
                kept_back.append((kept, item))
        if gone:
            self._settled(reports, gone)
        if not kept_back:
            return True
        kept, item = kept_back[0]
        status = item.get("status")
        return self._refused(
            kept, Answer(status if isinstance(status, int) else 502, item, answer.retry_after)
        )

    def _batch_refused(self, reports: list[Kept], answer: Answer) -> bool:
        if answer.status in (404, 405):
            self._one_by_one = True
            return True
        if answer.status in _NEVER:
            self._size = len(reports) // 2
            return True
        if answer.status == 500 and not answer.reason:
            # One of them may be what breaks it.
            self._size = max(1, len(reports) // 2)
        return self._refused(reports[0], answer)

    def _refused(self, kept: Kept, answer: Answer) -> bool:
        if answer.reason == "unknown_credential" and self._credential() != self._token is not None:
            # The key is given up only when its successor is here: a server that was set up anew
            # does not know it, but one that was reached by mistake does not either.
            self._enrol_again = True
            _log.warning("The server does not know this machine's key: enrolling again.")
            return True
        if 300 <= answer.status < 400:
            return self._later(
                f"The server redirects to {answer.location or 'another place'}: set "
                "INVENTORY_HUB_URL to where it answers itself.", PATIENCE
            )  # fmt: skip
        if answer.status in (401, 403):
            self._enrol_again = False
            advice = _ADVICE.get(answer.reason, "see the server's log")
            return self._later(f"{_said(answer)}: {advice}.", PATIENCE)
        if answer.status in (404, 405, 415) or answer.status in _WANTED:
            return self._later(
                f"{_said(answer)}: no Inventory Hub or TatuScan server is there. "
                "Check INVENTORY_HUB_URL.", PATIENCE
            )  # fmt: skip
        if answer.status == 500 and not answer.reason:
            report_id, tries = self._broken
            self._broken = (kept.report_id, tries + 1 if report_id == kept.report_id else 1)
            if self._broken[1] >= TRIES:
                self._drop(kept.report_id, 500, answer.error)
                return self._settled([kept], {kept.report_id})
        return self._later(f"{_said(answer)}.", asked=answer.retry_after)

    def _later(self, sentence: str, patience: float = 0.0, asked: float | None = None) -> bool:
        self._failures += 1
        # Full jitter: machines that failed together do not come back together.
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 10))
        pause = self._jitter(0.0, longest)
        if patience:
            pause = self._jitter(patience / 2, patience)
        elif asked is not None:
            asked = min(asked, LONGEST_ASKED)
            pause = asked + self._jitter(0.0, max(asked, 1.0))
        self.not_before = self._clock() + pause
        _log.warning(
            "Not delivered: %s %d wait; next try in %.0f s.", sentence, len(self._spool), pause
        )
        return False

    def _drop(self, report_id: str, status: Any, error: str) -> None:
        _log.error(
            "The server will never take report %s (%s %s): dropped.", report_id, status, error
        )


def _said(answer: Answer) -> str:
    words = " ".join(part for part in (answer.reason, answer.error.rstrip(".")) if part)
    return f"The server answered {answer.status}" + (f" ({words})" if words else "")


__all__ = ["Courier", "Stopped"]
