"""Which sites grew or shrank, and what do they have?"""

from typing import Any

import dash
from dash import Input, Output, State, callback, dcc, html

from dashboard.base.notice import mark
from dashboard.components.kit import links
from dashboard.components.kit.beside import beside
from dashboard.components.kit.card import file_links
from dashboard.components.kit.grid import in_window
from dashboard.components.kit.states import nothing_matches
from dashboard.components.kit.why_button import why_button
from dashboard.components.sites import grid as site_grid
from dashboard.queries.counts import uncounted
from dashboard.queries.sites import site_table
from dashboard.views.list_page import Request, grid_rows, in_browser, list_page, no_data, page_words
from dashboard.web.context import view
from dashboard.words import sentences

dash.register_page(
    __name__,
    path="/sites",
    name=mark("Sites"),
    order=3,
    icon="sites",
    key="s",
    grid=True,
    own_sites=True,
)


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
    words = page_words(Ids.COUNT, Ids.WHY, Ids.ABOUT)
    return html.Div(
        [
            html.Div(
                [words, html.Div(id=Ids.FILES, className="card-actions")],
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
    with view(query, own_sites=True) as v:
        site_rows = site_table.site_rows(v.connection, v.moment, v.filters)
        others = beside(uncounted(v.connection, v.moment, v.filters), v.filters)
        state = no_data(v)
        if state is None and not site_rows:
            state = nothing_matches("/sites", others)
    why = why_button(v.filters.to_query())
    file = file_links(lambda form: links.file("sites", form, v.filters))
    head = sentences.site_totals(site_rows, v.filters)
    about = [sentences.compared(v.moment, v.filters), others]
    return head, why, about, file, state, not site_rows


def _rows(query: str, request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows that the grid asks for, and the sum of all."""
    with view(query, own_sites=True) as v:
        site_rows = site_table.site_rows(v.connection, v.moment, v.filters)
        others = uncounted(v.connection, v.moment, v.filters)
    window = in_window(site_grid.in_order(site_rows, request.get("sortModel")), request)
    rows = site_grid.rows(window, v.filters, v.moment)
    total = site_grid.total_row(site_rows, v.filters, v.moment, others)
    return grid_rows(rows, len(site_rows)), total


list_page(Ids.GRID, _rows, outputs=[Output(Ids.TOTAL, "data")])
in_browser(
    "pages.pin_totals",
    Output(Ids.BODY, "id"),
    Input(Ids.TOTAL, "data"),
    State(Ids.GRID, "id"),
    initially=True,
)
