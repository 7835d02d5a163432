"""One site: how did it go, what does it have, what changed?"""

from datetime import timedelta
from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, dcc, html
from dash import no_update as same
from flask_babel import gettext as _

from dashboard.base.good_direction import good_direction
from dashboard.base.params import Filters, Sort
from dashboard.components.changes import latest
from dashboard.components.changes.latest import Latest
from dashboard.components.devices.grid import device_grid, hidden, rows
from dashboard.components.kit import links
from dashboard.components.kit.card import card, card_head, chart, chart_place, place
from dashboard.components.kit.grid import sorted_window
from dashboard.components.kit.states import nothing_matches
from dashboard.components.sites import page as site_page
from dashboard.components.sites.page import CHARTS, PARTS, Numbers, Trends
from dashboard.figures.daily import daily_figure
from dashboard.figures.months import months_figure
from dashboard.figures.waterfall import axis_start, waterfall_figure
from dashboard.queries import counts
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes import change_list
from dashboard.queries.collection_days import gaps
from dashboard.queries.devices import device_list
from dashboard.queries.months.month_ends import last_months
from dashboard.queries.series import daily_series
from dashboard.queries.sites import site_profile
from dashboard.queries.sites.merges import merges
from dashboard.queries.sites.site_profile import Profile
from dashboard.views import coverage as coverage_views
from dashboard.views.list_page import Request, grid_rows, list_page, open_on_click
from dashboard.web.context import View, view
from dashboard.words.sentences import bar_names

dash.register_page(
    __name__,
    path_template="/sites/<site_id>",
    name="Site",
    exists=site_profile.find,
    called=site_profile.name_of,
    filters=["as_of", "compare_to", "basis", "type", "status"],
    charts=True,
    grid=True,
    own_sites=True,
)

DAYS = 65


class Ids:
    """The ids of this page."""

    SITE, STATE, BODY, HEAD = "site", "site-state", "site-body", "site-head"
    MONTHS, DAILY, BARS, LATEST = "site-months", "site-daily", "site-bars", "site-latest"
    MONTHS_CHART, DAILY_CHART, BARS_CHART = (
        "site-months-chart", "site-daily-chart", "site-bars-chart"
    )  # fmt: skip
    GAPS = "site-gaps"
    PLACES, ALIASES, DEVICES, GRID = "site-places", "site-aliases", "site-devices", "site-grid"


def layout(site_id: str = "", **_query: str) -> html.Div:
    """Every card in its place and size; the callbacks fill them."""
    happened = [
        card(
            Ids.MONTHS,
            chart_place(Ids.MONTHS_CHART, 232, _("Devices month by month"), _("Month")),
            head=card_head(Ids.MONTHS, None, None, None),
        ),
        card(
            Ids.DAILY,
            chart_place(Ids.DAILY_CHART, 200, _("Devices day by day"), _("Day")),
            head=card_head(Ids.DAILY, None, None, None),
        ),
        card(
            Ids.ALIASES,
            place(f"{Ids.ALIASES}-rows", 223),
            title=_("Names of this site"),
            subtitle=_("Its name and id in each source, and the last day they were used"),
        ),
    ]
    beside = [
        card(
            Ids.BARS,
            chart_place(Ids.BARS_CHART, 232, _("Why the number moved"), _("Bar")),
            head=card_head(Ids.BARS, None, None, None),
        ),
        card(Ids.LATEST, place(f"{Ids.LATEST}-rows", 318), head=card_head(Ids.LATEST)),
        card(Ids.GAPS, place(f"{Ids.GAPS}-rows", 119), head=card_head(Ids.GAPS)),
        card(Ids.PLACES, place(f"{Ids.PLACES}-rows", 168), subtitle=_("Counted devices in each")),
    ]
    grid = html.Div(device_grid(Ids.GRID), className="grid-card low")
    body = [
        dbc.Card(id=Ids.HEAD, body=True, class_name="title-card"),
        html.Div(happened, className="column"),
        html.Div(beside, className="column"),
        html.Section(
            [html.H2(id=f"{Ids.DEVICES}-title", className="count-line"), grid],
            className="listed",
        ),
    ]
    return html.Div(
        [
            dcc.Store(id=Ids.SITE, data=site_id),
            html.Div(id=Ids.STATE),
            html.Div(body, id=Ids.BODY, className="one-site"),
        ]
    )


@callback(
    output={
        "state": Output(Ids.STATE, "children"),
        "hidden": Output(Ids.BODY, "hidden"),
        "head": Output(Ids.HEAD, "children"),
        "places_title": Output(f"{Ids.PLACES}-title", "children"),
        "places": Output(f"{Ids.PLACES}-rows", "children"),
        "aliases": Output(f"{Ids.ALIASES}-rows", "children"),
        "devices_title": Output(f"{Ids.DEVICES}-title", "children"),
    },
    inputs=[
        Input("filters", "data"),
        Input("snapshot", "data"),
        Input("settled", "data"),
        State(Ids.SITE, "data"),
    ],
)
def show(
    query: str | None, _snapshot: object, _settled: object, site_id: str | None
) -> dict[str, Any]:
    """The numbers of one moment, of this site alone."""
    with view(query, own_sites=True) as v:
        profile = site_profile.find(v.connection, site_id)
        if profile is None:
            return dict.fromkeys(PARTS, same) | {"state": site_page.unknown(), "hidden": True}
        if v.filters.sites and profile.site_id not in v.filters.sites:
            nothing = nothing_matches(f"/sites/{profile.site_id}")
            return dict.fromkeys(PARTS, same) | {"state": nothing, "hidden": True}
        return site_page.parts(_numbers(v, profile))


