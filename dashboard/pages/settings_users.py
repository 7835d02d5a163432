"""Who may sign in, and what may they do and see?"""

from typing import Any

import dash
from dash import Input, Output, State, callback, ctx, html
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.settings_params import USERS
from dashboard.components.kit.fields import VALUE
from dashboard.components.settings.users import (
    Ids,
    add_form,
    dialog,
    people_card,
    person_parts,
    stores,
)
from dashboard.queries.people.user_list import people
from dashboard.queries.sites.site_table import site_options
from dashboard.views import settings as settings_views
from dashboard.views.settings import only, plain_ids, require_administrator
from dashboard.views.settings_users import add_person, change_person, form_words, let_in_words
from dashboard.web.context import current
from db.roles import ADMINISTRATOR

dash.register_page(
    __name__,
    path=USERS,
    name="Users",
    order=9.21,
    tab=mark("Users"),
    role=ADMINISTRATOR,
    doing=mark("Managing users"),
)


def layout(**_query: str) -> html.Div:
    """The form and the places of the rest."""
    with current().reading() as connection:
        head = settings_views.tabs(connection, USERS)
        sites = site_options(connection)
    parts = [add_form(sites, form_words()), html.Div(id=Ids.LIST), dialog(sites), *stores()]
    return html.Div([html.Div(head, id=Ids.HEAD), *parts], className="settings")


@callback(Output(Ids.LIST, "children"), Input(Ids.CHANGED, "data"))
def show(_changed: object) -> Any:
    """Everybody."""
    require_administrator(_("Managing users"))
    with current().reading() as connection:
        everybody = people(connection, current().settings)
    return people_card(everybody, sign_in_is_off=current().settings.auth == "none")


ADDED = {
    "once": Output(Ids.ONCE, "children"),
    "wrong": Output(Ids.WRONG, "children"),
    "changed": Output(Ids.CHANGED, "data", allow_duplicate=True),
    "name": Output(Ids.NAME, "value"),
}


@callback(
    output=ADDED,
    inputs=[Input(Ids.ADD, "n_clicks")],
    state=[State(Ids.NAME, "value"), State(Ids.ROLE, "value"), State(Ids.SITES, VALUE)],
    prevent_initial_call=True,
)
def add(clicks: int | None, name: str | None, role: str, sites: str | None) -> dict[str, Any]:
    """Add somebody, and show the link once."""
    if not clicks:
        return only(ADDED)
    require_administrator(_("Managing users"))
    return only(ADDED, **add_person(name or "", role, plain_ids(sites)))


OPENED = {
    "is_open": Output(Ids.EDIT, "is_open"),
    "title": Output(Ids.TITLE, "children"),
    "about": Output(Ids.ABOUT, "children"),
    "role": Output(Ids.NEW_ROLE, "value"),
    "sites": Output(Ids.NEW_SITES, VALUE),
    "disable": Output(Ids.DISABLE, "children"),
    "no_link": Output(Ids.LINK, "disabled"),
    "done": Output(Ids.EDIT_DONE, "children", allow_duplicate=True),
    "wrong": Output(Ids.EDIT_WRONG, "children", allow_duplicate=True),
}


@callback(output=OPENED, inputs=[Input(Ids.ACT, "data")], prevent_initial_call=True)
def open_dialog(act: dict[str, Any] | None) -> dict[str, Any]:
    """Open the dialog about the person of a row."""
    if not act:
        return only(OPENED)
    require_administrator(_("Managing users"))
    with current().reading() as connection:
        everybody = people(connection, current().settings)
    found = [each for each in everybody if each.user_id == act.get("user_id")]
    if not found:
        return only(OPENED)
    parts, person = person_parts(found[0]), found[0]
    if not person.may_use_password:
        parts["about"] += f" {let_in_words(person.name)}"
    return only(OPENED, **parts)


DONE = {
    "is_open": Output(Ids.EDIT, "is_open", allow_duplicate=True),
    "done": Output(Ids.EDIT_DONE, "children"),
    "wrong": Output(Ids.EDIT_WRONG, "children"),
    "changed": Output(Ids.CHANGED, "data"),
    "disable": Output(Ids.DISABLE, "children", allow_duplicate=True),
    "no_link": Output(Ids.LINK, "disabled", allow_duplicate=True),
}
BUTTONS = (Ids.SAVE, Ids.LINK, Ids.SIGN_OUT, Ids.DISABLE, Ids.CLOSE)


@callback(
    output=DONE,
    inputs={"clicks": [Input(button, "n_clicks") for button in BUTTONS]},
    state={
        "act": State(Ids.ACT, "data"),
        "role": State(Ids.NEW_ROLE, "value"),
        "sites": State(Ids.NEW_SITES, VALUE),
    },
    prevent_initial_call=True,
)
def change(
    clicks: list[int | None], act: dict[str, Any] | None, role: str, sites: str | None
) -> dict[str, Any]:
    """Do what a button of the dialog says."""
    pressed = str(ctx.triggered_id)
    if not act or not any(clicks) or pressed not in BUTTONS:
        return only(DONE)
    if pressed == Ids.CLOSE:
        return only(DONE, is_open=False, done=None, wrong=None)
    require_administrator(_("Managing users"))
    wanted = (role, plain_ids(sites))
    return only(DONE, **change_person(int(act["user_id"]), pressed, wanted, clicks))
