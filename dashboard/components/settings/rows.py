"""Fields of forms of the settings, and buttons in the rows of drawn tables: settings.js writes what
one is about into a store of the page."""

import json
from typing import Any

import dash_bootstrap_components as dbc
from dash import html


def row_button(
    store: str, label: str, about: str, kind: str = "btn-secondary", **what: object
) -> html.Button:
    """A button of a row.

    Args:
        store: the id of the store.
        about: the row, which screen readers read after `label`.
        what: goes into the store.
    """
    return html.Button(
        label,
        className=f"btn {kind}",
        type="button",
        **{"data-act": json.dumps(what), "data-store": store, "aria-label": f"{label}: {about}"},
    )


def labelled(label: str, control: Any) -> html.Div:
    """A control under its label."""
    return html.Div([dbc.Label(label, html_for=control.id), control], className="field own")
