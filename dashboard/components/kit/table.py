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
