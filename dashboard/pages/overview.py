"""How many devices today against last month-end? Which sites moved? Is the data complete?"""

from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, callback, clientside_callback, dcc, html
from flask_babel import gettext as _

from dashboard.components import links, overview
from dashboard.components.card import card, chart
from dashboard.components.overview import Answers, counted_by
from dashboard.components.site_table import ordered, site_table
from dashboard.components.states import first_run, nothing_matches
from dashboard.context import View, view
from dashboard.formats import short_day
from dashboard.i18n import told
from dashboard.queries import changes, counts, sites
from dashboard.queries.freshness import freshness
from dashboard.queries.months import last_months
from dashboard.queries.series import series

dash.register_page(__name__, path="/", name="Overview", order=1)


class Ids:
    """The ids of this page."""

    GO, STATE, BODY, KPIS = "overview-go", "overview-state", "overview-body", "overview-kpis"
    MONTHS, MONTHS_CHART = "months", "months-chart"
    MOVERS, MOVERS_LIST = "movers", "movers-list"
    WHY, WHY_CHART = "why", "why-chart"
    SITES, SITES_TABLE, SITES_FILE, ORDER = "sites", "sites-table", "sites-file", "sites-order"


def layout(**_query: str) -> html.Div:
    """Every card in its place and size; the callbacks fill them."""
    order = dcc.RadioItems(
        id=Ids.ORDER,
        options=[
            {"value": "change", "label": _("Largest change")},
            {"value": "now", "label": _("Most devices")},
            {"value": "name", "label": _("Name")},
        ],
        value="change",
        inline=True,
        className="segments",
    )
    file = html.A(
        [html.Span(className="icon icon-download"), _("Export CSV")],
        id=Ids.SITES_FILE,
        href="/export/sites.csv",
        className="button quiet",
    )
    body = [
        html.Div(id=Ids.KPIS, className="kpis"),
        card(Ids.MONTHS, chart(Ids.MONTHS_CHART, 288, _("Devices month by month"))),
        card(Ids.MOVERS, html.Div(id=Ids.MOVERS_LIST), title=_("Biggest movers")),
        card(Ids.WHY, chart(Ids.WHY_CHART, 240, _("Why the number moved"))),
        card(Ids.SITES, html.Div(id=Ids.SITES_TABLE), title=_("Sites"), actions=[order, file]),
    ]
    return html.Div(
        [
            dcc.Location(id=Ids.GO, refresh="callback-nav"),
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
        "months_title": Output(f"{Ids.MONTHS}-title", "children"),
        "months_subtitle": Output(f"{Ids.MONTHS}-subtitle", "children"),
        "months": Output(Ids.MONTHS_CHART, "figure"),
        "movers_subtitle": Output(f"{Ids.MOVERS}-subtitle", "children"),
        "movers": Output(Ids.MOVERS_LIST, "children"),
        "why_title": Output(f"{Ids.WHY}-title", "children"),
        "why_subtitle": Output(f"{Ids.WHY}-subtitle", "children"),
        "why": Output(Ids.WHY_CHART, "figure"),
    },
    inputs=[Input("filters", "data"), Input("snapshot", "data")],
)
def show(query: str | None, _snapshot: object) -> dict[str, Any]:
    """All figures of one moment."""
    with view(query) as v:
        if v.moment.newest is None:
            problems = freshness(v.connection, v.now).problems
            return overview.instead(first_run([told(notice) for notice in problems]))
        answers = _ask(v)
    if answers.nothing:
        return overview.instead(nothing_matches("/"))
    return overview.parts(answers)


def _ask(v: View) -> Answers:
    asked = (v.connection, v.moment)
    counted = counted_by(v.filters)
    billable = counts.kpis(*asked, counted)
    return Answers(
        v.moment,
        v.filters,
        counted,
        billable["total"].figure,
        counts.kpis(*asked, v.filters),
        billable,
        changes.bars(*asked, counted),
        changes.movers(*asked, counted, limit=8),
        last_months(*asked, counted),
        series(*asked, counted).of("total"),
    )


@callback(
    Output(Ids.SITES_TABLE, "children"),
    Output(f"{Ids.SITES}-subtitle", "children"),
    Output(Ids.SITES_FILE, "href"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    Input(Ids.ORDER, "value"),
)
def show_sites(query: str | None, _snapshot: object, order: str) -> tuple[Any, str, str]:
    """The table of sites in the chosen order."""
    with view(query) as v:
        counted = counted_by(v.filters)
        rows = ordered(sites.table(v.connection, v.moment, counted), order)
    now, then = v.moment.now.day or v.moment.now.asked, v.moment.then.day or v.moment.then.asked
    table = site_table(
        rows,
        short_day(now),
        short_day(then),
        lambda site: links.devices(counted.having(sites=(site,))),
    )
    return table, overview.sites_line(len(rows), v.moment, counted), links.sites_file(counted)


clientside_callback(
    ClientsideFunction("pages", "follow"),
    Output(Ids.GO, "href"),
    Input(Ids.MONTHS_CHART, "clickData"),
    Input(Ids.WHY_CHART, "clickData"),
    prevent_initial_call=True,
)
