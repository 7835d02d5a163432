"""The page of one site: figures, trends, locations, and its names in each source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.change import Change
from dashboard.base.good_direction import good_direction
from dashboard.base.params import NO_LOCATION, TYPES, Filters
from dashboard.components.changes.reason import balance_line
from dashboard.components.kit import links
from dashboard.components.kit.beside import beside
from dashboard.components.kit.card import card_head
from dashboard.components.kit.count_link import change_link, count_link, linked
from dashboard.components.kit.drawn import drawn, drawn_list
from dashboard.components.kit.pill import pill, source_badge
from dashboard.components.kit.states import nowhere
from dashboard.components.kit.why_button import why_button
from dashboard.components.sites.decisions import merged_line, site_acts, site_names
from dashboard.queries.changes.bars import Bars
from dashboard.queries.collection_days import Gap
from dashboard.queries.counts import Kpi
from dashboard.queries.moment import Moment
from dashboard.queries.months.month_ends import MonthEnd
from dashboard.queries.series import Series
from dashboard.queries.sites.merges import Merges
from dashboard.queries.sites.site_profile import Location, Profile
from dashboard.words import sentences
from dashboard.words.filter_words import location_word
from dashboard.words.terms import counted_name, type_names
from db.sources import source_label

PARTS = ("state", "hidden", "head", "places_title", "places", "aliases", "devices_title")
CHARTS = ("months_head", "months", "daily_head", "daily", "bars_head", "bars")
"""The keys of the page's parts, and its charts with the heads of their cards."""


@dataclass(frozen=True)
class Numbers:
    """What the site is and has, on the two days of `moment`; all of `counted`, which names it, but
    for `uncounted`: how many devices stand beside, by billing status."""

    profile: Profile
    moment: Moment
    counted: Filters
    kpis: Mapping[str, Kpi]
    uncounted: Mapping[str, int]
    sources: Mapping[str, int]
    locations: Sequence[Location]
    merges: Merges
    actor: Actor


@dataclass(frozen=True)
class Trends:
    """How the site went: why it moved, month by month, day by day. `axis_start` is where the axis
    of the waterfall begins."""

    moment: Moment
    counted: Filters
    bars: Bars
    months: list[MonthEnd]
    daily: Series
    gaps: Sequence[Gap]
    axis_start: int


def unknown() -> html.Section:
    """The empty state for an unknown site."""
    return nowhere(
        _("There is no site with this id"),
        _("The link may be mistyped. Search for the site by name, or choose it from the list."),
        (_("Go to the sites"), "/sites"),
    )


def parts(numbers: Numbers) -> dict[str, Any]:
    """The page but for its charts and its grid."""
    counted, figure = numbers.counted, numbers.kpis["total"].figure
    n = formats.number(figure.current)
    words = linked(f"{counted_name(counted)}: {n}", n, links.devices(counted))
    return {
        "state": None,
        "hidden": False,
        "head": drawn_list(_head(numbers)),
        "places_title": _places_title(numbers.locations),
        "places": _places(numbers.locations, numbers.counted),
        "aliases": drawn_list(
            site_names(
                numbers.profile,
                numbers.merges,
                numbers.moment.rules_of_day,
                numbers.actor,
                now=numbers.moment.is_newest,
            )
        ),
        "devices_title": drawn_list([words, why_button(counted.to_query())]),
    }


def chart_words(trends: Trends) -> dict[str, Any]:
    """The heads of the cards of the charts."""
    moment, counted, query = trends.moment, trends.counted, trends.counted.to_query()
    then = moment.then.day or moment.then.requested
    changes = dcc.Link(_("All changes"), href=links.changes(counted), className="btn btn-link")
    figure = Change(trends.bars.closing, trends.bars.opening)
    return {
        "months_head": card_head(
            "site-months",
            sentences.finding(figure, counted, then),
            sentences.months_subtitle(moment, counted, trends.months),
            why_button(query, "months", words=True),
        ),
        "daily_head": card_head(
            "site-daily",
            _daily_title(trends),
            _("By type; a pale day with × lacks a snapshot of a source"),
            why_button(query, "days", words=True),
        ),
        "bars_head": card_head(
            "site-bars",
            drawn_list(balance_line(trends.bars, counted, then)),
            sentences.waterfall_subtitle(moment, counted, trends.axis_start),
            drawn_list([changes, why_button(query, "bars", words=True)]),
        ),
    }


