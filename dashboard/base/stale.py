"""Which devices are stale: the one limit of how long ago a device may have been in contact."""

from datetime import datetime, timedelta

STALE_AFTER = timedelta(days=30)
"""As long as a machine of the agent is present without a report, unless AGENT_PRESENT_DAYS says
otherwise."""


def is_stale(last_contact: datetime | None, now: datetime) -> bool:
    """Whether the last contact is too long ago; of an unknown one nothing is said."""
    return last_contact is not None and now - last_contact > STALE_AFTER
