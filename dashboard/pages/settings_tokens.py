"""Which programs and machines have a credential, and what may they do?"""

from datetime import date, datetime, time, timedelta
from typing import Any

import dash
from dash import Input, Output, State, callback, ctx, html, no_update
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.settings_params import TOKENS
from dashboard.components.kit.fields import VALUE
from dashboard.components.kit.once import shown_once
from dashboard.components.settings.frame import frame
from dashboard.components.settings.tokens import (
    Ids,
    add_form,
    revoke_dialog,
    stores,
    token_card,
)
from dashboard.queries.people.token_list import token_list, valid_machine_keys
from dashboard.queries.sites.site_table import site_options
from dashboard.views import settings as settings_views
from dashboard.views.list_page import in_browser
from dashboard.views.settings import plain_ids, require_administrator
from dashboard.web.context import current, current_actor, own_address, sender_address
from db import tokens
from db.roles import ADMINISTRATOR

dash.register_page(
    __name__,
    path=TOKENS,
    name="Tokens",
    order=9.22,
    tab=mark("Tokens"),
    role=ADMINISTRATOR,
    doing=mark("Managing tokens"),
)


def layout(**_query: str) -> html.Div:
    """The form and the places of the rest."""
    with current().reading() as connection:
        head = frame(TOKENS, settings_views.count(connection), [])
        sites = site_options(connection)
    parts = [add_form(sites), html.Div(id=Ids.LIST), revoke_dialog(), *stores()]
    return html.Div([html.Div(head, id=Ids.HEAD), *parts], className="settings")


@callback(Output(Ids.LIST, "children"), Input(Ids.CHANGED, "data"))
def show(_changed: object) -> Any:
    """Every token."""
    require_administrator(_("Managing tokens"))
    here = current()
    with here.reading() as connection:
        listed = token_list(connection, here.clock(), here.peppers)
        keys = valid_machine_keys(connection)
    return token_card(listed, keys, here.zone)


@callback(
    Output(Ids.ONCE, "children"),
    Output(Ids.WRONG, "children"),
    Output(Ids.CHANGED, "data", allow_duplicate=True),
    Output(Ids.NAME, "value"),
    Input(Ids.ADD, "n_clicks"),
    State(Ids.KIND, "value"),
    State(Ids.NAME, "value"),
    State(Ids.ROLE, "value"),
    State(Ids.SCOPES, "value"),
    State(Ids.SITES, VALUE),
    State(Ids.SITE, "value"),
    State(Ids.EXPIRES, "value"),
    State(Ids.ADDRESSES, "value"),
    prevent_initial_call=True,
)
def add(
    clicks: int | None, kind: str, name: str | None, role: str | None, scopes: list[str] | None,
    sites: str | None, site: str | None, expires: str | None, addresses: str | None,
) -> Any:  # fmt: skip
    """Make a token, and show it once."""
    if not clicks:
        return (no_update,) * 4
    require_administrator(_("Managing tokens"))
    here, now = current(), current().clock()
    try:
        ends = None
        if expires:
            after = date.fromisoformat(expires) + timedelta(days=1)
            ends = datetime.combine(after, time.min, here.zone)
        is_program, networks = kind == tokens.API, (addresses or "").replace(",", " ").split()
        if is_program and not scopes:
            raise tokens.TokenError(
                _("A token that may do nothing is of no use: tick what it may.")
            )
        spec = tokens.TokenSpec(
            kind, name or "", None if is_program else (site or None),
            tuple(scopes or ()) if is_program else (), role if is_program else None,
            plain_ids(sites) or None if is_program else None, tuple(networks), ends,
        )  # fmt: skip
        about = {"address": sender_address()}
        with here.writing() as connection:
            text = tokens.add(connection, spec, current_actor().name, now, here.peppers, about)
    except (tokens.TokenError, ValueError, OverflowError) as error:
        return None, str(error), no_update, no_update
    use = (
        _("Send it as the header Authorization: Bearer. It is not shown again.")
        if is_program
        else _("Give it to the agent as INVENTORY_HUB_TOKEN, with INVENTORY_HUB_URL=%(url)s. "
               "It is not shown again.", url=own_address())
    )  # fmt: skip
    return shown_once(_("The new token"), text, use), None, f"{text[:24]} {now}", ""


@callback(
    Output(Ids.REVOKING, "is_open"),
    Output(Ids.TITLE, "children"),
    Output(Ids.ABOUT, "children"),
    Output(Ids.TYPED_NAME, "children"),
    Output(Ids.TYPING, "data"),
    Output(Ids.TYPED, "value"),
    Output(Ids.REVOKE_WRONG, "children", allow_duplicate=True),
    Input(Ids.ACT, "data"),
    prevent_initial_call=True,
)
def open_dialog(act: dict[str, Any] | None) -> Any:
    """Open the dialog about the token of a row."""
    if not act:
        return (no_update,) * 7
    require_administrator(_("Managing tokens"))
    here = current()
    with here.reading() as connection:
        listed = token_list(connection, here.clock(), here.peppers)
    found = [each for each in listed if each.public_id == act.get("public_id")]
    if not found:
        return (no_update,) * 7
    name = found[0].name
    about = (
        _("No more machines are let in with it; those that it let in keep their own keys. "
          "It cannot be undone.")
        if found[0].kind == tokens.ENROL
        else _("The program that uses it is refused from now on. It cannot be undone.")
    )  # fmt: skip
    title = _("Revoke the token %(name)s?", name=name)
    return True, title, about, _("Type %(name)s to confirm", name=name), {"typed": name}, "", None


@callback(
    Output(Ids.REVOKING, "is_open", allow_duplicate=True),
    Output(Ids.REVOKE_WRONG, "children"),
    Output(Ids.CHANGED, "data"),
    Input(Ids.REVOKE, "n_clicks"),
    Input(Ids.CANCEL, "n_clicks"),
    State(Ids.ACT, "data"),
    State(Ids.TYPED, "value"),
    prevent_initial_call=True,
)
def revoke(clicks: int | None, cancels: int | None, act: dict[str, Any], typed: str | None) -> Any:
    """Revoke the token whose name was typed."""
    if not act or not (clicks or cancels):
        return (no_update,) * 3
    if ctx.triggered_id == Ids.CANCEL:
        return False, None, no_update
    require_administrator(_("Managing tokens"))
    here, public_id = current(), str(act.get("public_id"))
    with here.writing() as connection:
        row = tokens.rows_by_public_id(connection, [public_id]).get(public_id)
        wanted = " ".join(row.name.split()).casefold() if row is not None else None
        if wanted is None or " ".join((typed or "").split()).casefold() != wanted:
            return True, _("Type the name of the token to confirm."), no_update
        about = {"address": sender_address()}
        tokens.revoke(connection, public_id, current_actor().name, here.clock(), about)
    return False, None, f"{public_id} {clicks}"


in_browser(
    "settings.token_parts",
    Output(Ids.OF_PROGRAMS, "hidden"),
    Output(Ids.OF_MACHINES, "hidden"),
    Input(Ids.KIND, "value"),
)
in_browser(
    "settings.is_untyped",
    Output(Ids.REVOKE, "disabled"),
    Input(Ids.TYPED, "value"),
    Input(Ids.TYPING, "data"),
)
