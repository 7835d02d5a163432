"""The language of a request: every word a person reads goes through Flask-Babel.

English is the source; a folder `translations/<language>` makes another one available.
"""

from datetime import tzinfo
from pathlib import Path

from flask import Flask, request
from flask_babel import Babel, gettext

from dashboard.base.formats import plain
from dashboard.base.notice import Notice

TRANSLATIONS = Path(__file__).parents[1] / "translations"


def languages() -> list[str]:
    """The languages that there is a catalogue for, English first."""
    return ["en", *sorted(path.parent.parent.name for path in TRANSLATIONS.glob("*/*/*.mo"))]


def init_babel(server: Flask, zone: tzinfo) -> None:
    """Answer each request in the best language that it accepts, with instants in `zone`."""
    Babel(
        server,
        default_translation_directories=str(TRANSLATIONS),
        locale_selector=lambda: request.accept_languages.best_match(languages(), "en"),
        timezone_selector=lambda: zone,
    )


def translate(text: str) -> str:
    """A text that was marked for the catalogue, in the reader's language."""
    return str(gettext(text))


def translate_notice(notice: Notice) -> str:
    """A notice in the reader's language, its dates and numbers as people write them."""
    values = {name: plain(value) for name, value in notice.values.items()}
    return str(gettext(notice.text, **values) if values else gettext(notice.text))
