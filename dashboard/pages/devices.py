"""Which devices match these filters on this date?"""

from collections.abc import Callable
from typing import Any

import dash
from dash import Input, Output, State, callback, html

from dashboard.base.notice import mark
from dashboard.components.devices.grid import device_grid, hidden, not_kept, rows
from dashboard.components.kit import links
from dashboard.components.kit.beside import beside
from dashboard.components.kit.grid import sort_of, sorted_window
from dashboard.components.kit.states import nothing_matches
from dashboard.components.kit.why_button import why_button
from dashboard.queries.counts import uncounted
from dashboard.queries.devices import device_list
from dashboard.views.list_page import Request, grid_rows, in_browser, list_page, no_data, page_words
from dashboard.web.context import page_filters, view
from dashboard.words import sentences

dash.register_page(
    __name__,
    path="/devices",
    name=mark("Devices"),
    order=4,
    icon="devices",
    key="d",
    grid=True,
    own_sites=True,
)


class Ids:
    """The ids of this page."""

    COUNT, WHY = "devices-count", "devices-why"
    ABOUT, FILES = "devices-about", "devices-files"
    STATE, BODY, GRID = "devices-state", "devices-body", "devices-grid"


def layout(**_query: str) -> html.Div:
    """The count line, the file, the grid."""
    words = page_words(Ids.COUNT, Ids.WHY, Ids.ABOUT)
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
def show(query: str | None, _snapshot: object) -> tuple[str, Any, Any, Any, bool]:
    """How many match, and of what."""
    with view(query, own_sites=True) as v:
        count = device_list.count(v.connection, v.moment, v.filters)
        others = beside(uncounted(v.connection, v.moment, v.filters), v.filters)
        state = no_data(v)
        if state is None and not count:
            state = nothing_matches("/devices", others)
    about = [sentences.list_subtitle(v.moment, v.filters), others, not_kept(v.moment)]
    why = why_button(v.filters.to_query())
    return sentences.devices_match(count), about, why, state, not count


def _file(query: str | None, request: Request | None) -> Callable[[str], str]:
    filters = page_filters(query)
    sort = sort_of(request, device_list.SORTS, device_list.BY_SITE)
    return lambda form: links.devices_file(filters, sort, form)


def _rows(query: str, request: Request) -> dict[str, Any]:
    window = sorted_window(request, device_list.SORTS, device_list.BY_SITE)
    with view(query, own_sites=True) as v:
        device_rows = device_list.page(v.connection, v.moment, v.filters, **window)
        count = device_list.count(v.connection, v.moment, v.filters)
        return grid_rows(rows(device_rows, v.now), count, hidden(v.moment))


list_page(Ids.GRID, _rows, files=Ids.FILES, file=_file)
in_browser(
    "pages.fit_columns",
    Output(Ids.BODY, "id"),
    Input("filters", "data"),
    State(Ids.GRID, "id"),
    initially=True,
)
