"""The tabs of the settings pages, with the number of decisions that wait."""

from typing import Any

import dash
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.i18n import translate
from dashboard.base.settings_params import PAGE


def frame(here: str, count: int, body: list[Any]) -> list[Component]:
    """The page at the path `here` under its tabs; `count` is the number of decisions that wait."""
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
    """The number beside the name of a tab; empty for 0."""
    return html.Span(formats.number(count) if count else None, className="count")


def forbidden() -> Component:
    """The page for viewers, who may not see the audit log."""
    return html.Section(
        [
            html.H2(_("Managers only"), className="state-title"),
            html.P(_("Ask an administrator of this hub for the role of a manager.")),
        ],
        className="card state",
    )
