"""The tabs of the settings pages, with the number of decisions that wait."""

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.i18n import translate
from dashboard.base.settings_params import PAGE


def frame(here: str, count: int, body: list[Any]) -> list[Component]:
    """The page at the path `here` under its tabs; `count` is the number of decisions that wait."""
    tabs = [page for page in dash.page_registry.values() if "tab" in page]
    links = [
        dbc.NavLink(
            [translate(page["tab"]), *([waits(count)] if page["path"] == PAGE and count else [])],
            href=page["path"],
            active=page["path"] == here,
        )
        for page in tabs
    ]
    nav = dbc.Nav(links, class_name="nav-underline")
    return [
        html.H1(_("Settings"), className="visually-hidden"),
        html.Nav(nav, className="settings-tabs", **{"aria-label": _("Pages of the settings")}),
        *body,
    ]


def waits(count: int) -> Component:
    """The number beside the name of a tab; empty for 0."""
    return html.Span(formats.number(count) if count else None, className="count")


def needs_role(doing: str) -> Component:
    """The page for people who are no administrators: what is done on it, and who may."""
    return html.Section(
        [
            html.H2(_("%(doing)s needs the role administrator", doing=doing),
                    className="state-title"),
            html.P(_("Ask an administrator of this hub.")),
        ],
        className="card card-body state",
    )  # fmt: skip


def forbidden() -> Component:
    """The page for viewers, who may not see the audit log."""
    return html.Section(
        [
            html.H2(_("Managers only"), className="state-title"),
            html.P(_("Ask an administrator of this hub for the role of a manager.")),
        ],
        className="card card-body state",
    )
