"""Who sends a request: another program with a token, a person who is signed in, or, with AUTH=none,
whoever is at this machine."""

from collections.abc import Callable

from sqlalchemy import Engine

from dashboard.base.access import LOCAL, STRANGER, Actor
from dashboard.base.clock import Clock
from dashboard.web.bearer import Bearer
from dashboard.web.sign_in import session_actor
from db.settings import Settings
from db.tokens import Peppers


def identifier(engine: Engine, clock: Clock, settings: Settings) -> Callable[[], Actor]:
    """The function that tells who sends the current request, by the setting AUTH."""
    bearer = Bearer(engine, clock, Peppers.from_settings(settings))

    def identify() -> Actor:
        presented = bearer()
        if presented is not None:
            return presented
        return LOCAL if settings.auth == "none" else session_actor() or STRANGER

    return identify
