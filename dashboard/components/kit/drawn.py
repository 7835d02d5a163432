"""Lists and tables as one Dash component each.

dash-renderer's work grows with the number of mounted components: it takes seconds to replace a
thousand of them. So whatever repeats (rows, badges, legends, chips) is sent as data, of which the
browser builds the elements (assets/js/drawn.js).
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

Part = Component | str | None

_ATTRIBUTES = {
    "className": "class",
    "colSpan": "colspan",
    "htmlFor": "for",
    "tabIndex": "tabindex",
}


def drawn(part: Part) -> html.Div:
    """`part` as one component: a tree of HTML components and links.

    No callback may name an id in it. Links lead to other pages as those of Dash do; a link to a
    file has `download`.
    """
    return _component([part], "drawn")


def drawn_list(parts: Iterable[Part]) -> html.Div:
    """`parts` as one component that has no box of its own: they lie where it is put as if they were
    its siblings."""
    return _component(parts, "drawn-list")


def _component(parts: Iterable[Part], kind: str) -> html.Div:
    trees = [_tree(part) for part in parts if part is not None]
    return html.Div(className=kind, **{"data-drawn": json.dumps(trees, ensure_ascii=False)})


def _tree(part: Any) -> Any:
    """[tag, attributes, children], or a text.

    Raises:
        TypeError: the browser cannot build it: neither HTML nor a link.
    """
    if not isinstance(part, Component):
        return str(part)
    serialized = part.to_plotly_json()
    if serialized["type"] != "Link" and serialized["namespace"] != "dash_html_components":
        raise TypeError(f"{serialized['type']} is no HTML component, so it cannot be drawn")
    attributes = {
        _ATTRIBUTES.get(name, name): value
        for name, value in serialized["props"].items()
        if name != "children" and value is not None and value is not False
    }
    if "style" in attributes:
        attributes["style"] = "; ".join(_declaration(*item) for item in attributes["style"].items())
    children = serialized["props"].get("children")
    if "data-drawn" in attributes:
        # Drawn already: its parts become parts of this one.
        return ["div", attributes, json.loads(attributes.pop("data-drawn"))]
    if not isinstance(children, Sequence) or isinstance(children, str):
        children = [children]
    tag = "a" if serialized["type"] == "Link" else serialized["type"].lower()
    return [tag, attributes, [_tree(child) for child in children if child is not None]]


def _declaration(name: str, value: str | float) -> str:
    """A CSS declaration from React's way to write it: `maskImage` is `mask-image`, 96 is 96px."""
    hyphenated = re.sub("[A-Z]", lambda letter: f"-{letter[0].lower()}", name)
    return f"{hyphenated}: {value}{'' if isinstance(value, str) else 'px'}"
