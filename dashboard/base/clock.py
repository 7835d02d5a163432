"""The clock that is handed to whatever needs to know what time it is."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present instant, with its zone."""


def system_clock() -> datetime:
    """The machine's own clock."""
    return datetime.now(UTC)
