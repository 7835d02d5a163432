"""Why this number: the small button beside a figure, and the drawer that answers it."""

import dash_bootstrap_components as dbc
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
        className="btn btn-link why" if words else "why",
        type="button",
        title=about,
        **{"data-why": figure, "data-query": query, "aria-label": about, "aria-haspopup": "dialog"},
    )


def drawer() -> list[Component]:
    """The drawer of the shell, closed; the browser opens it (why.js). And the store of what it is
    asked."""
    title = html.H2(_("Why this number?"), id="drawer-title")
    close = html.Button(
        id="drawer-close", className="btn-close", type="button", **{"aria-label": _("Close")}
    )
    # In its place and of its size until the answer is there.
    waiting = dbc.Placeholder(
        html.Div(id=BODY, className="drawer-body"),
        target_components={BODY: "children"}, delay_show=200, show_initially=False,
        animation="wave", class_name="drawer-waiting",
    )  # fmt: skip
    panel = dbc.Offcanvas(
        waiting, id=DRAWER, title=drawn_list([title, close]), close_button=False, placement="end",
        labelledby="drawer-title", class_name="drawer",
    )  # fmt: skip
    return [panel, dcc.Store(id=REQUEST)]
