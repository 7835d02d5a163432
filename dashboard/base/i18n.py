"""The language of a request: every word a person reads goes through Flask-Babel.

English is the source; a folder `translations/<language>` makes another one available.
"""

from pathlib import Path

from flask import Flask, request
from flask_babel import Babel, gettext, ngettext

from dashboard.queries.moment import Notice

TRANSLATIONS = Path(__file__).parents[1] / "translations"


def languages() -> list[str]:
    """The languages there are."""
    return ["en", *sorted(path.parent.parent.name for path in TRANSLATIONS.glob("*/*/*.mo"))]


def speak(server: Flask) -> None:
    """Let `server` answer in the best language that a browser asks for."""
    Babel(
        server,
        default_translation_directories=str(TRANSLATIONS),
        locale_selector=lambda: request.accept_languages.best_match(languages(), "en"),
    )


def told(notice: Notice) -> str:
    """A notice in the reader's language, its dates as people write them."""
    from dashboard.base.formats import plain

    values = {name: plain(value) for name, value in notice.values.items()}
    return str(gettext(notice.text, **values) if values else gettext(notice.text))


__all__ = ["gettext", "languages", "ngettext", "speak", "told"]
