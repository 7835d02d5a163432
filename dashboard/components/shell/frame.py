"""The shell around every page: top bar, filters, strip, content, bottom bar."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import dash
import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.i18n import translate
from dashboard.components.ask.dialog import dialog
from dashboard.components.ask.job_line import job_lines
from dashboard.components.ask.picker import picker
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.why_button import drawer
from dashboard.components.shell.filter_bar import filter_bar
from dashboard.queries.sites.site_table import Option

POLL_MILLISECONDS = 30_000
AT_HAND = 3
"""How many pages a phone's bar shows."""


class PageLink(NamedTuple):
    """A page in the navigation, in the reader's language; `key` follows "g"."""

    path: str
    name: str
    icon: str
    key: str


def page_links() -> list[PageLink]:
    """The pages that declare a key, in their order."""
    return [
        PageLink(page["path"], translate(page["name"]), page["icon"], page["key"])
        for page in dash.page_registry.values()
        if "key" in page
    ]


def shell(sites: Sequence[Option], version: str) -> Component:
    """The whole document around a page."""
    links = page_links()
    return html.Div(
        [
            dcc.Location(id="address", refresh=False),
            dcc.Store(id="filters"),
            dcc.Store(id="moved"),
            dcc.Store(id="snapshot", data=version),
            dcc.Store(id="pending"),
            dcc.Interval(id="poll", interval=POLL_MILLISECONDS),
            _top(links),
            filter_bar(sites),
            html.Div(id="strip", className="strip", role="status"),
            html.Div(_trouble(), id="trouble", className="strip", hidden=True),
            html.Div(_away(), className="strip away"),
            *job_lines(),
            html.Span(_("Copied"), id="copied", hidden=True),
            html.Main(dash.page_container, id="page", className="content"),
            html.Div(className="veil"),
            *_bottom(links),
            _help(links),
            drawer(),
            *dialog(),
            *picker(),
        ]
    )


def icon(name: str) -> Component:
    """An icon in the colour of the text around it."""
    return html.Span(className=f"icon icon-{name}", **{"aria-hidden": "true"})


def _trouble() -> Component:
    text = _("A part of this page could not be loaded. Try again; if it stays, see the log.")
    return _alert(text)


def _away() -> Component:
    text = _("The server does not answer: what you see may be old. Reload when it is back.")
    return _alert(text)


def _alert(text: str) -> Component:
    line = html.Div([icon("warning"), html.Span(text)], className="error", role="alert")
    return drawn_list([line])


def _top(links: Iterable[PageLink]) -> Component:
    return html.Header(
        [
            drawn_list([_brand()]),
            html.Nav(
                drawn_list(_link(link, "top") for link in links),
                className="pages", **{"aria-label": _("Pages")},
            ),
            html.Div(
                [
                    html.Div(
                        [
                            icon("search"),
                            # Not debounced: Dash sets the place of the cursor again after each
                            # letter then, behind whoever types faster, and letters change places.
                            dcc.Input(
                                id="search-text", type="text", maxLength=200,
                                placeholder=_("Hostname, serial, site"), autoComplete="off",
                            ),
                            html.Kbd("/"),
                        ],
                        className="search",
                    ),
                    html.Button(
                        icon("moon"), id="theme-button", className="square",
                        title=_("Light or dark"), **{"aria-label": _("Light or dark")},
                    ),
                ],
                className="top-end",
            ),
        ],
        className="top",
    )  # fmt: skip


def _brand() -> Component:
    mark = html.Img(src=dash.get_asset_url("mark.svg"), alt="")
    return html.A(
        [mark, html.Span("Inventory Hub")], href="/", className="brand", title="Inventory Hub"
    )


def _bottom(links: Sequence[PageLink]) -> list[Component]:
    """A phone's bar: the first pages, the filters, and the rest behind "More"."""
    bar = html.Nav(
        [
            drawn_list(_link(link, "bottom") for link in links[:AT_HAND]),
            html.Button(
                [icon("filter"), _("Filters"), html.Span(id="filter-count", className="count")],
                id="bottom-filters",
            ),
            html.Button([icon("more"), _("More")], id="bottom-more"),
        ],
        className="bottom",
        **{"aria-label": _("Pages and tools")},
    )
    more = html.Nav(
        [
            drawn_list(_link(link, "more") for link in links[AT_HAND:]),
            html.Button([icon("moon"), _("Light or dark")], id="bottom-theme"),
        ],
        className="more",
        **{"aria-label": _("More pages")},
    )
    return [more, bar]


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
        for part in (html.Span([html.Kbd(letter) for letter in key.split()]), html.Span(words))
    ]
    return dbc.Modal(
        drawn_list([html.H2(_("Keyboard")), html.Div(rows, className="keys")]),
        id="help", is_open=False, fade=False, centered=False, className="help",
    )  # fmt: skip
