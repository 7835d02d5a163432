"""Small tables of names and values."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.components.kit.drawn import drawn


def fact_list(facts: Sequence[tuple[str, Any]]) -> Component:
    """Names with their values, a line each. A value may be a component, or a list of them."""
    rows = [part for name, value in facts for part in (html.Dt(name), html.Dd(value))]
    return drawn(html.Dl(rows, className="fact-list"))


def column_head(name: str, kind: str = "") -> html.Th | html.Td:
    """The head of a column; over buttons, whose column has no name, an empty cell.

    Args:
        kind: CSS classes.
    """
    return html.Th(name, scope="col", className=kind) if name else html.Td(className=kind)
