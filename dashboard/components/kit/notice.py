"""Notices on a page: what is unusual about what it shows."""

from typing import Literal

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from dashboard.components.kit.drawn import Part, drawn_list

Level = Literal["danger", "warning", "info"]


def notice(level: Level, *parts: Part, kind: str = "") -> Component:
    """A notice of text and HTML components, in which no callback may name an id.

    Args:
        kind: further CSS classes.
    """
    return dbc.Alert(drawn_list(parts), color=level, fade=False, class_name=kind)


def notice_line(level: Level, *parts: Part, kind: str = "") -> html.Div:
    """A notice that stands among other drawn parts, such as one of several."""
    return html.Div(list(parts), className=f"alert alert-{level} {kind}".strip())
