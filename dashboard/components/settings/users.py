"""The people who sign in: the form that adds one, the list, the dialog that changes one."""

import json
from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.components.kit.card import card
from dashboard.components.kit.fields import choices_field
from dashboard.components.kit.pill import pill
from dashboard.components.kit.table import stacked_table
from dashboard.components.settings.rows import labelled, row_button
from dashboard.queries.people.user_list import Person
from dashboard.queries.sites.site_table import Option
from dashboard.words.roles import role_about, role_name
from db.roles import USER_ROLES


class Ids:
    """The ids of the page."""

    HEAD, LIST = "users-head", "users-list"
    NAME, ROLE, SITES = "users-name", "users-role", "users-sites"
    ADD, WRONG, ONCE = "users-add", "users-wrong", "users-once"
    EDIT, TITLE, ABOUT = "user-edit", "user-title", "user-about"
    NEW_ROLE, NEW_SITES = "user-role", "user-sites"
    SAVE, LINK, SIGN_OUT, DISABLE, CLOSE = (
        "user-save", "user-link", "user-sign-out", "user-disable", "user-close"
    )  # fmt: skip
    EDIT_WRONG, EDIT_DONE = "user-wrong", "user-done"
    ACT, CHANGED = "users-act", "users-changed"


def add_form(sites: Sequence[Option], let_in: str) -> Component:
    """The card that adds somebody.

    Args:
        let_in: how whoever is added signs in.
    """
    fields = html.Div(
        [
            labelled(_("Name"), dbc.Input(id=Ids.NAME, maxlength=100, autocomplete="off")),
            labelled(_("Role"), _roles(Ids.ROLE)),
            choices_field(
                Ids.SITES, _("Sites"), _options(sites), _("Every site"), searchable=True,
                kind="field own",
            ),
            dbc.Button(_("Add"), id=Ids.ADD, color="primary"),
        ],
        className="own-fields people-fields",
    )  # fmt: skip
    return card(
        "users-new",
        [fields, html.P(id=Ids.WRONG, className="step-trouble", role="alert"),
         html.Div(id=Ids.ONCE)],
        title=_("Add a user"),
        subtitle=let_in,
    )  # fmt: skip


def dialog(sites: Sequence[Option]) -> Component:
    """The closed dialog in which somebody is changed."""
    body = [
        html.P(id=Ids.ABOUT, className="muted"),
        labelled(_("Role"), _roles(Ids.NEW_ROLE)),
        choices_field(
            Ids.NEW_SITES, _("Sites"), _options(sites), _("Every site"), searchable=True,
            kind="field own",
        ),
        html.Div(
            [
                dbc.Button(_("New password link"), id=Ids.LINK, color="secondary"),
                dbc.Button(_("Sign out everywhere"), id=Ids.SIGN_OUT, color="secondary"),
                dbc.Button(id=Ids.DISABLE, color="danger", outline=True),
            ],
            className="acts person-acts",
        ),
        html.Div(id=Ids.EDIT_DONE, role="status"),
    ]  # fmt: skip
    buttons = [
        html.P(id=Ids.EDIT_WRONG, className="step-trouble", role="alert"),
        dbc.Button(_("Close"), id=Ids.CLOSE, color="secondary"),
        dbc.Button(_("Save"), id=Ids.SAVE, color="primary"),
    ]
    return dbc.Modal(
        [
            html.H2(id=Ids.TITLE, className="modal-header modal-title"),
            dbc.ModalBody(body),
            dbc.ModalFooter(buttons),
        ],
        id=Ids.EDIT, is_open=False, fade=False, fullscreen="md-down", labelledby=Ids.TITLE,
    )  # fmt: skip


def stores() -> list[Component]:
    """What the buttons of the rows write, and what says that a row changed."""
    return [dcc.Store(id=Ids.ACT), dcc.Store(id=Ids.CHANGED)]


def people_card(people: Sequence[Person], *, sign_in_is_off: bool) -> Component:
    """Everybody, a row each."""
    title = ngettext("%(n)s user", "%(n)s users", len(people), n=formats.number(len(people)))
    about = _("A change holds with the person's next click")
    if sign_in_is_off:
        about = _("Sign-in is off (AUTH=none): everybody at this machine may do everything")
    if not people:
        nothing = _("Nobody can sign in yet. Add the first user above.")
        return card("users-all", html.P(nothing, className="note"), title=title, subtitle=about)
    names = (
        _("Name"),
        _("Role"),
        _("Sites"),
        _("State"),
        _("Second factor"),
        _("Last sign-in"),
        "",
    )
    table = stacked_table(names, [_row(person) for person in people])
    return card("users-all", table, title=title, subtitle=about)


def person_parts(person: Person) -> dict[str, Any]:
    """The open dialog about somebody, by the names of its parts."""
    browsers = ngettext(
        "Signed in with %(n)s browser.", "Signed in with %(n)s browsers.", person.browsers,
        n=person.browsers,
    )  # fmt: skip
    sees = _("Sees %(sites)s.", sites=sites_word(person))
    chosen = [str(site_id) for site_id, _name in person.sites or ()]
    return {
        "is_open": True,
        "title": person.name,
        "about": f"{sees} {browsers if person.browsers else _('Not signed in.')}",
        "role": person.role,
        "sites": json.dumps(chosen),
        **enabled_parts(
            is_enabled=person.state != "disabled", may_use_password=person.may_use_password
        ),
        "done": None,
        "wrong": None,
    }


def enabled_parts(*, is_enabled: bool, may_use_password: bool) -> dict[str, Any]:
    """The parts of the dialog that say whether and how its person can sign in."""
    return {
        "disable": _("Disable") if is_enabled else _("Let sign in again"),
        "no_link": not is_enabled or not may_use_password,
    }


def sites_word(person: Person) -> str:
    """Which sites somebody sees, in a few words."""
    if person.sites is None:
        return str(_("every site"))
    names = [name for _id, name in person.sites]
    if not names:
        return str(_("no site"))
    more = len(names) - 2
    shown = ", ".join(names[:2])
    return shown if more <= 0 else str(_("%(names)s and %(n)s more", names=shown, n=more))


def state_pill(person: Person) -> html.Span:
    """Whether somebody can sign in."""
    words = {"ok": _("can sign in"), "invited": _("has no password yet"), "disabled": _("disabled")}
    kinds = {"ok": "done", "invited": "waiting", "disabled": "gone"}
    return pill(words[person.state], kinds[person.state])


def _second_factor(person: Person) -> str:
    words = {
        "added": _("added"), "required": _("required, not added yet"), "none": _("none"),
    }  # fmt: skip
    return words[person.second_factor]


def _row(person: Person) -> list[Component]:
    signed_in = formats.instant(person.last_sign_in) if person.last_sign_in else _("never")
    return [
        html.Th(person.name, scope="row"),
        html.Td(role_name(person.role)),
        html.Td(sites_word(person)),
        html.Td(state_pill(person)),
        html.Td(_second_factor(person)),
        html.Td(signed_in),
        html.Td(
            row_button(Ids.ACT, _("Change"), person.name, user_id=person.user_id), className="act"
        ),
    ]


def _roles(name: str) -> Component:
    options = [{"label": role_name(role), "value": role, "title": role_about(role)}
               for role in USER_ROLES]  # fmt: skip
    return dbc.Select(id=name, options=options, value=USER_ROLES[0])


def _options(sites: Sequence[Option]) -> list[tuple[str, object]]:
    return [(site.name, site.site_id) for site in sites]
