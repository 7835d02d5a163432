"""Group commit: entries that arrive while a transaction runs are stored together in the next."""

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
Pending = tuple[Entry, Callable[[Outcome | Exception], None]]
"""An entry and the callback for its outcome."""

MAX_PENDING = 5_000
MAX_PER_COMMIT = 500
WAIT_SECONDS = 20.0


class _BlockingCallback(Generic[Outcome]):
    """Lets a thread wait for an outcome."""

    __slots__ = ("done", "outcome")

    def __init__(self) -> None:
        self.outcome: Outcome | Exception | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def __call__(self, outcome: Outcome | Exception) -> None:
        self.outcome = outcome
        self.done.release()


class CommitQueue(Generic[Entry, Outcome]):
    """Commits entries in groups, on a thread of its own.

    `store` writes all entries it is given in one committed transaction and returns an outcome for
    each, in order; an exception among them concerns that entry alone.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Entry]], Sequence[Outcome | Exception]],
        max_pending: int = MAX_PENDING,
    ) -> None:
        self._store = store
        self._max_pending = max_pending
        self._pending: deque[Pending[Entry, Outcome]] = deque()
        self._arrived = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._pending)

    def commit(self, entry: Entry) -> Outcome:
        """Store `entry`; returns after the commit.

        Raises:
            Refusal: 503; too much is pending, or the database failed.
        """
        callback: _BlockingCallback[Outcome] = _BlockingCallback()
        self.submit([(entry, callback)])
        if not callback.done.acquire(timeout=WAIT_SECONDS):
            raise busy()
        if isinstance(callback.outcome, Exception):
            raise callback.outcome
        assert callback.outcome is not None
        return callback.outcome

    def submit(self, entries: Sequence[Pending[Entry, Outcome]]) -> None:
        """Have entries stored. Each callback is called after the commit in the committing thread,
        which it must not block; those for which there is no room get `busy` at once.
        """
        with self._arrived:
            room = max(0, self._max_pending - len(self._pending))
            self._pending.extend(entries[:room])
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
                self._thread.start()
            self._arrived.notify()
        for _, callback in entries[room:]:
            callback(busy())

    def _run(self) -> None:
        while True:
            with self._arrived:
                while not self._pending:
                    self._arrived.wait()
                group = [
                    self._pending.popleft() for _ in range(min(len(self._pending), MAX_PER_COMMIT))
                ]
            self._commit(group)

    def _commit(self, group: list[Pending[Entry, Outcome]], *, is_retry: bool = False) -> None:
        outcomes: Sequence[Outcome | Exception]
        try:
            outcomes = self._store([entry for entry, _ in group])
        except Exception as error:
            # Every caller must get an outcome, and later entries must still be stored.
            if not is_retry and not _is_down(error):
                # Another process stored one of these machines first, or one entry cannot be stored:
                # alone, each finds its row, or fails without the others.
                for pending in group:
                    self._commit([pending], is_retry=True)
                return
            log.exception("%d reports not stored", len(group))
            failure = unavailable() if isinstance(error, SQLAlchemyError) else error
            outcomes = [failure for _ in group]
        for (_, callback), outcome in zip(group, outcomes, strict=True):
            callback(outcome)


def _is_down(error: Exception) -> bool:
    """Whether the database is unreachable, so that a retry entry by entry cannot help."""
    return isinstance(error, OperationalError | InterfaceError) and not is_conflict(error)
