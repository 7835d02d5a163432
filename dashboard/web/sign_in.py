"""Who is signed in: Flask-Login on sessions that the database keeps. The browser's cookie is signed
and holds a session's token; a session that was ended is unknown with the very next request."""

import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from flask import Flask, Request, Response, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.base.access import Actor, roles_up_to
from dashboard.base.clock import Clock
from db import sessions
from db.engine import reading, writing
from db.settings import Settings

log = logging.getLogger(__name__)
_COOKIE = "inventory_hub"
LANGUAGE_COOKIE = "inventory_hub_language"
"""Holds a language and nothing else: the page of signing in is read before anybody is known."""


# Flask-Login has no types: what derives from it, or is decorated by it, is unknown to mypy.
class SignedIn(UserMixin):  # type: ignore[misc]
    """A session as Flask-Login knows it."""

    def __init__(self, token: str, of: sessions.Session) -> None:
        self._token = token
        self.session = of

    def get_id(self) -> str:
        """What the cookie holds."""
        return self._token


class _Cookies(SecureCookieSessionInterface):
    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session in the cookie; notes when there is a cookie that we did not sign."""
        opened = super().open_session(app, request)
        # One of ours is never empty.
        if not opened and request.cookies.get(self.get_cookie_name(app)):
            g.refused_cookie = "not signed here"
        return opened


class _LoginManager(LoginManager):  # type: ignore[misc]
    def _update_remember_cookie(self, response: Response) -> Response:
        """Nothing: sessions of ours last by themselves. Looking for such a cookie would make every
        answer vary by its cookies, those to machines too."""
        return response


def attach_sign_in(server: Flask, engine: Engine, clock: Clock, settings: Settings) -> None:
    """Let `server` recognise who is signed in."""
    is_https = (settings.public_url or "").startswith("https://")
    server.config.update(
        # Nobody signs in with AUTH=none, so nobody misses a key that ends with the process.
        SECRET_KEY=settings.secret_key or secrets.token_hex(32),
        SECRET_KEY_FALLBACKS=[settings.secret_key_old] if settings.secret_key_old else None,
        # Browsers take a __Host- cookie only over TLS, and from no other host of the domain.
        SESSION_COOKIE_NAME=f"__Host-{_COOKIE}" if is_https else _COOKIE,
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        # Lax: a link in a mail opens the page that it names.
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=sessions.AT_MOST,
        SESSION_REFRESH_EACH_REQUEST=False,
    )
    server.session_interface = _Cookies()
    manager = _LoginManager()
    manager.session_protection = None
    # Templates ask for nobody: those of errors are made without a database, too.
    manager.init_app(server, add_context_processor=False)
    # A request does not wait for the writer of the database in order to note that it was here.
    background = ThreadPoolExecutor(1, "last-seen")

    @manager.user_loader  # type: ignore[untyped-decorator]
    def _load(token: str) -> SignedIn | None:
        now = clock()
        with reading(engine) as connection:
            found = sessions.find(connection, token, now)
        if found is None:
            g.refused_cookie = "session ended"
            return None
        of, is_due = found
        if is_due:
            background.submit(_note_seen, engine, of.session_id, now)
        return SignedIn(token, of)


def refused_cookie() -> str | None:
    """Why the cookie of this request counts for nothing; None if it does, or there is none."""
    reason: str | None = g.get("refused_cookie")
    return reason


def session_actor() -> Actor | None:
    """The person who is signed in; None for a stranger."""
    user = current_session()
    return None if user is None else Actor(user.name, roles_up_to(user.role), "session", user.sites)


def chosen_language() -> str | None:
    """The language that the person who is signed in chose, else the one that was last chosen in
    this browser."""
    if not request.cookies:
        # Whoever looks for a session makes the answer vary by cookies; machines send none.
        return None
    try:
        here = current_session()
    except SQLAlchemyError:
        here = None  # What says that the database cannot be read needs a language too.
    return (here.language if here else None) or request.cookies.get(LANGUAGE_COOKIE)


def current_session() -> sessions.Session | None:
    """The session of this request; None for a stranger."""
    user: Any = current_user
    return user.session if user.is_authenticated else None


def sign_in(engine: Engine, user_id: int, now: datetime, id_token: str | None = None) -> None:
    """Sign the person in, in a session that no browser knew before; `id_token` as in
    `sessions.start`."""
    session.clear()
    browser = request.user_agent.string
    with writing(engine) as connection:
        token = sessions.start(
            connection, user_id, request.remote_addr or "", browser, now, id_token
        )
        found = sessions.find(connection, token, now)
    assert found is not None, "it was started a moment ago"
    session.permanent = True
    login_user(SignedIn(token, found[0]))


def sign_out(engine: Engine) -> None:
    """End this session, here and in the browser."""
    here = current_session()
    if here is not None:
        with writing(engine) as connection:
            sessions.end(connection, here.user_id, here.session_id)
    logout_user()
    session.clear()


def _note_seen(engine: Engine, session_id: int, now: datetime) -> None:
    try:
        with writing(engine) as connection:
            sessions.note_seen(connection, session_id, now)
    except SQLAlchemyError as error:
        log.warning("the use of a session was not noted: %s", error)
