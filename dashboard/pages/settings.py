"""What waits for me to decide?"""

from typing import Any

import dash
from dash import Input, Output, callback, html

from dashboard.base.notice import mark
from dashboard.base.settings_params import PAGE
from dashboard.views import settings as settings_views

dash.register_page(
    __name__,
    path=PAGE,
    name=mark("Settings"),
    order=9,
    icon="settings",
    key="e",
    tab=mark("Waiting for you"),
    status=settings_views.status,
)


def layout(**_query: str) -> html.Div:
    """One place, filled by the callback."""
    return html.Div(id="settings-body", className="settings")


@callback(
    Output("settings-body", "children"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    Input("settled", "data"),
)
def show(query: str | None, _snapshot: object, _settled: object) -> list[Any]:
    """Everything that waits."""
    with settings_views.view(query) as v:
        return settings_views.inbox_page(v)
