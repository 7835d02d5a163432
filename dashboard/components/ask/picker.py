"""The picker: a search for what a decision is about, with a button for each result."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.access import Actor
from dashboard.components.ask.dialog import ask_button, decision_data, refused_button
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.search_field import search_field
from db.decisions import Decision

SITES, DEVICES = "sites", "devices"

Choice = tuple[Any, Any, str | None]
"""The argument's value, its name, and a line about it."""


def choose_button(
    decision: type[Decision],
    arguments: Mapping[str, Any],
    field: str,
    what: str,
    label: Any,
    *,
    actor: Actor,
    kind: str = "btn-secondary",
) -> html.Button:
    """A button that opens the picker for one argument of a decision. Who may not request it sees it
    disabled, with the reason.

    Args:
        actor: whoever looks.
        arguments: the other arguments, as JSON values.
        field: the name of the argument to choose.
        what: `SITES` or `DEVICES`, to choose among.
        kind: CSS classes beside "btn".
    """
    if (refusal := actor.refusal(decision)) is not None:
        return refused_button(refusal, label, kind=kind)
    data = decision_data(decision, arguments) | {"data-field": field, "data-what": what}
    return html.Button(
        label,
        className=f"btn {kind}",
        type="button",
        **{"aria-haspopup": "dialog"},
        **data,
    )


def picker() -> list[Component]:
    """The closed picker and its store."""
    search = search_field("picker-text", _("Type a part of the name"), autofocus=True)
    modal = dbc.Modal(
        [
            html.H2(_("Choose"), id="picker-title", className="modal-header modal-title"),
            dbc.ModalBody([search, html.Div(id="picker-found", role="status")]),
            dbc.ModalFooter(dbc.Button(_("Cancel"), id="picker-cancel", color="secondary")),
        ],
        id="picker", is_open=False, fade=False, scrollable=True, fullscreen="md-down",
        labelledby="picker-title", class_name="picker",
    )  # fmt: skip
    # What a button lets choose.
    return [dcc.Store(id="picking"), modal]


def choices(
    decision: type[Decision],
    arguments: Mapping[str, Any],
    field: str,
    results: Sequence[Choice],
    more: int,
    actor: Actor,
) -> list[Component]:
    """A button for each result; `more` says how many others match."""
    if not results:
        return [html.P(_("Nothing has such a name."), className="note")]
    rows = [
        html.Li(
            ask_button(
                decision,
                {**arguments, field: value},
                [html.Strong(name), html.Span(about, className="muted")],
                actor=actor,
                kind="choice",
            )
        )
        for value, name, about in results
    ]
    parts: list[Component] = [drawn(html.Ul(rows, className="choices"))]
    if more:
        parts.append(html.P(_("%(n)s more: type more of the name.", n=more), className="note"))
    return parts
