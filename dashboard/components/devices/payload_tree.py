"""A payload as a collapsible tree of names and values."""

import json
from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.components.kit.drawn import drawn

_LONGEST = 500


def payload_tree(payload: Mapping[str, Any], hourly: Mapping[str, Any]) -> Component:
    """The tree, open to the first level; volatile keys come in a section of their own."""
    rows = [_row(key, value, 0) for key, value in payload.items()]
    if hourly:
        rows.append(
            html.P(_("Values that change all the time, latest only"), className="tree-note")
        )
        rows += [_row(key, value, 0) for key, value in hourly.items()]
    return drawn(html.Div(rows, className="tree"))


def _row(key: str, value: Any, depth: int) -> Component:
    name = html.Span(key, className="tree-key")
    if isinstance(value, dict | list) and value:
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        rows = [_row(str(name), child, depth + 1) for name, child in inner]
        size = ngettext("%(n)s entry", "%(n)s entries", len(value), n=formats.number(len(value)))
        summary = html.Summary([name, html.Span(size, className="muted")])
        return html.Details([summary, html.Div(rows, className="tree")], open=depth < 1)
    return html.Div([name, _value(value)], className="tree-row")


def _value(value: Any) -> Component:
    kind = "null" if value in (None, "", [], {}) else type(value).__name__
    # As in JSON, without the quotes.
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text == "":
        text = _("empty")
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "\u2026"
    return html.Span(text, className=f"tree-value tree-{kind}")
