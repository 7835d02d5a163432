"""The content of the Overview, from query results of one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import no_update
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.good_direction import GOOD, good_direction
from dashboard.base.params import Filters
from dashboard.components.changes.reason import balance_line, reason_line
from dashboard.components.coverage.page import WHY
from dashboard.components.kit import links
from dashboard.components.kit.beside import beside
from dashboard.components.kit.card import card_head, file_links
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.kpi import Tile, tiles
from dashboard.components.kit.legend import Entry, legend
from dashboard.components.kit.why_button import why_button
from dashboard.components.overview.movers import movers_list
from dashboard.components.sites.table import pager, site_table
from dashboard.queries.changes.bars import Bars, Mover
from dashboard.queries.counts import Kpi
from dashboard.queries.moment import Moment
from dashboard.queries.months.month_ends import MonthEnd
from dashboard.queries.sites.site_table import Site
from dashboard.words import sentences
from dashboard.words.terms import counted_name, type_names
from db.coverage import GAPS, TO_DO

PARTS = (
    "state", "hidden", "kpis", "months_head", "months", "months_kind", "legend",
    "movers_head", "movers", "why_head", "why",
)  # fmt: skip
"""What the page shows, its charts included."""


@dataclass(frozen=True)
class Answers:
    """Query results of one moment. `uncounted` is how many devices stand beside the count, by
    billing status; `stacked` are the device types of the months chart from the bottom up,
    `axis_start` is where the axis of the waterfall begins."""

    moment: Moment
    filters: Filters
    kpis: Mapping[str, Kpi]
    uncounted: Mapping[str, int]
    bars: Bars
    movers: Sequence[Mover]
    months: list[MonthEnd]
    trend: Sequence[int | None]
    gap: Change
    stacked: Sequence[str]
    axis_start: int

    @property
    def nothing(self) -> bool:
        """Whether no device matches, on neither day."""
        return not (self.figure.current or self.figure.previous)

    @property
    def figure(self) -> Change:
        """How many the filters count."""
        return self.kpis["total"].figure


def instead(state: Component) -> dict[str, Any]:
    """An empty state in place of the figures."""
    return dict.fromkeys(PARTS, no_update) | {"state": state, "hidden": True}


def parts(answers: Answers) -> dict[str, Any]:
    """Everything but the charts and the site table."""
    moment, counted = answers.moment, answers.filters
    then = moment.then.day or moment.then.requested
    compared = sentences.compared(moment, counted)
    query = counted.to_query()
    return {
        "state": None,
        "hidden": False,
        "kpis": tiles(_tiles(answers)),
        "months_head": card_head(
            "months",
            sentences.finding(answers.figure, counted, then),
            sentences.months_subtitle(moment, counted, answers.months),
            _actions(why_button(query, "months", words=True), "months", counted),
        ),
        "months_kind": "chart long" if _long(answers.months) else "chart",
        "legend": legend(_entries(answers)),
        "movers_head": card_head(
            "movers",
            sentences.most_moved(answers.movers, answers.figure, then),
            compared,
            _actions(why_button(query, "change", words=True), "movers", counted),
        ),
        "movers": movers_list(answers.movers, counted, compared=answers.figure.change is not None),
        "why_head": card_head(
            "why",
            drawn_list(balance_line(answers.bars, counted, then)),
            sentences.waterfall_subtitle(moment, counted, answers.axis_start),
            _actions(why_button(query, "bars", words=True), "bars", counted),
        ),
    }


def _actions(why: Component, subject: str, counted: Filters) -> Component:
    return file_links(lambda form: links.file(subject, form, counted), why)


def _long(months: Sequence[MonthEnd]) -> bool:
    """Whether the numbers above the bars are too long to stand side by side on a phone."""
    return max((month.total or 0 for month in months), default=0) >= 1000 or any(
        month.total is None for month in months
    )


def _entries(answers: Answers) -> list[Entry]:
    """The colours of the months chart, with how many of each there are on the shown day."""
    now = answers.months[-1].by_type or {}
    return [
        Entry(
            name,
            type_names(name),
            now.get(name, 0),
            links.devices(answers.filters.having(types=(name,))),
        )
        for name in answers.stacked
    ]


def _tiles(answers: Answers) -> list[Tile]:
    counted, bars, then = answers.filters, answers.bars, answers.moment.then
    query = counted.to_query()
    since = _("since %(day)s", day=formats.short_day(then.day or then.requested))
    tiles = [
        Tile(
            "counted",
            counted_name(counted),
            answers.figure,
            reason_line(
                answers.figure,
                bars,
                counted,
                then.day or then.requested,
                links.changes(counted),
            ),
            links.devices(counted),
            query,
            "trend",
            links.changes(counted),
            trend=answers.trend,
            good=good_direction(counted),
            beside=beside(answers.uncounted, counted),
        ),
        *(
            Tile(
                bar,
                name,
                Change(n, None),
                since,
                links.changes(counted, bar),
                query,
                bar,
                moves=False,
            )
            for bar, name, n in (
                ("added", _("Added"), bars.added),
                ("removed", _("Removed"), bars.removed),
            )
        ),
    ]
    for key in ("server", "workstation"):
        if key in answers.kpis:
            tiles.append(_kpi(answers.kpis[key], type_names(key), since))
    if "billable" in counted.statuses:
        tiles.append(_kpi(answers.kpis["spare"], _("Spares"), since))
    every = counted.moved("/", "/coverage")
    gaps = links.coverage(every, GAPS, TO_DO)
    tiles.append(
        Tile("gap", _("Coverage gaps"), answers.gap, since, gaps,
             every.having(kinds=GAPS).to_query(), WHY,
             links.coverage_changes(every, GAPS), good=GOOD["finding"])
    )  # fmt: skip
    return tiles


def _kpi(kpi: Kpi, label: str, line: str) -> Tile:
    href = links.devices(kpi.filters)
    query, changes = kpi.filters.to_query(), links.changes(kpi.filters)
    good = good_direction(kpi.filters)
    return Tile(kpi.key, label, kpi.figure, line, href, query, changes=changes, good=good)


def sites_parts(
    rows: Sequence[Site], moment: Moment, counted: Filters, order: Mapping[str, Any]
) -> dict[str, Any]:
    """The head of its card, the site table in an order, and what is below it."""
    return {
        "head": card_head(
            "sites",
            _("Sites"),
            _sites_line(len(rows), moment, counted),
            file_links(lambda form: links.file("sites", form, counted)),
        ),
        "table": site_table(rows, counted, order, moment),
        "more": pager(len(rows), counted, order),
    }


def _sites_line(count: int, moment: Moment, filters: Filters) -> str:
    how_many = ngettext("%(n)s site", "%(n)s sites", count, n=formats.number(count))
    return f"{how_many}: {counted_name(filters)}, {sentences.compared(moment, filters)}"
