"""What the page of coverage shows, put together from the answers of one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard import formats
from dashboard.components import links
from dashboard.components.coverage_words import finding_state, kind_name, kind_short, summary
from dashboard.components.drawn import drawn
from dashboard.components.kpi import Tile, tiles
from dashboard.components.pill import source_badge
from dashboard.components.why import why_button
from dashboard.figures.coverage import trend_figure
from dashboard.filters import Filters
from dashboard.queries.change import Change
from dashboard.queries.coverage import Counts, to_do
from dashboard.queries.coverage_matrix import Cell, SiteRow
from dashboard.queries.coverage_trend import Trend
from dashboard.queries.moment import LABELS, Moment
from db.coverage import ACCEPTED, DUPLICATE, FIXED, KINDS, STANDING, TO_DO

MOST_SITES = 50
WHY = "coverage"
PARTS = (
    "state", "hidden", "summary", "about", "why", "tiles", "matrix_title", "matrix_subtitle",
    "matrix", "trend_title", "trend_subtitle", "trend", "sites_subtitle", "sites", "tabs",
    "listed", "empty", "no_list",
)  # fmt: skip
"""What `parts` and `instead` answer."""


@dataclass(frozen=True)
class Answers:
    """What was asked of one moment: `every` counts all kinds and states that the other filters
    let in, `then` the same on the day that is compared with; `listed`: how many are in the list."""

    moment: Moment
    filters: Filters
    every: Counts
    then: Counts
    cells: Sequence[Cell]
    records: dict[str, int]
    sites: Sequence[SiteRow]
    trend: Trend
    listed: int

    @property
    def all(self) -> Filters:
        """The filters without the choice of kinds and states."""
        return self.filters.having(kinds=(), states=())


def instead(state: Component) -> dict[str, Any]:
    """Something else in place of the page."""
    from dash import no_update

    return dict.fromkeys(PARTS, no_update) | {"state": state, "hidden": True}


def parts(answers: Answers) -> dict[str, Any]:
    """Everything but the rows of the grid."""
    moment, every = answers.moment, answers.all
    shown = formats.day(moment.now.day)
    return {
        "state": None,
        "hidden": False,
        "summary": summary(answers.every),
        "about": _("Managed records only, as of %(day)s. A source is missed only at sites that are "
                   "expected to have it.", day=shown),
        "why": why_button(every.to_query(), WHY),
        "tiles": tiles(_tiles(answers)),
        "matrix_title": _matrix_title(answers.cells),
        "matrix_subtitle": _("Of the machines that the row's source manages: how many the column's "
                             "does not, and how many both do"),
        "matrix": _matrix(answers),
        "trend_title": _trend_title(answers),
        "trend_subtitle": _("Findings to look at on each day, by kind; accepted ones left out"),
        "trend": trend_figure(answers.trend, lambda day, kind: links.coverage(
            every.having(as_of=day, compare_to=None), (kind,), TO_DO)),
        "sites_subtitle": _sites_line(answers),
        "sites": _sites(answers),
        "tabs": _tabs(answers),
        "listed": _listed(answers),
        "empty": None if answers.listed else _empty(answers),
        "no_list": not answers.listed,
    }  # fmt: skip


def _tiles(answers: Answers) -> list[Tile]:
    then = answers.moment.then.day
    since = _("since %(day)s", day=formats.short_day(then)) if then else ""
    found = []
    for kind in KINDS:
        accepted = _sum(answers.every, kind, (ACCEPTED,))
        line = since
        if accepted:
            line = _("%(since)s; %(n)s accepted", since=since, n=formats.number(accepted))
        filters = answers.all.having(kinds=(kind,))
        before = to_do(answers.then, kind) if then else None
        found.append(
            Tile(kind, kind_name(kind), Change(to_do(answers.every, kind), before), line,
                 links.coverage(answers.all, (kind,), TO_DO), filters.to_query(), WHY)
        )  # fmt: skip
    return found


def _sum(counted: Counts, kind: str | None, states: Sequence[str]) -> int:
    return sum(
        n for (_site, name, state), n in counted.items() if kind in (None, name) and state in states
    )


def _matrix_title(cells: Sequence[Cell]) -> str:
    worst = max(cells, key=lambda cell: cell.missing or 0, default=None)
    if worst is None or not worst.missing:
        return str(_("Where a source is expected, none misses a machine"))
    return str(
        _("%(n)s of %(all)s machines in %(source)s are not in %(other)s",
          n=formats.number(worst.missing), all=formats.number(worst.machines),
          source=LABELS[worst.source], other=LABELS[worst.other])
    )  # fmt: skip


def _matrix(answers: Answers) -> Component:
    sources = list(dict.fromkeys(cell.source for cell in answers.cells))
    by_pair = {(cell.source, cell.other): cell for cell in answers.cells}
    head = [html.Th(html.Span(_("Machines in"), className="visually-hidden"), scope="col")]
    head += [html.Th(_source(other, _("not in")), scope="col") for other in sources]
    rows = [
        html.Tr(
            [
                html.Th(_source(source, _("in")), scope="row"),
                *(_cell(by_pair[source, other], answers) for other in sources),
            ]
        )
        for source in sources
    ]
    return html.Table(
        [html.Thead(html.Tr(head)), html.Tbody(rows)], className="table overlap", id="overlap"
    )


def _source(source: str, word: str) -> list[Any]:
    return [
        html.Span(word, className="overlap-word"), source_badge(source), html.Span(LABELS[source])
    ]  # fmt: skip


def _cell(cell: Cell, answers: Answers) -> html.Td:
    if cell.source == cell.other:
        listed = answers.all.having(basis=cell.source)
        twice = sum(n for (_site, kind, _state), n in answers.every.items() if kind == DUPLICATE)
        n = answers.records.get(cell.source, 0)
        body: list[Any] = [
            dcc.Link(formats.number(n), href=links.devices(listed), className="overlap-n"),
            html.Span(ngettext("record", "records", n), className="overlap-said"),
        ]
        return html.Td(body, className="own", **{"data-twice": str(twice)})
    both = _("%(n)s in both", n=formats.number(cell.both))
    if cell.kind is None or cell.missing is None:
        said = [html.Span(both, className="overlap-said"),
                html.Span(_("not expected"), className="overlap-said")]  # fmt: skip
        return html.Td(said, className="unasked")
    share = cell.missing / cell.machines if cell.machines else 0
    return html.Td(
        [
            dcc.Link(
                formats.number(cell.missing),
                href=links.coverage(answers.all, (cell.kind,)),
                className="overlap-n",
                id=f"cell-{cell.source}-{cell.other}",
            ),
            html.Span(_("%(share)s %% of %(n)s", share=f"{100 * share:.0f}",
                        n=formats.number(cell.machines)), className="overlap-said"),
            html.Span(both, className="overlap-said"),
        ],
        className="heat",
        style={"--heat": f"{min(share * 1.6, 1) * 100 if cell.missing else 0:.0f}%"},
    )  # fmt: skip


def _trend_title(answers: Answers) -> str:
    days = answers.trend.days
    if not days:
        return str(_("No trend: the days around are no longer kept"))
    first = sum(values[0] for values in answers.trend.values.values())
    last = sum(values[-1] for values in answers.trend.values.values())
    words = {"first": formats.number(first), "last": formats.number(last),
             "day": formats.short_day(days[0])}  # fmt: skip
    if first == last:
        return str(_("%(last)s findings to look at, as on %(day)s", **words))
    return str(_("%(last)s findings to look at, %(first)s on %(day)s", **words))


def _sites_line(answers: Answers) -> str:
    n = len(answers.sites)
    line = ngettext("%(n)s site with findings", "%(n)s sites with findings", n, n=formats.number(n))
    more = n - MOST_SITES
    if more > 0:
        line += _("; the %(n)s with most to do are shown", n=formats.number(MOST_SITES))
    return str(line + _(". A number opens its list; a pale badge is a source not expected there."))


def _sites(answers: Answers) -> Component:
    kinds = [kind for kind in KINDS if _sum(answers.every, kind, STANDING)]
    most = max(
        (_sum(row.counted, kind, STANDING) for row in answers.sites for kind in kinds), default=0
    )
    heads = [_("Site"), _("Expected"), _("To do"), *(kind_short(kind) for kind in kinds)]
    head = html.Tr([
        html.Th(text, scope="col", className="figure" if place > 1 else "")
        for place, text in enumerate(heads)
    ])  # fmt: skip
    rows = [_site(row, kinds, most, answers) for row in answers.sites[:MOST_SITES]]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="table gaps")
    return drawn(html.Div(table, className="table-scroll"))


def _site(row: SiteRow, kinds: Sequence[str], most: int, answers: Answers) -> html.Tr:
    here = answers.all.having(sites=(row.site_id,))
    shown = [cell.source for cell in answers.cells if cell.source == cell.other]
    badges = [
        html.Span(source_badge(source), className="" if source in row.expected else "pale",
                  title=None if source in row.expected else _("not expected here"))
        for source in shown
    ]  # fmt: skip
    if row.own:
        badges.append(html.Span(_("own"), className="muted"))
    return html.Tr(
        [
            html.Th(dcc.Link(row.name, href=links.site(answers.all, row.site_id)), scope="row"),
            html.Td(html.Span(badges, className="badges")),
            _number(to_do(row.counted), links.coverage(here, (), TO_DO), 0),
            *(
                _number(_sum(row.counted, kind, STANDING), links.coverage(here, (kind,)), most)
                for kind in kinds
            ),
        ]
    )


def _number(n: int, href: str, most: int) -> html.Td:
    if not n:
        return html.Td(formats.NOTHING, className="figure muted")
    heat = f"{n / most * 100:.0f}%" if most else "0%"
    link = dcc.Link(formats.number(n), href=href)
    return html.Td(link, className="figure heat", style=f"--heat: {heat}")


def _tabs(answers: Answers) -> list[Component]:
    """What is listed, as links: by state, then by kind."""
    filters = answers.filters
    kinds = filters.kinds
    choices: list[tuple[tuple[str, ...], str]] = [
        ((), _("All that stand")),
        (TO_DO, _("To look at")),
        ((ACCEPTED,), finding_state(ACCEPTED).capitalize()),
        ((FIXED,), _("Fixed in 30 days")),
    ]
    states = [
        _tab(
            filters.having(states=choice), text,
            sum(_sum(answers.every, kind, choice or STANDING) for kind in kinds or KINDS),
            filters.having(states=choice).states == filters.states,
        )
        for choice, text in choices
    ]  # fmt: skip
    by_kind = [
        _tab(filters.having(kinds=names), text, _sum_of(answers, names), names == kinds)
        for names, text in (
            ((), _("All kinds")), *(((kind,), kind_name(kind)) for kind in KINDS)
        )
    ]  # fmt: skip
    return [
        html.Nav(states, className="bar-tabs", **{"aria-label": _("States")}),
        html.Nav(by_kind, className="bar-tabs", **{"aria-label": _("Kinds")}),
    ]


def _sum_of(answers: Answers, kinds: Sequence[str]) -> int:
    states = answers.filters.states or STANDING
    return sum(_sum(answers.every, kind, states) for kind in kinds or KINDS)


def _tab(filters: Filters, text: str, n: int, here: bool) -> Component:
    kind = "bar-tab here" if here else "bar-tab" if n else "bar-tab none"
    said = [html.Span(text), html.Span(formats.number(n), className="tab-count")]
    current = {"aria-current": "true" if here else None}
    href = links.coverage(filters, filters.kinds, filters.states)
    return html.A(said, href=href, className=kind, **current)


def _listed(answers: Answers) -> str:
    n = answers.listed
    return str(ngettext("%(n)s finding", "%(n)s findings", n, n=formats.number(n)))


def _empty(answers: Answers) -> list[Component]:
    said = _("No finding here: nothing of this kind stands in this state.")
    found: list[Component] = [html.P(said)]
    if answers.filters.kinds or answers.filters.states:
        href = links.coverage(answers.all)
        found.append(dcc.Link(_("Show all that stand"), href=href, className="button"))
    return found
