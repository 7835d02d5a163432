"""Who may sign in, and what may they do and see?"""

from typing import Any

import dash
from dash import Input, Output, State, callback, ctx, html, no_update
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base.notice import mark
from dashboard.base.settings_params import USERS
from dashboard.components.kit.fields import VALUE
from dashboard.components.kit.once import shown_once
from dashboard.components.settings.frame import frame
from dashboard.components.settings.users import (
    Ids,
    add_form,
    dialog,
    people_card,
    sites_word,
    stores,
)
from dashboard.queries.people.user_list import people
from dashboard.queries.sites.site_table import site_options
from dashboard.views import settings as settings_views
from dashboard.views.settings import plain_ids, require_administrator
from dashboard.web.context import current, current_actor, own_address
from db import sessions, users
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
        head = frame(USERS, settings_views.count(connection), [])
        sites = site_options(connection)
    parts = [add_form(sites), html.Div(id=Ids.LIST), dialog(sites), *stores()]
    return html.Div([html.Div(head, id=Ids.HEAD), *parts], className="settings")


@callback(Output(Ids.LIST, "children"), Input(Ids.CHANGED, "data"))
def show(_changed: object) -> Any:
    """Everybody."""
    require_administrator(_("Managing users"))
    with current().reading() as connection:
        everybody = people(connection)
    return people_card(everybody, sign_in_is_off=current().settings.auth == "none")


@callback(
    Output(Ids.ONCE, "children"),
    Output(Ids.WRONG, "children"),
    Output(Ids.CHANGED, "data", allow_duplicate=True),
    Output(Ids.NAME, "value"),
    Input(Ids.ADD, "n_clicks"),
    State(Ids.NAME, "value"),
    State(Ids.ROLE, "value"),
    State(Ids.SITES, VALUE),
    prevent_initial_call=True,
)
def add(clicks: int | None, name: str | None, role: str, sites: str | None) -> Any:
    """Add somebody, and show the link once."""
    if not clicks:
        return (no_update,) * 4
    require_administrator(_("Managing users"))
    here, actor = current(), current_actor().name
    now, chosen = here.clock(), plain_ids(sites)
    try:
        with here.writing() as connection:
            user_id = users.add(connection, name or "", role, actor, now)
            user = users.by_id(connection, user_id)
            assert user is not None, "it was added a moment ago"
            if chosen:
                users.set_sites(connection, user, chosen, actor, now)
            token = sessions.invite(connection, user, actor, now)
    except users.UserError as error:
        return None, str(error), no_update, no_update
    return _link(user.name, token), None, f"{user_id} {now}", ""


@callback(
    Output(Ids.EDIT, "is_open"),
    Output(Ids.TITLE, "children"),
    Output(Ids.ABOUT, "children"),
    Output(Ids.NEW_ROLE, "value"),
    Output(Ids.NEW_SITES, VALUE),
    Output(Ids.DISABLE, "children"),
    Output(Ids.LINK, "disabled"),
    Output(Ids.EDIT_DONE, "children", allow_duplicate=True),
    Output(Ids.EDIT_WRONG, "children", allow_duplicate=True),
    Input(Ids.ACT, "data"),
    prevent_initial_call=True,
)
def open_dialog(act: dict[str, Any] | None) -> Any:
    """Open the dialog about the person of a row."""
    if not act:
        return (no_update,) * 9
    require_administrator(_("Managing users"))
    with current().reading() as connection:
        found = [each for each in people(connection) if each.user_id == act.get("user_id")]
    if not found:
        return (no_update,) * 9
    person = found[0]
    browsers = ngettext(
        "Signed in with %(n)s browser.", "Signed in with %(n)s browsers.", person.browsers,
        n=person.browsers,
    )  # fmt: skip
    sees = _("Sees %(sites)s.", sites=sites_word(person))
    about = f"{sees} {browsers if person.browsers else _('Not signed in.')}"
    chosen = [str(site_id) for site_id, _name in person.sites or ()]
    disabled = person.state == "disabled"
    words = _("Let sign in again") if disabled else _("Disable")
    return True, person.name, about, person.role, settings_views.json_ids(chosen), words, \
        disabled, None, None  # fmt: skip


@callback(
    Output(Ids.EDIT, "is_open", allow_duplicate=True),
    Output(Ids.EDIT_DONE, "children"),
    Output(Ids.EDIT_WRONG, "children"),
    Output(Ids.CHANGED, "data"),
    Output(Ids.DISABLE, "children", allow_duplicate=True),
    Output(Ids.LINK, "disabled", allow_duplicate=True),
    Input(Ids.SAVE, "n_clicks"),
    Input(Ids.LINK, "n_clicks"),
    Input(Ids.SIGN_OUT, "n_clicks"),
    Input(Ids.DISABLE, "n_clicks"),
    Input(Ids.CLOSE, "n_clicks"),
    State(Ids.ACT, "data"),
    State(Ids.NEW_ROLE, "value"),
    State(Ids.NEW_SITES, VALUE),
    prevent_initial_call=True,
)
def change(*given: Any) -> Any:
    """Do what a button of the dialog says."""
    act, role, sites = given[-3:]
    pressed = str(ctx.triggered_id)
    if not act or not any(given[:-3]):
        return (no_update,) * 6
    if pressed == Ids.CLOSE:
        return False, None, None, no_update, no_update, no_update
    require_administrator(_("Managing users"))
    here, actor = current(), current_actor().name
    now = here.clock()
    done: Any = None
    try:
        with here.writing() as connection:
            user = users.by_id(connection, int(act["user_id"]))
            if user is None:
                raise users.UserError("This user is not there any more: reload the page.")
            if pressed == Ids.SAVE:
                users.set_role_and_sites(
                    connection, user, role, plain_ids(sites) or None, actor, now
                )  # fmt: skip
            elif pressed == Ids.LINK:
                done = _link(user.name, sessions.invite(connection, user, actor, now))
            elif pressed == Ids.SIGN_OUT:
                users.sign_out_everywhere(connection, user, actor, now)
                done = _("%(name)s is signed out everywhere.", name=user.name)
            elif pressed == Ids.DISABLE:
                users.set_enabled(connection, user, not user.enabled, actor, now)
                done = (
                    _("%(name)s is disabled and signed out everywhere.", name=user.name)
                    if user.enabled
                    else _("%(name)s can sign in again.", name=user.name)
                )
    except users.UserError as error:
        return True, None, str(error), no_update, no_update, no_update
    changed = f"{act['user_id']} {pressed} {now} {given[:-3]}"
    word: Any = no_update
    closed: Any = no_update
    if pressed == Ids.DISABLE:
        word = _("Let sign in again") if user.enabled else _("Disable")
        closed = bool(user.enabled)
    return pressed != Ids.SAVE, done, None, changed, word, closed


def _link(name: str, token: str) -> Any:
    return shown_once(
        _("Link for %(name)s", name=name),
        f"{own_address()}/invite/{token}",
        _("Send it to %(name)s: it works once, for 24 hours. It is not shown again.", name=name),
    )
