"""The tokens of machines and programs: the form that makes one, the list, the dialog that ends
one."""

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.components.kit.card import card
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.fields import choices_field
from dashboard.components.kit.pill import pill
from dashboard.components.kit.table import stacked_table
from dashboard.components.settings.rows import labelled, row_button
from dashboard.queries.people.token_list import Token
from dashboard.queries.sites.site_table import Option
from dashboard.words.roles import role_name
from db import tokens
from db.tables import NAME_LENGTH


class Ids:
    """The ids of the page."""

    HEAD, LIST = "tokens-head", "tokens-list"
    KIND, NAME, ROLE, SCOPES = "tokens-kind", "tokens-name", "tokens-role", "tokens-scopes"
    SITES, SITE, EXPIRES, ADDRESSES = (
        "tokens-sites", "tokens-site", "tokens-expires", "tokens-addresses"
    )  # fmt: skip
    OF_PROGRAMS, OF_MACHINES = "tokens-of-programs", "tokens-of-machines"
    ADD, WRONG, ONCE = "tokens-add", "tokens-wrong", "tokens-once"
    REVOKING, TITLE, ABOUT = "token-revoking", "token-title", "token-about"
    TYPED, TYPED_NAME, REVOKE, CANCEL = (
        "token-typed", "token-typed-name", "token-revoke", "token-cancel"
    )  # fmt: skip
    REVOKE_WRONG = "token-wrong"
    ACT, CHANGED, TYPING = "tokens-act", "tokens-changed", "token-typing"


def add_form(sites: Sequence[Option]) -> Component:
    """The card that makes a token."""
    kinds = [
        {"label": _("A program that reads"), "value": tokens.API},
        {"label": _("Machines that report"), "value": tokens.ENROL},
    ]
    scopes = [
        {"label": _("Read"), "value": tokens.READ},
        {"label": _("Change what its role may change"), "value": tokens.DECIDE},
    ]
    roles = [{"label": role_name(role), "value": role} for role in tokens.TOKEN_ROLES]
    options = [(site.name, site.site_id) for site in sites]
    of_programs = html.Div(
        [
            labelled(_("Role"), dbc.Select(id=Ids.ROLE, options=roles, value=roles[0]["value"])),
            html.Div(
                [
                    html.Span(_("May"), id=f"{Ids.SCOPES}-name", className="form-label"),
                    dbc.Checklist(id=Ids.SCOPES, options=scopes, value=[tokens.READ]),
                ],
                className="field own",
                role="group",
                **{"aria-labelledby": f"{Ids.SCOPES}-name"},
            ),
            choices_field(
                Ids.SITES, _("Sites"), options, _("Every site"), searchable=True, kind="field own"
            ),
        ],
        id=Ids.OF_PROGRAMS,
        className="token-part",
    )
    known = html.Datalist([html.Option(value=site.name) for site in sites], id="tokens-known-sites")
    site = dbc.Input(
        id=Ids.SITE, maxlength=NAME_LENGTH, autocomplete="off", list="tokens-known-sites",
        placeholder=_("As each machine says"),
    )  # fmt: skip
    of_machines = html.Div(
        [labelled(_("Site of these machines"), site), drawn(known)],
        id=Ids.OF_MACHINES,
        className="token-part",
        hidden=True,
    )
    always = html.Div(
        [
            labelled(_("Name"), dbc.Input(id=Ids.NAME, maxlength=NAME_LENGTH, autocomplete="off",
                                           placeholder=_("What it is for"))),
            labelled(_("Last day"), dbc.Input(id=Ids.EXPIRES, type="date")),
            labelled(_("Works from"), dbc.Input(id=Ids.ADDRESSES, autocomplete="off",
                                                 placeholder=_("Any address, or 10.0.0.0/8"))),
        ],
        className="token-part",
    )  # fmt: skip
    end = html.Div(
        [
            html.P(id=Ids.WRONG, className="step-trouble", role="alert"),
            dbc.Button(_("Add"), id=Ids.ADD, color="primary"),
        ],
        className="rules-end",
    )
    kind = dbc.RadioItems(id=Ids.KIND, options=kinds, value=tokens.API, inline=True)
    return card(
        "tokens-new",
        [kind, always, of_programs, of_machines, end, html.Div(id=Ids.ONCE)],
        title=_("Add a token"),
        subtitle=_("It is shown once; only a hash of it is stored"),
    )


