"""One site: its figures, how they went, its places, and what each source calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard import formats
from dashboard.components import links, sentences
from dashboard.components.pill import delta, pill, source_badge
from dashboard.components.why import why_button
from dashboard.components.words import counted_name, type_names
from dashboard.figures.daily import daily_figure
from dashboard.figures.months import months_figure
from dashboard.figures.waterfall import waterfall_figure
from dashboard.filters import TYPES, Filters
from dashboard.queries.changes import Bars
from dashboard.queries.counts import Kpi
from dashboard.queries.gaps import Gap
from dashboard.queries.moment import LABELS, Moment
from dashboard.queries.months import Month
from dashboard.queries.one_site import Alias, Location, Profile
from dashboard.queries.series import Series
from db.kept import month_end

PARTS = (
    "state", "hidden", "head", "months_title", "months_subtitle", "months", "months_why",
    "daily_title", "daily_subtitle", "daily", "bars_title", "bars_subtitle", "bars", "bars_links",
    "places_title", "places", "aliases", "devices_title",
)  # fmt: skip
"""What `parts` answers."""


@dataclass(frozen=True)
class Answers:
    """What was asked of one site; everything of `counted`, which names it."""

    profile: Profile
    moment: Moment
    counted: Filters
    kpis: Mapping[str, Kpi]
    sources: Mapping[str, int]
    bars: Bars
    months: list[Month]
    daily: Series
    gaps: Sequence[Gap]
    locations: Sequence[Location]


def unknown() -> html.Section:
    """What stands where there is no such site."""
    return html.Section(
        [
            html.H2(_("There is no site with this id"), className="state-title"),
            html.P(_("The link may be mistyped. Search for the site by name, or choose it from "
                     "the list.")),
            dcc.Link(_("Go to the sites"), href="/sites", className="button"),
        ],
        className="card state",
    )  # fmt: skip


def parts(answers: Answers) -> dict[str, Any]:
    """The whole page but for the grid."""
    moment, counted, query = answers.moment, answers.counted, answers.counted.to_query()
    figure = answers.kpis["total"].figure
    then = moment.then.day or moment.then.asked
    opened = {
        "opening": links.devices_on(counted, moment.then.day),
        "closing": links.devices(counted),
    }
    changes = dcc.Link(_("All changes"), href=links.changes(counted), className="button quiet")
    return {
        "state": None,
        "hidden": False,
        "head": _head(answers),
        "months_title": sentences.finding(figure, counted, then),
        "months_subtitle": sentences.plotted(moment, counted, answers.months),
        "months": months_figure(answers.months, lambda month, kind: _month(answers, month, kind)),
        "months_why": why_button(query, "change", words=True),
        "daily_title": _daily_title(answers),
        "daily_subtitle": _("By type; a pale day with × has no snapshot of some source"),
        "daily": daily_figure(
            answers.daily,
            answers.gaps,
            lambda day, kind: links.devices_on(counted, day, types=(kind,)),
        ),
        "bars_title": sentences.balance(answers.bars, then),
        "bars_subtitle": sentences.compared(moment, counted),
        "bars": waterfall_figure(answers.bars, sentences.bar_names(moment, counted), opened),
        "bars_links": [changes, why_button(query, "bars", words=True)],
        "places_title": _places_title(answers.locations),
        "places": _places(answers.locations),
        "aliases": _aliases(answers.profile.aliases),
        "devices_title": [
            dcc.Link(
                f"{counted_name(counted)}: {formats.number(figure.current)}",
                href=links.devices(counted),
            ),
            why_button(query),
        ],
    }


def _month(answers: Answers, month: Month, kind: str | None) -> str | None:
    if month.by_type is None:
        return None
    narrower = {} if kind is None else {"types": (kind,)}
    day = None if month is answers.months[-1] else month_end(month.month)
    return links.devices_on(answers.counted, day, **narrower)


def _daily_title(answers: Answers) -> str:
    if not answers.daily.days:
        return _("Day by day: not stored for searches")
    days = {gap.day for gap in answers.gaps}
    shown = formats.number(len(answers.daily.days))
    if not days:
        return _("The last %(days)s days, none missing", days=shown)
    return _("The last %(days)s days, %(gaps)s with a gap", days=shown, gaps=len(days))


def _head(answers: Answers) -> list[Component]:
    profile, counted, total = answers.profile, answers.counted, answers.kpis["total"]
    pills = []
    if profile.needs_review:
        pills.append(pill(_("Needs review"), "needs-review"))
    if profile.internal:
        pills.append(pill(_("Internal"), "internal"))
    figure = html.Div(
        [
            dcc.Link(formats.number(total.figure.current), href=links.devices(counted),
                     className="site-total"),
            delta(total.figure),
            why_button(counted.to_query()),
            html.Span(f"{counted_name(counted)}, {formats.day(answers.moment.now.day)}",
                      className="muted"),
        ],
        className="title-line",
    )  # fmt: skip
    return [
        html.Div([html.H1(profile.name), *pills], className="title-line"),
        figure,
        html.Div([*_types(answers), *_sources(answers)], className="facts figures"),
    ]


def _types(answers: Answers) -> list[Component]:
    """The count of each type that there is, now or then."""
    return [
        _figure(type_names(name), kpi.figure.current, kpi.filters)
        for name in (*answers.counted.statuses, *TYPES)
        if (kpi := answers.kpis.get(name)) and (kpi.figure.current or kpi.figure.previous)
        if name in TYPES
    ]


def _sources(answers: Answers) -> list[Component]:
    """The records of each source, the same machine's too."""
    return [
        _figure([source_badge(source), LABELS[source]], n,
                answers.counted.having(basis=source, sources=()))
        for source, n in answers.sources.items()
    ]  # fmt: skip


def _figure(name: Any, n: int | None, filters: Filters) -> Component:
    return html.Div(
        [
            html.Span(name, className="figure-name"),
            html.Span(
                [dcc.Link(formats.number(n), href=links.devices(filters)),
                 why_button(filters.to_query())],
                className="figure-value",
            ),
        ]
    )  # fmt: skip


def _places_title(found: Sequence[Location]) -> str:
    named = sum(one.name is not None for one in found)
    return _("Locations: %(n)s", n=formats.number(named))


def _places(found: Sequence[Location]) -> Component:
    if not found:
        return html.P(_("No counted device stands here."), className="note")
    most = found[0].n
    rows = [
        html.Li(
            [
                html.Span(one.name or _("(no location)"), className="place-name"),
                html.Span(className="place-bar", style={"width": f"{one.n / most * 100:.1f}%"}),
                html.Span(formats.number(one.n), className="place-n"),
            ]
        )
        for one in found
    ]
    return html.Ol(rows, className="places")


def _source(source: str) -> Component:
    return html.Span([source_badge(source), LABELS[source]], className="side-head")


def _aliases(found: Sequence[Alias]) -> Component:
    if not found:
        return html.P(_("No source names this site."), className="note")
    heads = (_("Source"), _("Calls it"), _("Its id there"), _("Last on"))
    head = html.Tr([html.Th(text, scope="col") for text in heads])
    rows = [
        html.Tr(
            [
                html.Td(_source(one.source)),
                html.Td(one.name),
                html.Td(one.alias_key, className="muted"),
                html.Td(formats.day(one.last_seen)),
            ]
        )
        for one in found
    ]  # fmt: skip
    return html.Div(
        html.Table([html.Thead(head), html.Tbody(rows)], className="table"), className="side-scroll"
    )
