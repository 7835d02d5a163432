"""Which programs and machines have a credential, and what may they do?"""

from typing import Any

import dash
from dash import Input, Output, State, callback, ctx, html
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.settings_params import TOKENS
from dashboard.components.kit.fields import VALUE
from dashboard.components.settings.tokens import (
    Ids,
    add_form,
    revoke_dialog,
    revoke_parts,
    stores,
    token_card,
)
from dashboard.queries.people.token_list import token_list, valid_machine_keys
from dashboard.queries.sites.site_table import site_options
from dashboard.views import settings as settings_views
from dashboard.views.list_page import in_browser
from dashboard.views.settings import only, require_administrator
from dashboard.views.settings_tokens import make_token, revoke_token
from dashboard.web.context import current
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
        head = settings_views.tabs(connection, TOKENS)
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


ADDED = {
    "once": Output(Ids.ONCE, "children"),
    "wrong": Output(Ids.WRONG, "children"),
    "changed": Output(Ids.CHANGED, "data", allow_duplicate=True),
    "name": Output(Ids.NAME, "value"),
}
FORM = {
    "kind": State(Ids.KIND, "value"),
    "name": State(Ids.NAME, "value"),
    "role": State(Ids.ROLE, "value"),
    "scopes": State(Ids.SCOPES, "value"),
    "sites": State(Ids.SITES, VALUE),
    "site": State(Ids.SITE, "value"),
    "expires": State(Ids.EXPIRES, "value"),
    "addresses": State(Ids.ADDRESSES, "value"),
}


@callback(
    output=ADDED,
    inputs={"clicks": Input(Ids.ADD, "n_clicks")},
    state={"form": FORM},
    prevent_initial_call=True,
)
def add(clicks: int | None, form: dict[str, Any]) -> dict[str, Any]:
    """Make a token, and show it once."""
    if not clicks:
        return only(ADDED)
    require_administrator(_("Managing tokens"))
    return only(ADDED, **make_token(form))


OPENED = {
    "is_open": Output(Ids.REVOKING, "is_open"),
    "title": Output(Ids.TITLE, "children"),
    "about": Output(Ids.ABOUT, "children"),
    "to_type": Output(Ids.TYPED_NAME, "children"),
    "typing": Output(Ids.TYPING, "data"),
    "typed": Output(Ids.TYPED, "value"),
    "wrong": Output(Ids.REVOKE_WRONG, "children", allow_duplicate=True),
}


@callback(output=OPENED, inputs=[Input(Ids.ACT, "data")], prevent_initial_call=True)
def open_dialog(act: dict[str, Any] | None) -> dict[str, Any]:
    """Open the dialog about the token of a row."""
    if not act:
        return only(OPENED)
    require_administrator(_("Managing tokens"))
    here = current()
    with here.reading() as connection:
        listed = token_list(connection, here.clock(), here.peppers)
    found = [each for each in listed if each.public_id == act.get("public_id")]
    return only(OPENED, **(revoke_parts(found[0]) if found else {}))


DONE = {
    "is_open": Output(Ids.REVOKING, "is_open", allow_duplicate=True),
    "wrong": Output(Ids.REVOKE_WRONG, "children"),
    "changed": Output(Ids.CHANGED, "data"),
}


@callback(
    output=DONE,
    inputs={"clicks": [Input(Ids.REVOKE, "n_clicks"), Input(Ids.CANCEL, "n_clicks")]},
    state={"act": State(Ids.ACT, "data"), "typed": State(Ids.TYPED, "value")},
    prevent_initial_call=True,
)
def revoke(
    clicks: list[int | None], act: dict[str, Any] | None, typed: str | None
) -> dict[str, Any]:
    """Revoke the token whose name was typed."""
    if not act or not any(clicks):
        return only(DONE)
    if ctx.triggered_id == Ids.CANCEL:
        return only(DONE, is_open=False, wrong=None)
    require_administrator(_("Managing tokens"))
    return only(DONE, **revoke_token(str(act.get("public_id")), typed or ""))


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
