"""Which devices match these filters on this date?"""

from typing import Any

import dash
from dash import (
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    html,
    no_update,
)

from dashboard.base.i18n import translate_notice
from dashboard.base.notice import mark
from dashboard.components.devices.grid import device_grid, rows
from dashboard.components.kit import links
from dashboard.components.kit.card import file_links
from dashboard.components.kit.grid import sort_of, sorted_window
from dashboard.components.kit.states import first_run, nothing_matches
from dashboard.components.why.button import why_button
from dashboard.queries.devices import matching as devices
from dashboard.queries.freshness import freshness
from dashboard.web.context import page_filters, view
from dashboard.words import sentences

dash.register_page(
    __name__, path="/devices", name=mark("Devices"), order=4, icon="devices", key="d"
)


class Ids:
    """The ids of this page."""

    COUNT, WHY = "devices-count", "devices-why"
    ABOUT, FILES = "devices-about", "devices-files"
    STATE, BODY, GRID = "devices-state", "devices-body", "devices-grid"


def layout(**_query: str) -> html.Div:
    """The count line, the file, the grid."""
    words = html.Div(
        [
            html.Div(
                [html.H1(id=Ids.COUNT, role="status"), html.Span(id=Ids.WHY)],
                className="count-line",
            ),
            html.P(id=Ids.ABOUT, className="card-subtitle"),
        ]
    )
    return html.Div(
        [
            html.Div(
                [words, html.Div(id=Ids.FILES, className="card-actions")], className="page-head"
            ),
            html.Div(id=Ids.STATE),
            html.Div(device_grid(Ids.GRID), id=Ids.BODY, className="grid-card"),
        ],
        className="devices",
    )


@callback(
    Output(Ids.COUNT, "children"),
    Output(Ids.ABOUT, "children"),
    Output(Ids.WHY, "children"),
    Output(Ids.STATE, "children"),
    Output(Ids.BODY, "hidden"),
    Input("filters", "data"),
    Input("snapshot", "data"),
)
def show(query: str | None, _snapshot: object) -> tuple[str, str, Any, Any, bool]:
    """How many match, and of what."""
    with view(query) as v:
        count = devices.count(v.connection, v.moment, v.filters)
        problems = freshness(v.connection, v.now).problems if v.moment.newest is None else ()
    state = None
    if v.moment.newest is None:
        state = first_run([translate_notice(notice) for notice in problems])
    elif not count:
        state = nothing_matches("/devices")
    shown, why = sentences.shown(v.moment, v.filters), why_button(v.filters.to_query())
    return sentences.how_many(count), shown, why, state, not count


@callback(
    Output(Ids.FILES, "children"), Input("filters", "data"), Input(Ids.GRID, "getRowsRequest")
)
def files(query: str | None, request: dict[str, Any] | None) -> Any:
    """The files of what is listed, in the order in which it is listed."""
    filters = page_filters(query)
    sort = sort_of(request, devices.SORTS, devices.BY_SITE)
    return file_links(lambda form: links.devices_file(filters, sort, form))


@callback(
    Output(Ids.GRID, "getRowsResponse"),
    Input(Ids.GRID, "getRowsRequest"),
    State("filters", "data"),
    prevent_initial_call=True,
)
def answer(request: dict[str, Any] | None, query: str | None) -> Any:
    """The rows that the grid asks for."""
    if request is None or query is None:
        return no_update
    with view(query) as v:
        found = devices.page(
            v.connection,
            v.moment,
            v.filters,
            **sorted_window(request, devices.SORTS, devices.BY_SITE),
        )
        count = devices.count(v.connection, v.moment, v.filters)
    return {"rowData": rows(found), "rowCount": count}


clientside_callback(
    ClientsideFunction("pages", "ask_again"),
    Output(Ids.GRID, "id"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    State(Ids.GRID, "id"),
    prevent_initial_call=True,
)

clientside_callback(
    ClientsideFunction("pages", "fit"),
    Output(Ids.BODY, "id"),
    Input("filters", "data"),
    State(Ids.GRID, "id"),
)
