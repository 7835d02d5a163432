"""Which sites grew or shrank, and what do they have?"""

from typing import Any

import dash
from dash import (
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    dcc,
    html,
    no_update,
)

from dashboard.base.i18n import translate_notice
from dashboard.base.notice import mark
from dashboard.components.kit import links
from dashboard.components.kit.card import file_links
from dashboard.components.kit.grid import window
from dashboard.components.kit.states import first_run, nothing_matches
from dashboard.components.sites import grid as site_grid
from dashboard.components.why.button import why_button
from dashboard.queries.freshness import freshness
from dashboard.queries.sites import table as sites
from dashboard.web.context import view
from dashboard.words import sentences

dash.register_page(__name__, path="/sites", name=mark("Sites"), order=3, icon="sites", key="s")


class Ids:
    """The ids of this page."""

    COUNT, WHY, ABOUT, FILES = (
        "site-list-count",
        "site-list-why",
        "site-list-about",
        "site-list-files",
    )
    STATE, BODY, GRID, TOTAL = (
        "site-list-state",
        "site-list-body",
        "site-list-grid",
        "site-list-total",
    )


def layout(**_query: str) -> html.Div:
    """The total, the files, the grid."""
    line = [html.H1(id=Ids.COUNT, role="status"), html.Span(id=Ids.WHY)]
    words = [
        html.Div(line, className="count-line"),
        html.P(id=Ids.ABOUT, className="card-subtitle"),
    ]
    return html.Div(
        [
            html.Div(
                [html.Div(words), html.Div(id=Ids.FILES, className="card-actions")],
                className="page-head",
            ),
            html.Div(id=Ids.STATE),
            dcc.Store(id=Ids.TOTAL),
            html.Div(site_grid.site_grid(Ids.GRID), id=Ids.BODY, className="grid-card"),
        ],
        className="devices",
    )


@callback(
    Output(Ids.COUNT, "children"),
    Output(Ids.WHY, "children"),
    Output(Ids.ABOUT, "children"),
    Output(Ids.FILES, "children"),
    Output(Ids.STATE, "children"),
    Output(Ids.BODY, "hidden"),
    Input("filters", "data"),
    Input("snapshot", "data"),
)
def show(query: str | None, _snapshot: object) -> tuple[Any, ...]:
    """How many at how many sites, against then; what stands instead of nothing."""
    with view(query) as v:
        found = sites.site_rows(v.connection, v.moment, v.filters)
        problems = freshness(v.connection, v.now).problems if v.moment.newest is None else ()
    state = None
    if v.moment.newest is None:
        state = first_run([translate_notice(notice) for notice in problems])
    elif not found:
        state = nothing_matches("/sites")
    why = why_button(v.filters.to_query())
    file = file_links(lambda form: links.file("sites", form, v.filters))
    head, about = sentences.at_sites(found, v.filters), sentences.compared(v.moment, v.filters)
    return head, why, about, file, state, not found


@callback(
    Output(Ids.GRID, "getRowsResponse"),
    Output(Ids.TOTAL, "data"),
    Input(Ids.GRID, "getRowsRequest"),
    State("filters", "data"),
    prevent_initial_call=True,
)
def answer(request: dict[str, Any] | None, query: str | None) -> Any:
    """The rows that the grid asks for, and the sum of all."""
    if request is None or query is None:
        return no_update, no_update
    with view(query) as v:
        found = sites.site_rows(v.connection, v.moment, v.filters)
    asked = window(request)
    ordered = site_grid.in_order(found, request.get("sortModel"))
    shown = ordered[asked["offset"] : asked["offset"] + asked["limit"]]
    rows = site_grid.rows(shown, v.filters)
    return {"rowData": rows, "rowCount": len(found)}, site_grid.total_row(found, v.filters)


clientside_callback(
    ClientsideFunction("pages", "ask_again"),
    Output(Ids.GRID, "id"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    State(Ids.GRID, "id"),
    prevent_initial_call=True,
)

clientside_callback(
    ClientsideFunction("pages", "last_line"),
    Output(Ids.BODY, "id"),
    Input(Ids.TOTAL, "data"),
    State(Ids.GRID, "id"),
)
