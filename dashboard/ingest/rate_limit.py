"""Rate limits: a fixed window, by default of a minute, that begins with the first event."""

import threading
import time
from collections.abc import Callable, Hashable

WINDOW_SECONDS = 60.0
_PRUNE_FROM = 50_000


class RateLimit:
    """At most `limit` events in `seconds` for each key, counted in this process's memory."""

    def __init__(
        self, limit: int, clock: Callable[[], float] = time.monotonic,
        seconds: float = WINDOW_SECONDS,
    ) -> None:  # fmt: skip
        self.limit = limit
        self._seconds = seconds
        self._clock = clock
        self._windows: dict[Hashable, list[float]] = {}
        self._prune_at = _PRUNE_FROM
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> int | None:
        """Count an event for `key`; None within the limit, else the seconds to wait."""
        now = self._clock()
        with self._lock:
            window = self._windows.get(key)
            if window is None or now - window[0] >= self._seconds:
                self._windows[key] = [now, 1]
                self._prune(now)
                return None
            window[1] += 1
            return None if window[1] <= self.limit else int(self._seconds - (now - window[0])) + 1

    def seconds_left(self, key: Hashable) -> int | None:
        """The seconds to wait when one more event would be too much; None within the limit."""
        now = self._clock()
        with self._lock:
            began, count = self._windows.get(key, (now, 0))
            left = self._seconds - (now - began)
            return int(left) + 1 if count >= self.limit and left > 0 else None

    def _prune(self, now: float) -> None:
        if len(self._windows) < self._prune_at:
            return
        self._windows = {
            key: window for key, window in self._windows.items() if now - window[0] < self._seconds
        }
        self._prune_at = max(_PRUNE_FROM, 2 * len(self._windows))
