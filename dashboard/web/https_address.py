"""Sends browsers that open pages by plain HTTP to the https address: nobody can sign in by plain
HTTP, as browsers keep the session's cookie for https alone."""

from flask import Flask, g, redirect, request
from werkzeug.wrappers import Response

from dashboard.base.access import SIGN_IN, STRANGER, answers_json, required_role
from db.roles import MACHINE, PUBLIC


def send_to_https(server: Flask, public_url: str) -> None:
    """Answer pages that are opened by plain HTTP with their address at `public_url`."""

    @server.before_request
    def _send() -> Response | None:
        if request.method not in ("GET", "HEAD") or not _is_page() or not _is_plain_http():
            return None
        g.actor = STRANGER
        return redirect(public_url.rstrip("/") + request.full_path.rstrip("?"), 303)


def _is_page() -> bool:
    if request.url_rule is None or answers_json(request.path):
        return False
    rule = request.url_rule.rule
    if required_role(rule, request.method) in (PUBLIC, MACHINE):
        return rule.startswith((SIGN_IN, "/invite"))
    return "Authorization" not in request.headers  # Programs read /report and /charts.


def _is_plain_http() -> bool:
    """Whether a browser sent this without TLS, as far as can be told: a proxy that says nothing of
    the scheme would be sent round in a circle."""
    # Browsers say this to addresses that they trust, those with https and their own machine.
    if request.scheme == "https" or "Sec-Fetch-Site" in request.headers:
        return False
    said = request.headers.get("X-Forwarded-Proto", "").split(",")[-1].strip()
    return said == "http" if said else "X-Forwarded-For" not in request.headers
