"""The shell around every page: top bar, filters, strip, content, bottom bar."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import get_locale
from flask_babel import gettext as _

from dashboard.base.access import Actor
from dashboard.base.i18n import language_names
from dashboard.base.page_links import PageLink, page_links
from dashboard.components.ask.dialog import dialog
from dashboard.components.ask.job_line import job_toasts
from dashboard.components.ask.picker import picker
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.why_button import drawer
from dashboard.components.shell.filter_bar import filter_bar
from dashboard.queries.sites.site_table import Option
from dashboard.words.roles import role_name

POLL_MILLISECONDS = 30_000
COPIED_MILLISECONDS = 2_000
ADDRESS = "_pages_location"
"""The id of the Location that Dash mounts for its pages; each further one costs every click."""
AT_HAND = 3
"""How many pages a phone's bar shows."""


class Status(NamedTuple):
    """What stands around a page that is about a moment: strip, chips and stamp; `hidden` when its
    address cannot be used."""

    strip: Any
    chips: Any
    stamp: str
    hidden: bool


def shell(
    sites: Sequence[Option], version: str, actor: Actor, status: Status, *, signs_out: bool
) -> Component:
    """The whole document around a page, for whoever opens it, with the status of that page: a strip
    that came later would push it down.

    Args:
        signs_out: whether people who are signed in can sign out here.

    What no callback names is drawn: every page mounts the shell besides its own components. Buttons
    with `data-shell` are answered by assets/js/shell.js.
    """
    links = page_links(actor)
    return html.Div(
        [
            dcc.Store(id="filters"),
            dcc.Store(id="moved"),
            dcc.Store(id="snapshot", data=version),
            dcc.Store(id="pending"),
            dcc.Interval(id="poll", interval=POLL_MILLISECONDS),
            _top(links, actor, signs_out=signs_out),
            filter_bar(sites, status.chips, status.stamp),
            html.Div(status.strip, id="strip", className="strip", role="status"),
            _alert(
                "trouble",
                _("Part of this page could not be loaded. Try again; if it fails again, see the "
                  "server's log."),
            ),
            _alert(
                "away",
                _("The server does not answer: what you see may be old. The page goes on by itself "
                  "when it is back."),
            ),
            _alert(
                "no-database",
                _("The database cannot be read: what you see may be old. The page goes on by "
                  "itself when it can be."),
            ),
            *job_toasts(),
            html.Main(dash.page_container, id="page", className="content", hidden=status.hidden),
            _bottom(links),
            _more(links, actor, signs_out=signs_out),
            _help(links),
            *drawer(),
            *dialog(),
            *picker(),
            dbc.Toast(
                _("It is on the clipboard: paste it where you need it."),
                id="copied", header=_("Copied"), is_open=False, duration=COPIED_MILLISECONDS,
            ),
        ],
        className="shell",
    )  # fmt: skip


def icon(name: str) -> Component:
    """An icon in the colour of the text around it."""
    return html.Span(className=f"icon icon-{name}", **{"aria-hidden": "true"})


def _alert(name: str, text: str) -> Component:
    """A closed alert over the whole page; the browser opens it."""
    return dbc.Alert(
        drawn_list([icon("warning"), html.Span(text)]),
        id=name, color="danger", is_open=False, fade=False, class_name="over-page",
    )  # fmt: skip


def _top(links: Iterable[PageLink], actor: Actor, *, signs_out: bool) -> Component:
    pages = html.Nav(
        [_link(link, "top") for link in links], className="pages", **{"aria-label": _("Pages")}
    )
    label = html.Label(_("Search"), htmlFor="search-text", className="visually-hidden")
    search = dbc.Input(
        id="search-text", type="text", maxlength=200, autocomplete="off",
        placeholder=_("Hostname, serial, site"),
    )  # fmt: skip
    theme = html.Button(
        icon("moon"), id="theme-button", className="btn btn-secondary square", type="button",
        title=_("Light or dark"),
        **{"aria-label": _("Light or dark"), "data-shell": "theme"},
    )  # fmt: skip
    return html.Header(
        [
            drawn_list([_brand(), pages]),
            html.Div(
                [search, drawn_list([label, icon("search"), html.Kbd("/"), _suggestions()])],
                className="search",
            ),
            drawn_list([theme, *_account(actor, signs_out=signs_out)]),
        ],
        className="top",
    )  # fmt: skip


def _suggestions() -> Component:
    """What the browser fills while somebody types (search.js)."""
    words = {"sites": _("Sites"), "devices": _("Devices"), "all": _("Enter lists all that match")}
    attributes = {f"data-{name}": text for name, text in words.items()}
    return html.Div(
        id="suggestions", className="suggestions", hidden=True, role="listbox",
        **attributes, **{"aria-label": _("Suggestions")},
    )  # fmt: skip


