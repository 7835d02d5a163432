"""How long we bear with a vendor: pauses between tries, and when to give up."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TRIES = 5
"""Of one exchange."""
FAILING_SECONDS = 110.0
"""Time without a usable answer after which the run ends: 120 s with the work around it."""
LONGEST_PAUSE = 60.0
LONGEST_ASKED_PAUSE = 90.0
"""A longer Retry-After is cut to this: one more try must fit in."""


class Patience:
    """One run's patience with one vendor. Each usable answer restores it."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[float, float], float]) -> None:
        """
        Args:
            clock: seconds that never go back.
            jitter: a random number between two.
        """
        self._clock = clock
        self._jitter = jitter
        self._failing_since: float | None = None

    def begin(self) -> None:
        """An exchange begins. Time between exchanges is ours, not the vendor's."""
        if self._failing_since is None:
            self._failing_since = self._clock()

    def restore(self) -> None:
        """The vendor gave a usable answer."""
        self._failing_since = None

    def failing(self) -> float:
        """Seconds since the vendor began to fail."""
        return 0.0 if self._failing_since is None else self._clock() - self._failing_since

    def left(self) -> float:
        """Seconds until we give up; negative when overdue."""
        return FAILING_SECONDS - self.failing()

    def pause(self, attempt: int, headers: Mapping[str, str] | None) -> float:
        """Seconds to wait after the try number `attempt`, whose answer had `headers`."""
        asked = asked_pause(headers) if headers is not None else None
        if asked is not None and asked > 0:
            return min(asked, LONGEST_ASKED_PAUSE)
        # Full jitter: clients that failed together do not come back together.
        return self._jitter(0.0, min(LONGEST_PAUSE, 2.0 ** (attempt - 1)))


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, given as seconds or as a date; None when it does not."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
        # The vendor's own clock, when it shows it, is the one its date was read from.
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return (until - now).total_seconds()
    except (ValueError, TypeError):
        return None
