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
Waiting = tuple[Entry, Callable[[Outcome | Exception], None]]
"""An entry, and who is to be told its outcome."""

MOST_WAITING = 5_000
MOST_TOGETHER = 500
WAIT_SECONDS = 20.0


class _Waiter(Generic[Outcome]):
    """A thread that waits for its outcome."""

    __slots__ = ("done", "outcome")

    def __init__(self) -> None:
        self.outcome: Outcome | Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def __call__(self, outcome: Outcome | Exception) -> None:
        self.outcome = outcome
        self.done.release()


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
        self._waiting: deque[Waiting[Entry, Outcome]] = deque()
        self._came = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, entry: Entry) -> Outcome:
        """Store `entry`; answers after the commit.

        Raises:
            Refusal: too much waits already, or the database did not take it.
        """
        waiter: _Waiter[Outcome] = _Waiter()
        self.add([(entry, waiter)])
        if not waiter.done.acquire(timeout=WAIT_SECONDS):
            raise busy()
        if isinstance(waiter.outcome, Exception):
            raise waiter.outcome
        assert waiter.outcome is not None
        return waiter.outcome

    def add(self, come: Sequence[Waiting[Entry, Outcome]]) -> None:
        """Have entries stored. Each is told its outcome after the commit, in the thread that
        stores, which it must not keep; those for which there is no room, that it is busy, at once.
        """
        with self._came:
            room = max(0, self._most - len(self._waiting))
            self._waiting.extend(come[:room])
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
                self._thread.start()
            self._came.notify()
        for _, tell in come[room:]:
            tell(busy())

    def _run(self) -> None:
        while True:
            with self._came:
                while not self._waiting:
                    self._came.wait()
                together = [
                    self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))
                ]
            self._flush(together)

    def _flush(self, together: list[Waiting[Entry, Outcome]], *, again: bool = False) -> None:
        outcomes: Sequence[Outcome | Exception]
        try:
            outcomes = self._store([entry for entry, _ in together])
        except Exception as error:
            # Whoever waits must be answered, and the next reports be stored.
            if not again and not _is_down(error):
                # Another process stored one of these first, or one of them cannot be stored: alone
                # each finds its row, or fails without the others.
                for one in together:
                    self._flush([one], again=True)
                return
            log.exception("%d reports not stored", len(together))
            told = unavailable() if isinstance(error, SQLAlchemyError) else error
            outcomes = [told for _ in together]
        for (_, tell), outcome in zip(together, outcomes, strict=True):
            tell(outcome)


def _is_down(error: Exception) -> bool:
    """Whether the database answers nobody: asking it for each report alone would help none."""
    return isinstance(error, OperationalError | InterfaceError) and not is_conflict(error)
