"""Texts for the terminal."""

from datetime import datetime

from db.settings import active_settings


def printable(text: object) -> str:
    """`text` without control characters: a machine's name could overwrite other lines with them."""
    return "".join(character if character.isprintable() else "\ufffd" for character in str(text))


def minute(moment: datetime) -> str:
    """`moment` in TIMEZONE, to the minute."""
    return f"{moment.astimezone(active_settings().timezone):%Y-%m-%d %H:%M}"
