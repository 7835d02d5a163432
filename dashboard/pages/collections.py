"""Did last night's runs complete?"""

from typing import Any

import dash
from dash import Input, Output, callback, html

from dashboard.base.notice import mark
from dashboard.base.params import arguments
from dashboard.base.run_params import PAGE, parse_runs_page
from dashboard.views.runs import collected
from dashboard.web.context import view

dash.register_page(
    __name__, path=PAGE, name=mark("Collections"), order=8, icon="collections", key="r"
)


def layout(**_query: str) -> html.Div:
    """One place, filled by the callback."""
    return html.Div(id="collections-body", className="collections")


@callback(
    Output("collections-body", "children"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    Input("settled", "data"),
)
def show(query: str | None, _snapshot: object, _settled: object) -> list[Any]:
    """Sources, calendar and list; or one run."""
    with view(query) as v:
        return collected(v, parse_runs_page(arguments(query), today=v.today))
