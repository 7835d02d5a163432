"""Who sends a request: another program with a token, a person who is signed in or whom a proxy
names, or, with AUTH=none, whoever is at this machine."""

from collections.abc import Callable

from flask import request
from sqlalchemy import Engine
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response

from dashboard.base.access import LOCAL, STRANGER, Actor, answers_json
from dashboard.base.clock import Clock
from dashboard.web.bearer import Bearer
from dashboard.web.proxy_sign_in import ProxySignIn, Refused
from dashboard.web.refusals import Refusals
from dashboard.web.sign_in import refused_cookie, session_actor
from db.settings import Settings
from db.tokens import Peppers

Identify = Callable[[], Actor]


def identifier(
    engine: Engine, clock: Clock, settings: Settings, refused: Callable[[str], Response]
) -> Identify:
    """The function that tells who sends the current request, by the setting AUTH.

    Args:
        refused: the page that says why the proxy's word lets nobody in.
    """
    bearer = Bearer(engine, clock, Peppers.from_settings(settings))
    person = _of_proxy(engine, clock, settings, refused)
    if settings.auth != "proxy":
        person = _of_session(engine, clock)

    def identify() -> Actor:
        presented = bearer()
        if presented is not None:
            return presented
        return LOCAL if settings.auth == "none" else person()

    return identify


def _of_session(engine: Engine, clock: Clock) -> Identify:
    refusals = Refusals(engine, clock)

    def identify() -> Actor:
        actor = session_actor()
        if actor is None and (reason := refused_cookie()) is not None:
            refusals.note("session_refused", "a cookie", reason)
        return actor or STRANGER

    return identify


def _of_proxy(
    engine: Engine, clock: Clock, settings: Settings, refused: Callable[[str], Response]
) -> Identify:
    proxied = ProxySignIn(engine, clock, settings)

    def identify() -> Actor:
        try:
            return proxied()
        except Refused as error:
            page = None if answers_json(request.path) else refused(str(error))
            raise Unauthorized(str(error), response=page) from error

    return identify
