"""The tabs of the settings pages, with the number of decisions that wait."""

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.i18n import translate
from dashboard.base.refusals import Refusal, refusal_words
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


def refused_card(refusal: Refusal) -> Component:
    """In place of a form that its reader may not use: why."""
    return html.Section(html.P(refusal_words(refusal)), className="card card-body")
