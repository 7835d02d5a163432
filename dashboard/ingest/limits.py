"""How often: so many in the minute that begins with the first."""

import threading
import time
from collections.abc import Callable, Hashable

WINDOW = 60.0
_TIDY_FROM = 50_000


class Limit:
    """At most `most` in a minute for each key. In this process; nothing is stored."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._windows: dict[Hashable, list[float]] = {}
        self._tidy_at = _TIDY_FROM
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> int | None:
        """Count one for `key`; None when it is within the limit, else the seconds to wait."""
        now = self._clock()
        with self._lock:
            window = self._windows.get(key)
            if window is None or now - window[0] >= WINDOW:
                self._windows[key] = [now, 1]
                self._tidy(now)
                return None
            window[1] += 1
            return None if window[1] <= self.most else int(WINDOW - (now - window[0])) + 1

    def _tidy(self, now: float) -> None:
        if len(self._windows) < self._tidy_at:
            return
        self._windows = {key: one for key, one in self._windows.items() if now - one[0] < WINDOW}
        self._tidy_at = max(_TIDY_FROM, 2 * len(self._windows))
