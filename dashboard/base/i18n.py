"""The language of a request: every word a person reads goes through Flask-Babel.

English is the source; a folder `translations/<language>` makes another one available.
"""

from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from babel import Locale
from flask import Flask, request
from flask_babel import Babel, gettext

from dashboard.base.formats import plain
from dashboard.base.notice import Notice
from db.translatable import TranslatableError

TRANSLATIONS = Path(__file__).parents[1] / "translations"


def languages() -> list[str]:
    """The languages that there is a catalogue for, English first."""
    return ["en", *sorted(path.parent.parent.name for path in TRANSLATIONS.glob("*/*/*.mo"))]


def language_names() -> dict[str, str]:
    """What each of the languages is called in itself: Português."""
    return {each: (Locale.parse(each).get_display_name() or each).title() for each in languages()}


def init_babel(
    server: Flask, zone: tzinfo, chosen: Callable[[], str | None] = lambda: None
) -> None:
    """Answer each request in the language that its reader chose, else in the best one that it
    accepts, with instants in `zone`.

    Args:
        chosen: the language that the reader of the current request chose.
    """

    def language() -> str | None:
        wanted, known = chosen(), languages()
        return wanted if wanted in known else request.accept_languages.best_match(known, "en")

    Babel(
        server,
        default_translation_directories=str(TRANSLATIONS),
        locale_selector=language,
        timezone_selector=lambda: zone,
    )


def translate(text: str) -> str:
    """A text that was marked for the catalogue, in the reader's language."""
    return str(gettext(text))


def translate_error(error: TranslatableError) -> str:
    """What an error says, in the reader's language."""
    return str(gettext(error.text, **error.values) if error.values else gettext(error.text))


def translate_notice(notice: Notice) -> str:
    """A notice in the reader's language, its dates and numbers as people write them."""
    values = {name: plain(value) for name, value in notice.values.items()}
    return str(gettext(notice.text, **values) if values else gettext(notice.text))