# Apart from the numbers: those are read while a slow computer still draws.
@callback(
    output={
        "months_head": Output(f"{Ids.MONTHS}-head", "children"),
        "months": Output(f"{Ids.MONTHS_CHART}-place", "children"),
        "daily_head": Output(f"{Ids.DAILY}-head", "children"),
        "daily": Output(f"{Ids.DAILY_CHART}-place", "children"),
        "bars_head": Output(f"{Ids.BARS}-head", "children"),
        "bars": Output(f"{Ids.BARS_CHART}-place", "children"),
    },
    inputs=[Input("filters", "data"), Input("snapshot", "data"), State(Ids.SITE, "data")],
)
def show_charts(query: str | None, _snapshot: object, site_id: str | None) -> dict[str, Any]:
    """How the site went."""
    with view(query, own_sites=True) as v:
        profile = site_profile.find(v.connection, site_id)
        if profile is None or v.moment.now.day is None:
            return dict.fromkeys(CHARTS, same)
        trends = _trends(v, profile)
    return site_page.chart_words(trends) | _charts(trends)


def _of(v: View, site_id: int) -> Filters:
    return v.filters.having(sites=(site_id,))


def _numbers(v: View, profile: Profile) -> Numbers:
    counted = _of(v, profile.site_id)
    question = (v.connection, v.moment)
    compared = counts.compare(*question, counted)
    return Numbers(
        profile,
        v.moment,
        counted,
        compared.kpis(),
        compared.uncounted(),
        site_profile.records_by_source(*question, counted),
        site_profile.locations(*question, counted),
        merges(v.connection, profile.site_id),
        v.actor,
    )


def _charts(trends: Trends) -> dict[str, Any]:
    moment, counted, bars = trends.moment, trends.counted, trends.bars
    return {
        "months": chart(
            Ids.MONTHS_CHART,
            months_figure(
                trends.months, lambda month, kind: links.month_bar(month, kind, counted, moment)
            ),
        ),
        "daily": chart(
            Ids.DAILY_CHART,
            daily_figure(
                trends.daily,
                trends.gaps,
                links.each_day(lambda day, kind: links.devices_on(counted, day, types=(kind,))),
            ),
        ),
        "bars": chart(
            Ids.BARS_CHART,
            waterfall_figure(
                bars,
                bar_names(moment, counted),
                links.bars(bars, counted, moment.then.day),
                good=good_direction(counted),
            ),
        ),
    }


def _trends(v: View, profile: Profile) -> Trends:
    counted = _of(v, profile.site_id)
    question = (v.connection, v.moment)
    daily = daily_series(*question, counted, DAYS, unbroken=True)
    missing = []
    if daily.days:
        sources = v.moment.now.dates(counted.basis)
        missing = gaps(*question, sources, daily.days[0] - timedelta(days=1), daily.days[-1])
    bars, months = changes.bars(*question, counted), last_months(*question, counted)
    return Trends(v.moment, counted, bars, months, daily, missing, axis_start(bars))


# Apart from the charts: it takes all changes to know the newest, and a site may have thousands.
@callback(
    Output(f"{Ids.LATEST}-head", "children"),
    Output(f"{Ids.LATEST}-rows", "children"),
    Output(f"{Ids.GAPS}-head", "children"),
    Output(f"{Ids.GAPS}-rows", "children"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    State(Ids.SITE, "data"),
)
def show_latest(query: str | None, _snapshot: object, site_id: str | None) -> Any:
    """Which devices came and went last, and what the sources do not agree on."""
    with view(query, own_sites=True) as v:
        profile = site_profile.find(v.connection, site_id)
        if profile is None or v.moment.now.day is None:
            return (same,) * 4
        counted = _of(v, profile.site_id)
        *changed, newest = latest.parts(_latest(v, counted), v.moment, counted)
        *covered, findings = coverage_views.of_site(v, profile.site_id)
        return card_head(Ids.LATEST, *changed), newest, card_head(Ids.GAPS, *covered), findings


def _latest(v: View, counted: Filters) -> Latest:
    question = (v.connection, v.moment, counted)
    if not changes.can_compare(v.moment, counted):
        return Latest(None, [])
    newest = Sort(change_list.DATE, descending=True)
    items = change_list.page(*question, sort=newest, limit=latest.MOST)
    return Latest(change_list.count(*question), items)


def _rows(query: str, request: Request, site_id: str | None) -> dict[str, Any]:
    with view(query, own_sites=True) as v:
        profile = site_profile.find(v.connection, site_id)
        if profile is None:
            return grid_rows([], 0)
        question = (v.connection, v.moment, _of(v, profile.site_id))
        window = sorted_window(request, device_list.SORTS, device_list.BY_SITE)
        listed = rows(device_list.page(*question, **window), v.now)
        return grid_rows(listed, device_list.count(*question), hidden(v.moment))


list_page(Ids.GRID, _rows, states=[State(Ids.SITE, "data")])
open_on_click(Ids.MONTHS_CHART, Ids.DAILY_CHART, Ids.BARS_CHART)
