"""What do the agents say now?"""

from typing import Any

import dash
from dash import Input, Output, State, callback, dcc, html, set_props

from dashboard.base.machine_params import BY_NAME, PAGE, SORTS, parse_machines_page
from dashboard.base.notice import mark
from dashboard.base.params import Sort, arguments
from dashboard.components.kit.card import file_links
from dashboard.components.kit.grid import sorted_window
from dashboard.components.kit.kpi import waiting_tiles
from dashboard.components.machines.grid import machine_grid, rows
from dashboard.queries.machines import latest as machines
from dashboard.views import machines as machine_views
from dashboard.views.list_page import LIVE, Request, grid_rows, in_browser, list_page

dash.register_page(
    __name__,
    path=PAGE,
    name=mark("Agents"),
    order=6,
    icon="machines",
    key="a",
    status=machine_views.status,
    search=True,
    grid=True,
    own_sites=True,
)

REFRESH_MILLISECONDS = 60_000
"""As often as a machine reports."""


class Ids:
    """The ids of this page."""

    COUNT, ABOUT, FILES = "machines-count", "machines-about", "machines-files"
    TILES, NOTICE, CHARTS = "machines-tiles", "machines-notice", "charts"
    STATE, BODY, GRID, TICK = "machines-state", "machines-body", "machines-grid", "machines-tick"


def layout(sort: str = "", **_query: str) -> html.Div:
    """Figures, charts, the grid in the order that the address asks for."""
    order = Sort(sort.removeprefix("-"), sort.startswith("-"))
    line = html.Div(
        [html.H1(id=Ids.COUNT, **LIVE), html.P(id=Ids.ABOUT, className="card-subtitle")]
    )
    files = html.Div(id=Ids.FILES, className="card-actions")
    return html.Div(
        [
            dcc.Interval(id=Ids.TICK, interval=REFRESH_MILLISECONDS),
            html.Div(waiting_tiles(4), id=Ids.TILES, className="kpis"),
            html.Div(id=Ids.NOTICE),
            html.Div(id=Ids.CHARTS, className="machine-charts"),
            html.Div([line, files], className="page-head"),
            html.Div(id=Ids.STATE),
            html.Div(machine_grid(Ids.GRID, order), id=Ids.BODY,
                     className="grid-card tall"),
        ],
        className="machines",
    )  # fmt: skip


@callback(
    output={
        "count": Output(Ids.COUNT, "children"),
        "about": Output(Ids.ABOUT, "children"),
        "tiles": Output(Ids.TILES, "children"),
        "notice": Output(Ids.NOTICE, "children"),
        "charts": Output(Ids.CHARTS, "children"),
        "state": Output(Ids.STATE, "children"),
        "hidden": Output(Ids.BODY, "hidden"),
    },
    inputs=[Input("filters", "data"), Input(Ids.TICK, "n_intervals")],
)
def show(query: str | None, _ticks: int | None) -> dict[str, Any]:
    """Everything but the rows, now."""
    with machine_views.view(query) as v:
        # The fields stand in the shell: as outputs they would miss this page's tick on other pages.
        for field, properties in machine_views.options_of(v).items():
            set_props(field, properties)
        return machine_views.parts(v)


@callback(Output(Ids.FILES, "children"), Input("filters", "data"))
def files(query: str | None) -> Any:
    """The files of what is listed, in the order in which it is listed."""
    listed = parse_machines_page(arguments(query))
    return file_links(lambda form: listed.address(f"/export/machines.{form}"))


def _rows(query: str, request: Request) -> dict[str, Any]:
    window = sorted_window(request, SORTS, BY_NAME)
    with machine_views.view(query) as v:
        filters, now = v.listed.filters, v.now
        machine_rows = machines.rows(v.connection, filters, now, **window)
        return grid_rows(rows(machine_rows, now), machines.count(v.connection, filters, now))


list_page(Ids.GRID, _rows, inputs=["filters"], reload_rows=("machines", "reload_rows"))
in_browser(
    "machines.refresh",
    Output(Ids.BODY, "id"),
    Input(Ids.TICK, "n_intervals"),
    State(Ids.GRID, "id"),
)

in_browser(
    "machines.store_order",
    Output(Ids.TICK, "id"),
    Input(Ids.GRID, "getRowsRequest"),
)
