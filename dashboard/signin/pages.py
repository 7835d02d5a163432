"""What every page of signing in is made with, and the entries of the audit log about it."""

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, make_response, render_template, request
from flask_babel import get_locale
from sqlalchemy import Connection

from dashboard.web.context import Context
from dashboard.web.cross_site import FIELD, csrf_token
from dashboard.web.own_files import asset_address, own_files
from db import audit

REFUSED = "sign_in_refused"


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A page of `templates/signin`; `error` stands above its content."""
    text = render_template(
        f"signin/{template}.html", csrf_field=FIELD, csrf_token=csrf_token(),
        get_locale=get_locale, files=own_files(current_app), asset_address=asset_address, **values,
    )  # fmt: skip
    return make_response(text, status)


def refused_page(error: str) -> Response:
    """That the proxy's word does not let this person in."""
    return page("refused", 401, error=error)


def note_refusal(context: Context, name: str, reason: str) -> None:
    """Write into the audit log that somebody was not let in as `name`."""
    with context.writing(own_sites=True) as connection:
        note(context, connection, name, REFUSED, {"reason": reason})


def note(
    context: Context, connection: Connection, name: str, action: str,
    detail: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write into the audit log what the person of that name did, or was refused."""
    shown = " ".join(name.split()) or "?"
    actor = "stranger" if action == REFUSED else shown
    about = {"address": request.remote_addr or "", **(detail or {})}
    audit.write_entry(connection, actor, action, f"user {shown}", context.clock(), about)