def revoke_dialog() -> Component:
    """The closed dialog in which a token is ended."""
    body = [
        html.P(id=Ids.ABOUT),
        html.Label(id=Ids.TYPED_NAME, htmlFor=Ids.TYPED, className="form-label"),
        dbc.Input(id=Ids.TYPED, type="text", maxlength=NAME_LENGTH, autocomplete="off"),
    ]
    buttons = [
        html.P(id=Ids.REVOKE_WRONG, className="step-trouble", role="alert"),
        dbc.Button(_("Cancel"), id=Ids.CANCEL, color="secondary"),
        dbc.Button(_("Revoke"), id=Ids.REVOKE, color="danger", disabled=True),
    ]
    return dbc.Modal(
        [
            html.H2(id=Ids.TITLE, className="modal-header modal-title"),
            dbc.ModalBody(body),
            dbc.ModalFooter(buttons),
        ],
        id=Ids.REVOKING, is_open=False, fade=False, fullscreen="md-down", labelledby=Ids.TITLE,
        class_name="danger-dialog",
    )  # fmt: skip


def revoke_parts(token: Token) -> dict[str, Any]:
    """The open dialog in which a token is ended, by the names of its parts."""
    about = (
        _("No more machines are let in with it; those that it let in keep their own keys. "
          "It cannot be undone.")
        if token.kind == tokens.ENROL
        else _("The program that uses it is refused from now on. It cannot be undone.")
    )  # fmt: skip
    return {
        "is_open": True,
        "title": _("Revoke the token %(name)s?", name=token.name),
        "about": about,
        "to_type": _("Type %(name)s to confirm", name=token.name),
        "typing": {"typed": token.name},
        "typed": "",
        "wrong": None,
    }


def stores() -> list[Component]:
    """What the buttons of the rows write, what must be typed, what says that a row changed."""
    return [dcc.Store(id=name) for name in (Ids.ACT, Ids.TYPING, Ids.CHANGED)]


def token_card(listed: Sequence[Token], machine_keys: int, zone: tzinfo) -> Component:
    """Every token, a row each; of machines' own keys only how many there are."""
    title = ngettext("%(n)s token", "%(n)s tokens", len(listed), n=formats.number(len(listed)))
    keys = ngettext(
        "%(n)s machine reports with a key of its own, until the machine is deleted",
        "%(n)s machines report with a key of their own, until the machine is deleted",
        machine_keys,
        n=formats.number(machine_keys),
    )  # fmt: skip
    keys = keys if machine_keys else ""
    if not listed:
        nothing = _("No token yet. A program that reads the API and machines that report need one.")
        return card("tokens-all", html.P(nothing, className="note"), title=title, subtitle=keys)
    names = (_("Name"), _("For"), _("May"), _("Sites"), _("Works from"), _("Last day"),
             _("Last used"), _("State"), "")  # fmt: skip
    table = stacked_table(names, [_row(token, zone) for token in listed])
    return card("tokens-all", table, title=title, subtitle=keys)


def last_day(expires_at: datetime, zone: tzinfo) -> str:
    """The last day on which a token works."""
    return formats.day((expires_at - timedelta(microseconds=1)).astimezone(zone).date())


def _row(token: Token, zone: tzinfo) -> list[Component]:
    act: list[Component] = []
    if token.state != tokens.REVOKED:
        act = [
            row_button(
                Ids.ACT, _("Revoke"), token.name, "btn-outline-danger", public_id=token.public_id
            )
        ]
    return [
        html.Th(
            [html.Span(token.name), html.Code(token.public_id, className="token-id")],
            scope="row",
        ),
        html.Td(_("machines") if token.kind == tokens.ENROL else _("a program")),
        html.Td(_may(token)),
        html.Td(_sites(token)),
        html.Td(", ".join(token.addresses) or _("anywhere")),
        html.Td(last_day(token.expires_at, zone) if token.expires_at else _("for ever")),
        html.Td(formats.instant(token.last_used) if token.last_used else _("never")),
        html.Td(_state(token)),
        html.Td(act, className="act"),
    ]


def _may(token: Token) -> str:
    words = {
        tokens.READ: _("read"),
        tokens.INGEST: _("let machines in"),
        tokens.DECIDE: _("change"),
    }
    may = ", ".join(str(words[scope]) for scope in token.scopes)
    return may if token.role is None else str(_("%(what)s as %(role)s", what=may,
                                                role=role_name(token.role)))  # fmt: skip


def _sites(token: Token) -> str:
    if tokens.INGEST in token.scopes:
        return token.site or str(_("as each machine says"))
    if token.sites is None:
        return str(_("every site"))
    return ", ".join(token.sites) or str(_("no site"))


def _state(token: Token) -> Any:
    words = {
        tokens.OK: (_("valid"), "done"), tokens.REVOKED: (_("revoked"), "gone"),
        tokens.EXPIRED: (_("expired"), "gone"),
        tokens.UNUSABLE: (_("its pepper is gone"), "warning"),
    }  # fmt: skip
    return pill(*words[token.state])
