"""Month by month: which are closed, what did each count, and what hinders the next?"""

from typing import Any

import dash
from dash import Input, Output, callback, html

from dashboard.base.notice import mark
from dashboard.views.months import all_months
from dashboard.web.context import view

dash.register_page(__name__, path="/months", name=mark("Months"), order=7, icon="months", key="m")


def layout(**_query: str) -> html.Div:
    """One place, filled by the callback."""
    return html.Div(id="months-body", className="collections")


@callback(
    Output("months-body", "children"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    Input("settled", "data"),
)
def show(query: str | None, _snapshot: object, _settled: object) -> list[Any]:
    """The table of months."""
    with view(query) as v:
        return all_months(v)
