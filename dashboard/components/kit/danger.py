"""The danger zone of a page: decisions that take data away, apart from the daily buttons."""

from collections.abc import Sequence
from typing import NamedTuple

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.components.kit.drawn import drawn


class Danger(NamedTuple):
    """A dangerous decision: what it is called, what comes of it, and its button (`ask_button`)."""

    title: str
    about: str
    button: html.Button


def danger_zone(rows: Sequence[Danger]) -> Component | None:
    """The section at the bottom of a page; None where nothing in it can be pressed: a viewer has
    no use for a list of what others may do."""
    if all(hasattr(row.button, "data-refusal") for row in rows):
        return None
    lines = [
        html.Li(
            [html.Div([html.Strong(row.title), html.P(row.about, className="muted")]), row.button]
        )
        for row in rows
    ]
    return html.Section(
        drawn(
            html.Div(
                [
                    html.H2(_("Danger zone"), id="danger-title", className="card-title"),
                    html.Ul(lines, className="danger-list"),
                ]
            )
        ),
        className="card card-body danger-zone",
        **{"aria-labelledby": "danger-title"},
    )
