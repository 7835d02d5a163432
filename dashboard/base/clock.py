"""The clock that is handed to whatever needs to know what time it is."""

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo

Clock = Callable[[], datetime]
"""Answers the present instant, with its zone."""


def system_clock() -> datetime:
    """The machine's own clock."""
    return datetime.now(UTC)


def business_day(clock: Clock, zone: tzinfo) -> date:
    """The calendar date in `zone` now."""
    return clock().astimezone(zone).date()