def _account(actor: Actor, *, signs_out: bool) -> list[Component]:
    """The menu of the person who is signed in; nothing where nobody signs in."""
    if not actor.is_person:
        return []
    summary = html.Summary(
        [icon("account"), html.Span(actor.name, className="account-name")],
        className="btn btn-secondary", title=_("Your account"),
        **{"aria-label": _("Your account: %(name)s", name=actor.name)},
    )  # fmt: skip
    entries = html.Div(
        [
            html.Span([html.Strong(actor.name), html.Span(role_name(actor.role))],
                      className="account-head"),
            html.Button(_("Light or dark"), type="button", **{"data-shell": "theme"}),
            *_account_entries(actor, signs_out=signs_out),
        ],
        className="account-menu",
    )  # fmt: skip
    return [html.Details([summary, entries], className="account")]


def _account_entries(actor: Actor, *, signs_out: bool) -> list[Component]:
    """Where a proxy signs people in, passwords and sessions are not ours."""
    own = [
        # It is no page of Dash: with a target the browser itself opens it.
        html.A(_("Password and sessions"), href="/account", target="_self"),
        _languages(),
    ]
    sign_out = html.Button(_("Sign out"), type="button", **{"data-shell": "signOut"})
    return [
        *(own if actor.by == "session" else []),
        *([sign_out] if actor.is_person and signs_out else []),
    ]


def _languages() -> Component:
    """The languages that there are, each under its own name; the one in use is pressed."""
    here = str(get_locale() or "en")
    buttons = [
        html.Button(
            name, type="button", lang=code, className="language",
            **{"data-shell": "language", "data-language": code,
               "aria-pressed": "true" if code == here else "false"},
        )
        for code, name in language_names().items()
    ]  # fmt: skip
    label = html.Span(_("Language"), className="account-label")
    return html.Div(
        [label, *buttons], className="languages", role="group", **{"aria-label": _("Language")}
    )


def _brand() -> Component:
    name = html.Span("Inventory Hub")
    return html.A(name, href="/", className="brand", title="Inventory Hub")


def _bottom(links: Sequence[PageLink]) -> Component:
    """A phone's bar: the first pages, the filters, and the rest behind "More"."""
    filters = [icon("filter"), _("Filters"), html.Span(className="count", id="filter-count")]
    bar = html.Nav(
        [
            *(_link(link, "bottom") for link in links[:AT_HAND]),
            # Where the filters stand on other pages: the bar has five items on each.
            *(html.Span(_link(link, "bottom"), className="no-filters-link")
              for link in links[AT_HAND : AT_HAND + 1]),
            html.Button(filters, id="bottom-filters", type="button",
                        **{"data-shell": "sheet", "aria-haspopup": "dialog"}),
            html.Button([icon("more"), _("More")], id="bottom-more", type="button",
                        **{"data-shell": "more", "aria-haspopup": "dialog"}),
        ],
        className="bottom",
        **{"aria-label": _("Pages and tools")},
    )  # fmt: skip
    behind = html.Div(className="offcanvas-backdrop show veil", **{"data-shell": "sheet"})
    return drawn_list([behind, bar])


def _more(links: Sequence[PageLink], actor: Actor, *, signs_out: bool) -> Component:
    """The sheet with the pages that a phone's bar has no room for."""
    theme = html.Button(
        [icon("moon"), _("Light or dark")], id="bottom-theme", type="button",
        **{"data-shell": "theme"},
    )  # fmt: skip
    pages = html.Nav(
        [
            *(_link(link, "more") for link in links[AT_HAND:]),
            theme,
            *_account_entries(actor, signs_out=signs_out),
        ],
        **{"aria-label": _("More pages")},
    )
    title = html.H2(_("More pages"), id="more-title", className="visually-hidden")
    return dbc.Offcanvas(
        drawn_list([title, pages]), id="more", placement="bottom", close_button=False,
        labelledby="more-title", class_name="more",
    )  # fmt: skip


def _link(link: PageLink, place: str) -> Component:
    """A link to a page. The browser adds the current filters to its address (shell.js), and to
    that of the settings how many decisions are pending."""
    pending = html.Span(id=f"waits-{place}", className="count")
    return html.A(
        [icon(link.icon), link.name, *([pending] if link.path == "/settings" else [])],
        href=link.path,
        **{"data-page": link.path},
    )


def _help(links: Iterable[PageLink]) -> Component:
    keys = [
        ("/", _("Search")),
        *((f"g {link.key}", link.name) for link in links),
        ("?", _("This list")),
        ("Esc", _("Close")),
    ]
    rows = [
        part
        for key, words in keys
        for part in (
            html.Span([html.Kbd(letter) for letter in key.split()], className="pressed"),
            html.Span(words),
        )
    ]
    title = html.H2(_("Keyboard"), id="help-title", className="modal-title")
    return dbc.Modal(
        drawn_list([
            html.Div(title, className="modal-header"),
            html.Div(html.Div(rows, className="keys"), className="modal-body"),
        ]),
        id="help", is_open=False, fade=False, labelledby="help-title", size="sm",
    )  # fmt: skip
