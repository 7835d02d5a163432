"""Large tables as one component: Dash takes seconds to replace a thousand components, the browser
draws the same table at once (assets/js/drawn.js)."""

import json
from typing import Any

from dash import html
from dash.development.base_component import Component

_ATTRIBUTES = {
    "className": "class",
    "colSpan": "colspan",
    "htmlFor": "for",
    "tabIndex": "tabindex",
}


def drawn(part: Component) -> html.Div:
    """`part`, a tree of plain HTML without ids and callbacks, as one component.

    Links lead to other pages as Dash's own do; those that download say so with `download`.
    """
    text = json.dumps(_tree(part), ensure_ascii=False)
    return html.Div(className="drawn", **{"data-drawn": text})


def _tree(part: Any) -> Any:
    """[tag, attributes, children]; text as it is."""
    if not isinstance(part, Component):
        return str(part)
    said = part.to_plotly_json()
    attributes = {
        _ATTRIBUTES.get(name, name): value
        for name, value in said["props"].items()
        if name != "children" and value is not None and value is not False
    }
    if "style" in attributes:
        attributes["style"] = "; ".join(f"{k}: {v}" for k, v in attributes["style"].items())
    children = said["props"].get("children")
    if not isinstance(children, list | tuple):
        children = [children]
    tag = "a" if said["type"] == "Link" else said["type"].lower()
    return [tag, attributes, [_tree(child) for child in children if child is not None]]
