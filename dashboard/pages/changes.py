"""Why did the number move between these two dates?"""

from collections.abc import Callable
from typing import Any

import dash
from dash import Input, Output, callback, html
from flask_babel import gettext as _

from dashboard.base.good_direction import good_direction
from dashboard.base.notice import mark
from dashboard.base.theme import Figure
from dashboard.components.changes import page as change_page
from dashboard.components.changes.grid import change_grid, rows
from dashboard.components.changes.page import Answers
from dashboard.components.kit import links
from dashboard.components.kit.beside import beside
from dashboard.components.kit.card import card, chart, chart_place
from dashboard.components.kit.grid import sort_of, sorted_window
from dashboard.components.kit.states import nothing_matches
from dashboard.figures.waterfall import axis_start, waterfall_figure
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes import change_list
from dashboard.queries.counts import uncounted
from dashboard.views.list_page import (
    Request,
    grid_rows,
    list_page,
    listed,
    no_data,
    open_on_click,
    page_words,
)
from dashboard.web.context import View, page_filters, view
from dashboard.words.sentences import bar_names

PATH = "/changes"
dash.register_page(
    __name__,
    path=PATH,
    name=mark("Changes"),
    order=2,
    icon="changes",
    key="c",
    charts=True,
    grid=True,
    own_sites=True,
)


class Ids:
    """The ids of this page."""

    STATE, BODY = "changes-state", "changes-body"
    SUMMARY, ABOUT, WHY = "changes-summary", "changes-about", "changes-why"
    BARS, CHART, ACTIONS = "bars", "bars-chart", "bars-actions"
    TABS, LISTED, EMPTY, PLACE = "changes-tabs", "changes-listed", "changes-empty", "changes-place"
    GRID, FILES = "changes-grid", "changes-files"


def layout(**_query: str) -> html.Div:
    """The sentence, the bars, the devices behind them."""
    words = page_words(Ids.SUMMARY, Ids.WHY, Ids.ABOUT)
    grid = html.Div(change_grid(Ids.GRID), id=Ids.PLACE, className="grid-card")
    body = [
        html.Div(words, className="page-head"),
        card(
            Ids.BARS,
            chart_place(Ids.CHART, 320, _("Why the number moved"), _("Bar")),
            actions_id=Ids.ACTIONS,
        ),
        html.Nav(id=Ids.TABS, className="bar-tabs", **{"aria-label": _("Bars")}),
        listed(Ids.LISTED, Ids.FILES),
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
        "chart": Output(f"{Ids.CHART}-place", "children"),
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
    with view(query, PATH, own_sites=True) as v:
        return _content(v)


def _content(v: View) -> dict[str, Any]:
    question = (v.connection, v.moment, v.filters)
    if (state := no_data(v)) is not None:
        return change_page.instead(state)
    bars = changes.bars(*question)
    if bars.opening is None:
        first = changes.first_day(v.connection, v.filters.basis)
        return change_page.instead(change_page.too_early(v.moment, v.filters, first))
    count = change_list.count(*question, bars)
    others = uncounted(*question)
    if not (bars.opening or bars.closing or count):
        nothing = nothing_matches(PATH, beside(others, v.filters.having(changes=())))
        return change_page.instead(nothing)
    answers = Answers(v.moment, v.filters, bars, others, count, axis_start(bars))
    return change_page.parts(answers) | {"chart": chart(Ids.CHART, _figure(answers))}


def _figure(answers: Answers) -> Figure:
    moment, filters, bars = answers.moment, answers.filters, answers.bars
    behind = links.bars(bars, filters.having(changes=()), moment.then.day)
    names, good = bar_names(moment, filters), good_direction(filters)
    return waterfall_figure(bars, names, behind, filters.changes, good=good)


def _file(query: str | None, request: Request | None) -> Callable[[str], str]:
    filters = page_filters(query, PATH)
    sort = sort_of(request, change_list.SORTS, change_list.BY_BAR)
    return lambda form: links.changes_file(filters, sort, form)


def _rows(query: str, request: Request) -> dict[str, Any]:
    window = sorted_window(request, change_list.SORTS, change_list.BY_BAR)
    with view(query, PATH, own_sites=True) as v:
        items = change_list.page(v.connection, v.moment, v.filters, **window)
        count = change_list.count(v.connection, v.moment, v.filters)
        return grid_rows(rows(items, v.filters), count)


list_page(Ids.GRID, _rows, files=Ids.FILES, file=_file)
open_on_click(Ids.CHART)
