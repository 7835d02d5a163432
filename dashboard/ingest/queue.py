"""Group commit: what comes while a transaction runs is stored together in the next one."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from dashboard.ingest.refusal import busy, unavailable
from db.engine import is_conflict

log = logging.getLogger(__name__)

Entry = TypeVar("Entry")
Outcome = TypeVar("Outcome")

MOST_WAITING = 5_000
MOST_TOGETHER = 500
WAIT_SECONDS = 20.0


class _Waiter(Generic[Entry, Outcome]):
    __slots__ = ("done", "entry", "outcome")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.outcome: Outcome | Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()


class Queue(Generic[Entry, Outcome]):
    """Hands entries to `store` in transactions of many, and each caller its own outcome.

    `store` writes all entries in one committed transaction and answers an outcome for each, in
    order; an exception among them is raised to that caller alone.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Entry]], Sequence[Outcome | Exception]],
        most: int = MOST_WAITING,
    ) -> None:
        self._store = store
        self._most = most
        self._waiting: deque[_Waiter[Entry, Outcome]] = deque()
        self._came = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, entry: Entry) -> Outcome:
        """Store `entry`; answers after the commit.

        Raises:
            Refusal: too much waits already, or the database did not take it.
        """
        waiter: _Waiter[Entry, Outcome] = _Waiter(entry)
        with self._came:
            if len(self._waiting) >= self._most:
                raise busy()
            self._waiting.append(waiter)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
                self._thread.start()
            self._came.notify()
        if not waiter.done.acquire(timeout=WAIT_SECONDS):
            raise busy()
        if isinstance(waiter.outcome, Exception):
            raise waiter.outcome
        assert waiter.outcome is not None
        return waiter.outcome

    def _run(self) -> None:
        while True:
            with self._came:
                while not self._waiting:
                    self._came.wait()
                together = [
                    self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))
                ]
            self._flush(together)

    def _flush(self, together: list[_Waiter[Entry, Outcome]], *, again: bool = False) -> None:
        outcomes: Sequence[Outcome | Exception]
        try:
            outcomes = self._store([waiter.entry for waiter in together])
        except Exception as error:
            # Whoever waits must be answered, and the next reports be stored.
            if not again and not _is_down(error):
                # Another process stored one of these first, or one of them cannot be stored: alone
                # each finds its row, or fails without the others.
                for waiter in together:
                    self._flush([waiter], again=True)
                return
            log.exception("%d reports not stored", len(together))
            told = unavailable() if isinstance(error, SQLAlchemyError) else error
            outcomes = [told for _ in together]
        for waiter, outcome in zip(together, outcomes, strict=True):
            waiter.outcome = outcome
            waiter.done.release()


def _is_down(error: Exception) -> bool:
    """Whether the database answers nobody: asking it for each report alone would help none."""
    return isinstance(error, OperationalError | InterfaceError) and not is_conflict(error)
