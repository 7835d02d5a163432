"""What machines call themselves, as a terminal may be shown it."""

from datetime import datetime

from db.settings import timezone


def printable(text: object) -> str:
    """`text` without the control characters by which a name could write over other lines."""
    return "".join(one if one.isprintable() else "\ufffd" for one in str(text))


def minute(moment: datetime) -> str:
    """`moment` in TIMEZONE, to the minute."""
    return f"{moment.astimezone(timezone()):%Y-%m-%d %H:%M}"
