"""Which machines miss a source, and where do the sources disagree?"""

from collections.abc import Callable
from typing import Any

import dash
from dash import Input, Output, State, callback, html, no_update
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.params import Filters
from dashboard.base.theme import Figure
from dashboard.components.coverage import page as coverage_page
from dashboard.components.coverage.grid import coverage_grid, rows
from dashboard.components.kit import links
from dashboard.components.kit.card import card, card_head, chart, chart_place, place
from dashboard.components.kit.grid import sort_of, sorted_window
from dashboard.components.kit.kpi import waiting_tiles
from dashboard.figures.coverage import trend_figure
from dashboard.queries.coverage import findings as coverage
from dashboard.queries.coverage.trend import Trend, trend
from dashboard.views.coverage import answers
from dashboard.views.list_page import (
    Request,
    grid_rows,
    in_browser,
    list_page,
    listed,
    no_data,
    open_on_click,
    page_words,
)
from dashboard.web.context import page_filters, view
from db.coverage import TO_DO

PATH = "/coverage"
dash.register_page(
    __name__,
    path=PATH,
    name=mark("Coverage"),
    order=5,
    icon="coverage",
    key="v",
    charts=True,
    grid=True,
    own_sites=True,
)


class Ids:
    """The ids of this page."""

    STATE, BODY = "coverage-state", "coverage-body"
    SUMMARY, ABOUT, WHY = "coverage-summary", "coverage-about", "coverage-why"
    TILES, MATRIX, TREND, SITES = (
        "coverage-tiles", "coverage-matrix", "coverage-trend", "coverage-sites"
    )  # fmt: skip
    TABS, LISTED, EMPTY, PLACE = (
        "coverage-tabs", "coverage-listed", "coverage-empty", "coverage-place"
    )  # fmt: skip
    TREND_CHART = "coverage-trend-chart"
    GRID, FILES = "coverage-grid", "coverage-files"


def layout(**_query: str) -> html.Div:
    """The sentence, figures by kind, how the sources overlap, the trend, the sites, the list."""
    words = page_words(Ids.SUMMARY, Ids.WHY, Ids.ABOUT)
    body = [
        html.Div(words, className="page-head"),
        html.Div(waiting_tiles(7), id=Ids.TILES, className="kpis"),
        html.Div(
            [
                card(
                    Ids.MATRIX,
                    place(f"{Ids.MATRIX}-table", 341, "table-scroll"),
                    head=card_head(Ids.MATRIX),
                ),
                card(
                    Ids.TREND,
                    chart_place(Ids.TREND_CHART, 310, _("Findings day by day"), _("Day")),
                    head=card_head(Ids.TREND),
                ),
            ],
            className="coverage-pair",
        ),
        card(Ids.SITES, place(f"{Ids.SITES}-table", 560), title=_("Sites")),
        html.Div(id=Ids.TABS, className="coverage-tabs"),
        listed(Ids.LISTED, Ids.FILES),
        html.Div(id=Ids.EMPTY, className="note"),
        html.Div(coverage_grid(Ids.GRID), id=Ids.PLACE, className="grid-card"),
    ]
    return html.Div([html.Div(id=Ids.STATE), html.Div(body, id=Ids.BODY, className="coverage")])


@callback(
    output={
        "state": Output(Ids.STATE, "children"),
        "hidden": Output(Ids.BODY, "hidden"),
        "summary": Output(Ids.SUMMARY, "children"),
        "about": Output(Ids.ABOUT, "children"),
        "why": Output(Ids.WHY, "children"),
        "tiles": Output(Ids.TILES, "children"),
        "matrix_head": Output(f"{Ids.MATRIX}-head", "children"),
        "matrix": Output(f"{Ids.MATRIX}-table", "children"),
        "sites_subtitle": Output(f"{Ids.SITES}-subtitle", "children"),
        "sites": Output(f"{Ids.SITES}-table", "children"),
        "tabs": Output(Ids.TABS, "children"),
        "listed": Output(Ids.LISTED, "children"),
        "empty": Output(Ids.EMPTY, "children"),
        "no_list": Output(Ids.PLACE, "hidden"),
    },
    inputs=[Input("filters", "data"), Input("snapshot", "data"), Input("settled", "data")],
)
def show(query: str | None, _snapshot: object, _settled: object) -> dict[str, Any]:
    """All figures of one moment, and how many are in the list."""
    with view(query, PATH, own_sites=True) as v:
        if (state := no_data(v)) is not None:
            return coverage_page.instead(state)
        page = answers(v)
    return coverage_page.parts(page)


# Apart from the figures: those are drawn while the server looks back.
@callback(
    output={
        "head": Output(f"{Ids.TREND}-head", "children"),
        "chart": Output(f"{Ids.TREND_CHART}-place", "children"),
    },
    inputs=[Input("filters", "data"), Input("snapshot", "data"), Input("settled", "data")],
)
def show_trend(query: str | None, _snapshot: object, _settled: object) -> dict[str, Any]:
    """The findings of the last days."""
    with view(query, PATH, own_sites=True) as v:
        if v.moment.newest is None:
            return dict.fromkeys(("head", "chart"), no_update)
        every = v.filters.having(kinds=(), states=(), compared=(), compare_to=None)
        found = trend(v.connection, v.moment, every)
    return {
        "head": coverage_page.trend_head(found, every),
        "chart": chart(Ids.TREND_CHART, _figure(found, every)),
    }


def _figure(found: Trend, every: Filters) -> Figure:
    return trend_figure(
        found,
        links.each_day(
            lambda day, kind: links.coverage(every.having(as_of=day), (kind,), TO_DO),
        ),
    )


def _file(query: str | None, request: Request | None) -> Callable[[str], str]:
    filters = page_filters(query, PATH)
    sort = sort_of(request, coverage.SORTS, coverage.BY_KIND)
    return lambda form: links.coverage_file(filters, sort, form)


def _rows(query: str, request: Request) -> dict[str, Any]:
    window = sorted_window(request, coverage.SORTS, coverage.BY_KIND)
    with view(query, PATH, own_sites=True) as v:
        findings = coverage.page(v.connection, v.moment, v.filters, **window)
        count = coverage.count(v.connection, v.moment, v.filters)
        return grid_rows(rows(findings, v.actor, now=v.moment.is_newest), count)


list_page(
    Ids.GRID,
    _rows,
    files=Ids.FILES,
    file=_file,
    inputs=("filters", "snapshot", "settled"),
    reload_rows=("coverage", "reload_rows"),
)
open_on_click(Ids.TREND_CHART)
in_browser(
    "coverage.fit_columns",
    Output(Ids.PLACE, "id"),
    Input("filters", "data"),
    State(Ids.GRID, "id"),
    initially=True,
)
