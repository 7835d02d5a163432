"""What the page of tokens asks for: a token is made, or revoked."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.i18n import translate_error
from dashboard.components.kit.once import shown_once
from dashboard.views.settings import plain_ids
from dashboard.web.context import current, current_actor, own_address, sender_address
from db import tokens


def make_token(form: Mapping[str, Any]) -> dict[str, Any]:
    """Make the token that the form says: what is shown of it once, or why not."""
    here, now = current(), current().clock()
    about = {"address": sender_address()}
    try:
        spec = _spec(form, here.zone)
        with here.writing() as connection:
            text = tokens.add(connection, spec, current_actor().name, now, here.peppers, about)
    except tokens.TokenError as error:
        return {"once": None, "wrong": translate_error(error)}
    changed = f"{text[:24]} {now}"
    return {"once": _once(spec.kind, text), "wrong": None, "changed": changed, "name": ""}


def revoke_token(public_id: str, typed: str) -> dict[str, Any]:
    """Revoke a token if its name was typed: the dialog closes, or says why not."""
    here, about = current(), {"address": sender_address()}
    with here.writing() as connection:
        row = tokens.rows_by_public_id(connection, [public_id]).get(public_id)
        if row is None or _as_compared(typed) != _as_compared(row.name):
            return {"is_open": True, "wrong": _("Type the name of the token to confirm.")}
        tokens.revoke(connection, public_id, current_actor().name, here.clock(), about)
    return {"is_open": False, "wrong": None, "changed": f"{public_id} {here.clock()}"}


def _spec(form: Mapping[str, Any], zone: tzinfo) -> tokens.TokenSpec:
    """The token that the form says.

    Raises:
        TokenError: it may do nothing, or its last day is none.
    """
    ends = _end_of_day(form["expires"], zone) if form["expires"] else None
    name, networks = form["name"] or "", (form["addresses"] or "").replace(",", " ").split()
    if form["kind"] != tokens.API:
        return tokens.TokenSpec(
            form["kind"], name, form["site"] or None, addresses=tuple(networks), expires_at=ends
        )
    if not form["scopes"]:
        raise tokens.TokenError("A token that may do nothing is of no use: tick what it may.")
    return tokens.TokenSpec(
        tokens.API, name, None, tuple(form["scopes"]), form["role"],
        plain_ids(form["sites"]) or None, tuple(networks), ends,
    )  # fmt: skip


def _end_of_day(text: str, zone: tzinfo) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time.min, zone)
    except (ValueError, OverflowError) as error:
        raise tokens.TokenError(
            "%(text)s is no day: choose the last day in the calendar, or leave it empty.",
            text=text[:40],
        ) from error


def _once(kind: str, text: str) -> Component:
    use = (
        _("Send it as the header Authorization: Bearer. It is not shown again.")
        if kind == tokens.API
        else _("Give it to the agent as INVENTORY_HUB_TOKEN, with INVENTORY_HUB_URL=%(url)s. "
               "It is not shown again.", url=own_address())
    )  # fmt: skip
    return shown_once(_("The new token"), text, use)


def _as_compared(name: str) -> str:
    return " ".join(name.split()).casefold()
