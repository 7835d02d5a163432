"""How many devices today against last month-end? Which sites moved? Is the data complete?"""

from typing import Any

import dash
from dash import Input, Output, callback, dcc, html
from flask_babel import gettext as _

from dashboard.base.good_direction import good_direction
from dashboard.base.notice import mark
from dashboard.components.kit import links
from dashboard.components.kit.card import card, card_head, chart, chart_place, place
from dashboard.components.kit.kpi import waiting_tiles
from dashboard.components.kit.states import nothing_matches
from dashboard.components.overview import page as overview
from dashboard.components.overview.page import Answers
from dashboard.components.sites.table import MOVED, ordered
from dashboard.figures.months import months_figure, stacks
from dashboard.figures.waterfall import axis_start, waterfall_figure
from dashboard.queries import counts
from dashboard.queries.changes import bars as changes
from dashboard.queries.months.month_ends import last_months
from dashboard.queries.series import daily_series
from dashboard.queries.sites import site_table
from dashboard.views.coverage import gap
from dashboard.views.list_page import no_data, open_on_click
from dashboard.web.context import View, view
from dashboard.words.sentences import bar_names

dash.register_page(
    __name__,
    path="/",
    name=mark("Overview"),
    order=1,
    icon="overview",
    key="o",
    charts=True,
    own_sites=True,
)


class Ids:
    """The ids of this page."""

    STATE, BODY, KPIS = "overview-state", "overview-body", "overview-kpis"
    MONTHS, MONTHS_CHART = "months", "months-chart"
    MOVERS, MOVERS_LIST = "movers", "movers-list"
    WHY, WHY_CHART = "why", "why-chart"
    LEGEND = "months-legend"
    SITES, ORDER = "sites", "sites-order"


def layout(**_query: str) -> html.Div:
    """Every card in its place and size; the callbacks fill them."""
    months = [
        chart_place(Ids.MONTHS_CHART, 248, _("Devices month by month"), _("Month")),
        html.Div(id=Ids.LEGEND, className="legend"),
    ]
    body = [
        html.Div(waiting_tiles(7), id=Ids.KPIS, className="kpis"),
        card(Ids.MONTHS, months, head=card_head(Ids.MONTHS, None, None, None)),
        card(Ids.MOVERS, place(Ids.MOVERS_LIST, 272), head=card_head(Ids.MOVERS, None, None, None)),
        card(
            Ids.WHY,
            chart_place(Ids.WHY_CHART, 240, _("Why the number moved"), _("Bar")),
            head=card_head(Ids.WHY, None, None, None),
        ),
        card(
            Ids.SITES,
            [
                place(f"{Ids.SITES}-table", 600),
                html.Div(id=f"{Ids.SITES}-more", className="note pager"),
            ],
            head=card_head(Ids.SITES, _("Sites"), None, None),
        ),
    ]
    return html.Div(
        [
            dcc.Store(id=Ids.ORDER, data=MOVED),
            html.H1(_("Overview"), className="visually-hidden"),
            html.Div(id=Ids.STATE),
            html.Div(body, id=Ids.BODY, className="overview"),
        ]
    )


@callback(
    output={
        "state": Output(Ids.STATE, "children"),
        "hidden": Output(Ids.BODY, "hidden"),
        "kpis": Output(Ids.KPIS, "children"),
        "months_head": Output(f"{Ids.MONTHS}-head", "children"),
        "months": Output(f"{Ids.MONTHS_CHART}-place", "children"),
        "months_kind": Output(f"{Ids.MONTHS_CHART}-place", "className"),
        "legend": Output(Ids.LEGEND, "children"),
        "movers_head": Output(f"{Ids.MOVERS}-head", "children"),
        "movers": Output(Ids.MOVERS_LIST, "children"),
        "why_head": Output(f"{Ids.WHY}-head", "children"),
        "why": Output(f"{Ids.WHY_CHART}-place", "children"),
    },
    inputs=[Input("filters", "data"), Input("snapshot", "data")],
)
def show(query: str | None, _snapshot: object) -> dict[str, Any]:
    """All figures of one moment."""
    with view(query, own_sites=True) as v:
        if (state := no_data(v)) is not None:
            return overview.instead(state)
        answers = _ask(v)
    if answers.nothing:
        return overview.instead(nothing_matches("/"))
    return overview.parts(answers) | _charts(answers)


def _charts(answers: Answers) -> dict[str, Any]:
    moment, counted, bars = answers.moment, answers.filters, answers.bars
    return {
        "months": chart(
            Ids.MONTHS_CHART,
            months_figure(
                answers.months, lambda month, kind: links.month_bar(month, kind, counted, moment)
            ),
        ),
        "why": chart(
            Ids.WHY_CHART,
            waterfall_figure(
                bars,
                bar_names(moment, counted),
                links.bars(bars, counted, moment.then.day),
                good=good_direction(counted),
            ),
        ),
    }


def _ask(v: View) -> Answers:
    question, counted = (v.connection, v.moment), v.filters
    compared = counts.compare(*question, counted)
    bars, months = changes.bars(*question, counted), last_months(*question, counted)
    return Answers(
        v.moment,
        counted,
        compared.kpis(),
        compared.uncounted(),
        bars,
        changes.movers(*question, counted, limit=8),
        months,
        daily_series(*question, counted).of("total"),
        gap(v),
        list(stacks(months)),
        axis_start(bars),
    )


@callback(
    output={
        "head": Output(f"{Ids.SITES}-head", "children"),
        "table": Output(f"{Ids.SITES}-table", "children"),
        "more": Output(f"{Ids.SITES}-more", "children"),
    },
    inputs=[Input("filters", "data"), Input("snapshot", "data"), Input(Ids.ORDER, "data")],
)
def show_sites(query: str | None, _snapshot: object, order: dict[str, Any]) -> dict[str, Any]:
    """The table of sites in the chosen order."""
    with view(query, own_sites=True) as v:
        rows = site_table.site_rows(v.connection, v.moment, v.filters)
    rows = ordered(rows, order["column"], order["down"])
    return overview.sites_parts(rows, v.moment, v.filters, order)


open_on_click(Ids.MONTHS_CHART, Ids.WHY_CHART)
