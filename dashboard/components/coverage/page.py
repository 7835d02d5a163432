"""The content of the Coverage page, from query results of one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.good_direction import GOOD
from dashboard.base.params import Filters
from dashboard.components.coverage import matrix as coverage_matrix
from dashboard.components.coverage import sites as coverage_sites
from dashboard.components.kit import links
from dashboard.components.kit.card import card_head
from dashboard.components.kit.count_link import count_link, count_tab, filled, linked
from dashboard.components.kit.drawn import Part, drawn_list
from dashboard.components.kit.kpi import Tile, tiles
from dashboard.components.kit.why_button import why_button
from dashboard.queries.coverage.findings import Counts, count_in_states, count_to_do
from dashboard.queries.coverage.matrix import Cell, LeftOut, SiteRow
from dashboard.queries.coverage.trend import Trend
from dashboard.queries.moment import Moment
from dashboard.words.coverage_words import changed, finding_state, kind_name, listed, summary
from db.coverage import ACCEPTED, CURRENT, FIXED, KINDS, TO_DO

MOST_SITES = 50
WHY = "coverage"
PARTS = (
    "state", "hidden", "summary", "about", "why", "tiles", "matrix_head", "matrix",
    "sites_subtitle", "sites", "tabs", "listed", "empty", "no_list",
)  # fmt: skip
"""The keys of `parts`."""


@dataclass(frozen=True)
class Answers:
    """Query results of one moment: `every` counts all kinds and states that the other filters
    let in, `then` the same on the day that is compared with; `listed`: how many are in the list,
    `moved`: how many of those by each chosen change since then."""

    moment: Moment
    filters: Filters
    every: Counts
    then: Counts
    cells: Sequence[Cell]
    records: dict[str, int]
    left_out: Sequence[LeftOut]
    sites: Sequence[SiteRow]
    listed: int
    moved: Mapping[str, int]

    @property
    def all(self) -> Filters:
        """The filters without the choice of kinds and states."""
        return self.filters.having(kinds=(), states=(), compared=())


def instead(state: Component) -> dict[str, Any]:
    """An empty state in place of the page."""
    from dash import no_update

    return dict.fromkeys(PARTS, no_update) | {"state": state, "hidden": True}


def parts(answers: Answers) -> dict[str, Any]:
    """Everything but the trend and the rows of the grid."""
    moment, every = answers.moment, answers.all
    day = formats.day(moment.now.day)
    return {
        "state": None,
        "hidden": False,
        "summary": _summary(answers),
        "about": _("Managed records only, as of %(day)s. A source is missing only where a site "
                   "is expected to have it.", day=day),
        "why": why_button(every.to_query(), WHY),
        "tiles": tiles(_tiles(answers)),
        "matrix_head": card_head(
            "coverage-matrix",
            drawn_list(coverage_matrix.title(answers.cells, answers.all)),
            _("Of the machines the row's source manages: how many should be in the "
              "column's source and are not, how many are, how many need not be"),
        ),
        "matrix": coverage_matrix.table(
            answers.cells, answers.records, answers.left_out, answers.all
        ),
        "sites_subtitle": coverage_sites.line(answers.sites),
        "sites": coverage_sites.table(answers.sites, answers.cells, answers.all),
        "tabs": _tabs(answers),
        "listed": drawn_list(_listed(answers)),
        "empty": None if answers.listed else _empty(answers),
        "no_list": not answers.listed,
    }  # fmt: skip


def _summary(answers: Answers) -> str:
    """What is listed, if some findings were chosen; else what there is to do."""
    filters = answers.filters
    if filters.compared and answers.moment.then.day is not None:
        return changed(answers.moved, answers.moment.then.day)
    if filters.kinds or filters.states:
        return listed(answers.listed, filters.kinds, filters.states)
    return summary(answers.every)


def _tiles(answers: Answers) -> list[Tile]:
    then = answers.moment.then.day
    since = _("since %(day)s", day=formats.short_day(then)) if then else ""
    tiles = []
    for kind in KINDS:
        accepted = count_in_states(answers.every, kind, (ACCEPTED,))
        line = since
        if accepted:
            line = _("%(since)s; %(n)s accepted", since=since, n=formats.number(accepted))
        filters = answers.all.having(kinds=(kind,))
        before = count_to_do(answers.then, kind) if then else None
        href = links.coverage(answers.all, (kind,), TO_DO)
        figure = Change(count_to_do(answers.every, kind), before)
        tiles.append(
            Tile(kind, kind_name(kind), figure, line, href, filters.to_query(), WHY,
                 links.coverage_changes(answers.all, (kind,)), good=GOOD["finding"])
        )  # fmt: skip
    return tiles


def trend_head(trend: Trend, every: Filters) -> Component:
    """The head of the card about the trend of what `every` lets in."""
    return card_head(
        "coverage-trend",
        drawn_list(_trend_title(trend, every)),
        _("Findings to look at on each day, by kind; accepted ones left out"),
    )


def _trend_title(trend: Trend, every: Filters) -> list[Part]:
    days = trend.days
    if not days:
        return [_("No trend: the days around are no longer kept")]
    first = sum(values[0] for values in trend.values.values())
    last = sum(values[-1] for values in trend.values.values())
    at = {
        name: count_link(n, links.coverage(every.having(as_of=day), (), TO_DO))
        for name, n, day in (("first", first, days[0]), ("last", last, days[-1]))
    }
    words = {**at, "day": formats.short_day(days[0])}
    if first == last:
        return filled(_("%(last)s findings to look at, as on %(day)s"), words)
    return filled(_("%(last)s findings to look at, %(first)s on %(day)s"), words)


def _tabs(answers: Answers) -> Component:
    """Links that filter the list by state and by kind."""
    filters = answers.filters
    kinds = filters.kinds
    choices: list[tuple[tuple[str, ...], str]] = [
        ((), _("All open and accepted")),
        (TO_DO, _("To look at")),
        ((ACCEPTED,), finding_state(ACCEPTED).capitalize()),
        ((FIXED,), _("Fixed in 30 days")),
    ]
    states = [
        _tab(
            filters.having(states=choice), text,
            sum(count_in_states(answers.every, kind, choice or CURRENT) for kind in kinds or KINDS),
            filters.having(states=choice).states == filters.states and not filters.compared,
        )
        for choice, text in choices
    ]  # fmt: skip
    by_kind = [
        _tab(filters.having(kinds=names), text, _sum_of(answers, names),
             names == kinds and not filters.compared)
        for names, text in (
            ((), _("All kinds")), *(((kind,), kind_name(kind)) for kind in KINDS)
        )
    ]  # fmt: skip
    return drawn_list(
        [
            html.Nav(
                states, className="bar-tabs", **{"aria-label": _("States"), **_asked_for(filters)}
            ),
            html.Nav(by_kind, className="bar-tabs", **{"aria-label": _("Kinds")}),
        ]
    )


def _asked_for(filters: Filters) -> dict[str, str]:
    """Where the address chooses findings, the browser scrolls to their list (pages.js)."""
    chosen = " ".join((*filters.kinds, *filters.states, *filters.compared))
    return {"data-scroll-to": chosen} if chosen else {}


def _sum_of(answers: Answers, kinds: Sequence[str]) -> int:
    states = answers.filters.states or CURRENT
    return sum(count_in_states(answers.every, kind, states) for kind in kinds or KINDS)


def _tab(filters: Filters, text: str, n: int, here: bool) -> Component:
    return count_tab(text, n, links.coverage(filters, filters.kinds, filters.states), here=here)


def _listed(answers: Answers) -> list[Part]:
    """How many findings are listed; of those to look at, also how that changed."""
    n = answers.listed
    if answers.filters.compared and answers.moment.then.day is not None:
        return [changed(answers.moved, answers.moment.then.day)]
    words = ngettext("%(n)s finding", "%(n)s findings", n, n=formats.number(n))
    then = answers.moment.then.day
    if answers.filters.states != TO_DO or then is None:
        return [words]
    kinds = answers.filters.kinds or KINDS
    change = n - sum(count_to_do(answers.then, kind) for kind in kinds)
    if not change:
        return [words]
    since = _(
        "%(change)s since %(day)s", change=formats.signed(change), day=formats.short_day(then)
    )
    href = links.coverage_changes(answers.filters, answers.filters.kinds)
    return [words, linked(since, formats.signed(change), href, "list-change")]


def _empty(answers: Answers) -> list[Component]:
    text = _("No finding of this kind in this state.")
    content: list[Component] = [html.P(text)]
    if answers.filters.kinds or answers.filters.states or answers.filters.compared:
        href = links.coverage(answers.all)
        content.append(
            dcc.Link(_("Show all open and accepted"), href=href, className="btn btn-secondary")
        )
    return content
