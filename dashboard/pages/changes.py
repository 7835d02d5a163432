"""Why did the number move between these two dates?"""

from typing import Any

import dash
import plotly.graph_objects as go
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
from flask_babel import gettext as _

from dashboard.base.i18n import translate_notice
from dashboard.base.notice import mark
from dashboard.components.changes import page as shown
from dashboard.components.changes.grid import change_grid, rows
from dashboard.components.changes.page import Answers
from dashboard.components.kit import links
from dashboard.components.kit.card import card, chart, file_links
from dashboard.components.kit.grid import sort_of, sorted_window
from dashboard.components.kit.states import first_run, nothing_matches
from dashboard.figures.waterfall import axis_start, waterfall_figure
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes import items as changes_list
from dashboard.queries.freshness import freshness
from dashboard.web.context import View, page_filters, view
from dashboard.words.sentences import bar_names

PATH = "/changes"
dash.register_page(__name__, path=PATH, name=mark("Changes"), order=2, icon="changes", key="c")


class Ids:
    """The ids of this page."""

    STATE, BODY = "changes-state", "changes-body"
    SUMMARY, ABOUT, WHY = "changes-summary", "changes-about", "changes-why"
    BARS, CHART, ACTIONS = "bars", "bars-chart", "bars-actions"
    TABS, LISTED, EMPTY, PLACE = "changes-tabs", "changes-listed", "changes-empty", "changes-place"
    GRID, FILES = "changes-grid", "changes-files"


def layout(**_query: str) -> html.Div:
    """The sentence, the bars, the devices behind them."""
    words = html.Div(
        [
            html.Div(
                [html.H1(id=Ids.SUMMARY, role="status"), html.Span(id=Ids.WHY)],
                className="count-line",
            ),
            html.P(id=Ids.ABOUT, className="card-subtitle"),
        ]
    )
    files = html.Div(id=Ids.FILES, className="card-actions")
    listed = html.Div([html.H2(id=Ids.LISTED, role="status"), files], className="card-head")
    grid = html.Div(change_grid(Ids.GRID), id=Ids.PLACE, className="grid-card")
    body = [
        html.Div(words, className="page-head"),
        card(
            Ids.BARS,
            chart(Ids.CHART, 320, _("Why the number moved")),
            actions=html.Span(id=Ids.ACTIONS),
        ),
        html.Nav(id=Ids.TABS, className="bar-tabs", **{"aria-label": _("Bars")}),
        listed,
        html.Div(id=Ids.EMPTY, className="note"),
        grid,
    ]
    return html.Div(
        [
            html.Div(id=Ids.STATE),
            html.Div(body, id=Ids.BODY, className="changes"),
        ]
    )


@callback(
    output={
        "state": Output(Ids.STATE, "children"),
        "hidden": Output(Ids.BODY, "hidden"),
        "summary": Output(Ids.SUMMARY, "children"),
        "about": Output(Ids.ABOUT, "children"),
        "why": Output(Ids.WHY, "children"),
        "title": Output(f"{Ids.BARS}-title", "children"),
        "subtitle": Output(f"{Ids.BARS}-subtitle", "children"),
        "figure": Output(Ids.CHART, "figure"),
        "actions": Output(Ids.ACTIONS, "children"),
        "tabs": Output(Ids.TABS, "children"),
        "listed": Output(Ids.LISTED, "children"),
        "empty": Output(Ids.EMPTY, "children"),
        "no_list": Output(Ids.PLACE, "hidden"),
    },
    inputs=[Input("filters", "data"), Input("snapshot", "data")],
)
def show(query: str | None, _snapshot: object) -> dict[str, Any]:
    """The bars, and how many devices are in the list."""
    with view(query, PATH) as v:
        return _shown(v)


def _shown(v: View) -> dict[str, Any]:
    asked = (v.connection, v.moment, v.filters)
    if v.moment.newest is None:
        problems = freshness(v.connection, v.now).problems
        return shown.instead(first_run([translate_notice(notice) for notice in problems]))
    bars = changes.bars(*asked)
    if bars.opening is None:
        first = changes.first_day(v.connection, v.filters.basis)
        return shown.instead(shown.too_early(v.moment, v.filters, first))
    count = changes_list.count(*asked, bars)
    if not (bars.opening or bars.closing or count):
        return shown.instead(nothing_matches(PATH))
    answers = Answers(v.moment, v.filters, bars, count, axis_start(bars))
    return shown.parts(answers) | {"figure": _chart(answers)}


def _chart(answers: Answers) -> go.Figure:
    moment, filters, bars = answers.moment, answers.filters, answers.bars
    behind = links.bars(bars, filters.having(changes=()), moment.then.day)
    return waterfall_figure(bars, bar_names(moment, filters), behind, filters.changes)


@callback(
    Output(Ids.FILES, "children"), Input("filters", "data"), Input(Ids.GRID, "getRowsRequest")
)
def files(query: str | None, request: dict[str, Any] | None) -> Any:
    """The files of what is listed, in the order in which it is listed."""
    filters = page_filters(query, PATH)
    sort = sort_of(request, changes_list.SORTS, changes_list.BY_BAR)
    return file_links(lambda form: links.changes_file(filters, sort, form))


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
    with view(query, PATH) as v:
        found = changes_list.page(
            v.connection,
            v.moment,
            v.filters,
            **sorted_window(request, changes_list.SORTS, changes_list.BY_BAR),
        )
        count = changes_list.count(v.connection, v.moment, v.filters)
    return {"rowData": rows(found, v.filters), "rowCount": count}


clientside_callback(
    ClientsideFunction("pages", "follow"),
    Output(Ids.CHART, "id"),
    Input(Ids.CHART, "clickData"),
    prevent_initial_call=True,
)
clientside_callback(
    ClientsideFunction("pages", "ask_again"),
    Output(Ids.GRID, "id"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    State(Ids.GRID, "id"),
    prevent_initial_call=True,
)
