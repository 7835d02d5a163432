"""What every page of the settings begins with: the way to the others, and how much waits."""

from typing import Any

import dash
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.i18n import translate
from dashboard.base.settings_params import PAGE


def frame(here: str, count: int, body: list[Any]) -> list[Component]:
    """The page at `here`; `count` is how much waits for a decision."""
    tabs = [page for page in dash.page_registry.values() if "tab" in page]
    links = [
        dcc.Link(
            [translate(page["tab"]), *([waits(count)] if page["path"] == PAGE and count else [])],
            href=page["path"],
            className="settings-tab here" if page["path"] == here else "settings-tab",
        )
        for page in tabs
    ]
    return [
        html.H1(_("Settings"), className="visually-hidden"),
        html.Nav(links, className="settings-tabs", **{"aria-label": _("Pages of the settings")}),
        *body,
    ]


def waits(count: int) -> Component:
    """How much waits, beside a name."""
    return html.Span(formats.number(count) if count else None, className="count")


def forbidden() -> Component:
    """What stands where somebody may not look."""
    return html.Section(
        [
            html.H2(_("Managers only"), className="state-title"),
            html.P(_("Ask an administrator of this hub for the role of a manager.")),
        ],
        className="card state",
    )
