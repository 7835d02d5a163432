"""Why this number: the small button beside a figure, and the drawer that answers it."""

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.components.kit.drawn import drawn_list

DRAWER, REQUEST, BODY = "drawer", "drawer-asked", "drawer-body"


def why_button(query: str, figure: str = "count", words: bool = False) -> Component:
    """The button that explains a figure.

    Args:
        query: the filters of exactly this figure, as `Filters.to_query` writes them.
        figure: one of `queries.explain.figure.FIGURES`.
        words: with the word "Why" beside the sign, among the quiet actions of a card.
    """
    sign = html.Span(className="icon icon-why", **{"aria-hidden": "true"})
    about = _("Why this number?")
    return html.Button(
        [sign, _("Why")] if words else sign,
        className="button quiet why" if words else "why",
        type="button",
        title=about,
        **{"data-why": figure, "data-query": query, "aria-label": about, "aria-haspopup": "dialog"},
    )


def drawer() -> Component:
    """The drawer of the shell, closed; the browser opens it (why.js)."""
    close = html.Button(
        html.Span(className="icon icon-close", **{"aria-hidden": "true"}),
        id="drawer-close", className="square", type="button", **{"aria-label": _("Close")},
    )  # fmt: skip
    head = html.Header([html.H2(_("Why this number?"), id="drawer-title"), close])
    return html.Dialog(
        [drawn_list([head]), html.Div(id=BODY, className="drawer-body"), dcc.Store(id=REQUEST)],
        id=DRAWER,
        className="drawer",
        **{"aria-labelledby": "drawer-title"},
    )