def _daily_title(trends: Trends) -> str:
    if not trends.daily.days:
        return _("Day by day: not stored for searches")
    days = {gap.day for gap in trends.gaps}
    count = formats.number(len(trends.daily.days))
    if not days:
        return _("The last %(days)s days, none missing", days=count)
    return _("The last %(days)s days, %(gaps)s with a gap", days=count, gaps=len(days))


def _head(numbers: Numbers) -> list[Component]:
    profile, counted, total = numbers.profile, numbers.counted, numbers.kpis["total"]
    pills = []
    if profile.merged_into is not None:
        pills.append(pill(_("Merged"), "merged"))
    if profile.needs_review:
        pills.append(pill(_("Needs review"), "needs-review"))
    if profile.internal:
        pills.append(pill(_("Internal"), "internal"))
    figure = html.Div(
        [
            count_link(total.figure.current, links.devices(counted), "site-total"),
            change_link(total.figure, links.changes(counted), good_direction(counted)),
            why_button(counted.to_query()),
            html.Span(f"{counted_name(counted)}, {formats.day(numbers.moment.now.day)}",
                      className="muted"),
            beside(numbers.uncounted, counted),
        ],
        className="title-line",
    )  # fmt: skip
    return [
        html.Div(
            [
                html.H1(profile.name),
                *pills,
                html.Div(
                    site_acts(profile, numbers.actor, now=numbers.moment.is_newest),
                    className="acts",
                ),
            ],
            className="title-line",
        ),
        *merged_line(numbers.merges, numbers.actor),
        figure,
        html.Div([*_types(numbers), *_sources(numbers)], className="facts figures"),
    ]


def _types(numbers: Numbers) -> list[Component]:
    """The count of each type that there is, now or then."""
    return [
        _figure(type_names(name), kpi.figure.current, kpi.filters)
        for name in TYPES
        if (kpi := numbers.kpis.get(name)) and (kpi.figure.current or kpi.figure.previous)
    ]


def _sources(numbers: Numbers) -> list[Component]:
    """The records of each source, the same machine's too."""
    return [
        _figure([source_badge(source), source_label(source)], n,
                numbers.counted.having(basis=source, sources=()))
        for source, n in numbers.sources.items()
    ]  # fmt: skip


def _figure(name: Any, n: int | None, filters: Filters) -> Component:
    return html.Div(
        [
            html.Span(name, className="figure-name"),
            html.Span(
                [count_link(n, links.devices(filters)), why_button(filters.to_query())],
                className="figure-value",
            ),
        ]
    )  # fmt: skip


def _places_title(places: Sequence[Location]) -> str:
    named = sum(place.name is not None for place in places)
    return _("Locations: %(n)s", n=formats.number(named))


def _places(places: Sequence[Location], counted: Filters) -> Component:
    if not places:
        return html.P(_("No counted device here."), className="note")
    rows = [_place(place, places[0].n, counted) for place in places]
    return drawn(html.Ol(rows, className="places"))


def _place(place: Location, most: int, counted: Filters) -> html.Li:
    name = place.name or NO_LOCATION
    there = counted.having(locations=(name,))
    return html.Li(
        [
            html.Span(location_word(name), className="place-name"),
            html.Span(className="place-bar", style={"width": f"{place.n / most * 100:.1f}%"}),
            count_link(place.n, links.devices(there), "place-n"),
            why_button(there.to_query()),
        ]
    )
