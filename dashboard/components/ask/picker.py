"""Choosing what a decision is about: a search, and a button for each thing found."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.components.ask.dialog import ask_button, job_data
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.typed import typed

SITES, DEVICES = "sites", "devices"

Choice = tuple[Any, Any, str | None]
"""What an argument becomes, its name, and a line about it."""


def choose_button(
    job: str, arguments: Mapping[str, Any], field: str, what: str, words: Any, *, kind: str = ""
) -> html.Button:
    """A button that lets the reader choose the argument `field` of a job among `what`."""
    said = job_data(job, arguments) | {"data-field": field, "data-what": what}
    return html.Button(
        words, className=f"button {kind}".strip(), type="button", **{"aria-haspopup": "dialog"},
        **said,
    )  # fmt: skip


def picker() -> list[Component]:
    """The dialog, closed."""
    body = [
        html.H2(_("Choose"), id="picker-title"),
        html.Div(
            typed("picker-text", _("Type a part of the name"), autoFocus=True),
            className="picker-search",
        ),
        html.Div(id="picker-found", role="status"),
        html.Div(
            html.Button(_("Cancel"), id="picker-cancel", className="button", type="button"),
            className="decision-end",
        ),
    ]  # fmt: skip
    modal = dbc.Modal(body, id="picker", is_open=False, fade=False, className="decision picker")
    # What a button lets choose.
    return [dcc.Store(id="picking"), modal]


def choices(
    job: str, arguments: Mapping[str, Any], field: str, found: Sequence[Choice], more: int
) -> list[Component]:
    """A button for each choice; `more` says how many others there are."""
    if not found:
        return [html.P(_("Nothing is called so."), className="note")]
    rows = [
        html.Li(
            ask_button(
                job,
                {**arguments, field: value},
                [html.Strong(name), html.Span(about, className="muted")],
                kind="choice",
            )
        )
        for value, name, about in found
    ]
    parts: list[Component] = [drawn(html.Ul(rows, className="choices"))]
    if more:
        parts.append(html.P(_("%(n)s more: type more of the name.", n=more), className="note"))
    return parts
