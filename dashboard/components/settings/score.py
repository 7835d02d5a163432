"""How certain a suggestion is."""

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats


def score(value: int) -> Component:
    """The score of a suggestion, 0 to 100, as bar and number."""
    return html.Span(
        [
            html.Span(html.Span(style={"width": f"{value}%"}), className="score-bar"),
            html.Span(formats.percent(value)),
        ],
        className="score",
        title=_("How sure: %(n)s of 100", n=value),
    )
