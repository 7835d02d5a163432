"""Refuses what other sites make a browser send: each request that changes something comes from a
page of ours, and repeats the secret that only this page knows."""

import hmac
import secrets
from urllib.parse import urlsplit

from flask import Flask, g, request, session
from werkzeug.exceptions import Forbidden

from dashboard.base.access import required_role
from db.roles import MACHINE

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def csrf_token() -> str:
    """The secret of this browser's session; made when there is none."""
    if FIELD not in session:
        session[FIELD] = secrets.token_urlsafe(32)
    token: str = session[FIELD]
    return token


def repeats_token() -> bool:
    """Whether the request repeats the secret of its session, in a form or in a header."""
    expected = session.get(FIELD, "")
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode())


def refuse_cross_site(server: Flask, public_url: str | None) -> None:
    """Refuse requests with which another site changes something in a person's name.

    Args:
        public_url: an origin that pages of ours have beside the host that a request names.
    """
    own = urlsplit(public_url).netloc if public_url else None

    @server.before_request
    def _check() -> None:
        if request.method in _SAFE_METHODS or request.url_rule is None or g.actor.by == "token":
            return
        if required_role(request.url_rule.rule, request.method) == MACHINE:
            return
        from_site = request.headers.get("Sec-Fetch-Site", "same-origin")
        origin = request.headers.get("Origin")
        # "null" is the origin of what has none, such as a page in a sandbox.
        is_own = origin is None or (origin != "null" and _host(origin) in (request.host, own))
        if from_site not in ("same-origin", "none") or not is_own:
            raise Forbidden("Another site sent this request. Open the dashboard and try again.")
        if g.actor.is_person and not repeats_token():
            raise Forbidden("This page was opened before you signed in. Reload it and try again.")


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
