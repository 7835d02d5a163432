"""Which sites are there, and what does each source call them?"""

from typing import Any

import dash
from dash import Input, Output, callback, dcc, html
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.settings_params import SITES, parse_sites
from dashboard.components.kit.grid import in_window
from dashboard.components.kit.search_field import search_field
from dashboard.components.settings.sites import in_order, rows, segments, site_list, title
from dashboard.queries.sites import directory as query_sites
from dashboard.views import settings as settings_views
from dashboard.views.list_page import LIVE, Request, grid_rows, in_browser, list_page

dash.register_page(
    __name__,
    path=SITES,
    name="Sites of the settings",
    order=9.2,
    tab=mark("Sites"),
    grid=True,
)


class Ids:
    """The ids of this page."""

    HEAD, COUNT, TEXT = "sites-known-head", "sites-known-count", "sites-known-text"
    STATES, GRID, TICK = "sites-known-states", "sites-known-grid", "sites-known-tick"


def layout(q: str = "", **_query: str) -> html.Div:
    """Search, states and grid."""
    text = search_field(Ids.TEXT, _("Name of a site, as any source writes it"), q)
    line = html.Div(
        [
            html.H2(id=Ids.COUNT, **LIVE),
            html.Div(id=Ids.STATES),
            text,
        ],
        className="sites-line",
    )
    grid = html.Div(site_list(Ids.GRID), className="grid-card tall")
    return html.Div([html.Div(id=Ids.HEAD), line, grid, dcc.Store(id=Ids.TICK)],
                    className="settings")  # fmt: skip


@callback(
    Output(Ids.HEAD, "children"),
    Output(Ids.COUNT, "children"),
    Output(Ids.STATES, "children"),
    Input("filters", "data"),
    Input("settled", "data"),
)
def show(query: str | None, _settled: object) -> Any:
    """How many match, and the ways to others."""
    with settings_views.view(query) as v:
        filters = parse_sites(v.args)
        known_sites = query_sites.list_sites(v.connection, filters)
        head = settings_views.tabs(v.connection, SITES)
        return head, title(len(known_sites)), segments(filters.state)


def _rows(query: str, request: Request) -> dict[str, Any]:
    with settings_views.view(query) as v:
        known_sites = query_sites.list_sites(v.connection, parse_sites(v.args))
    window = in_window(in_order(known_sites, request.get("sortModel")), request)
    return grid_rows(rows(window), len(known_sites))


list_page(Ids.GRID, _rows, inputs=["filters", "settled"])
in_browser(
    "settings.search",
    Output(Ids.TICK, "data"),
    Input(Ids.TEXT, "value"),
)
