"""The "Why this number?" drawer for figures of coverage."""

from collections import Counter
from collections.abc import Mapping

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.pill import source_badge
from dashboard.components.kit.table import column_head
from dashboard.components.why.answer import Clause, answer
from dashboard.components.why.body import folded, section
from dashboard.queries.coverage.findings import Counts, count_to_do
from dashboard.queries.explain.contributions import MOST_LISTED, split
from dashboard.queries.moment import Moment
from dashboard.words import why_words as words
from dashboard.words.coverage_words import finding_state, kind_name, kind_rule, summary_parts
from db.coverage import KINDS, STATES, TO_DO
from db.sources import source_label


def body(
    moment: Moment, filters: Filters, counted: Counts, before: Counts, names: Mapping[int, str]
) -> list[Component]:
    """Where the findings are; folded the rule of each kind, its states, and the snapshots.

    Args:
        counted, before: the findings of every state on the shown day, and on the day before it.
        names: of the sites.
    """
    kinds = filters.kinds or KINDS
    expected = ", ".join(source_label(name) for name in moment.rules_of_day.expected_sources)
    return folded(
        [
            answer(*summary_parts(counted), _where(filters, counted, names)),
            _before(moment, filters, counted, before),
            html.P(_("Only records that their source manages count here, as of %(day)s.",
                     day=formats.day(moment.now.day)), className="muted"),
            dcc.Link(_("Open the list"), href=links.coverage(filters, filters.kinds, TO_DO),
                     className="btn btn-primary"),
            section(_("How it adds up"), _sums(kinds, counted)),
            section(_("What each means"), html.Dl([
                part for kind in kinds
                for part in (html.Dt(kind_name(kind)), html.Dd(kind_rule(kind)))
            ])),
            section(_("Where a source is expected"), html.P(
                _("%(sources)s, unless a site has its own setting. A source that was never "
                  "collected, or has ended, is expected nowhere.",
                  sources=expected or formats.NOTHING)
            )),
            section(_("Based on"), _snapshots(moment)),
        ]
    )  # fmt: skip


def _where(filters: Filters, counted: Counts, names: Mapping[int, str]) -> list[Clause]:
    """The sites with most to do; at a single site the kinds."""
    by_site, by_kind = Counter[int](), Counter[str]()
    for (site, kind, state), n in counted.items():
        if state in TO_DO:
            by_site[site] += n
            by_kind[kind] += n
    if len(by_site) < 2:
        return [
            Clause(
                f"{formats.number(n)} {kind_name(kind)}", links.coverage(filters, (kind,), TO_DO)
            )
            for kind, n in by_kind.most_common()
            if len(by_kind) > 1
        ]

    def listed(*sites: int) -> str:
        return links.coverage(filters.having(sites=sites), filters.kinds, TO_DO)

    ordered = sorted(by_site, key=lambda site: (-by_site[site], names[site].casefold()))
    top, rest = split(ordered)
    clauses = [
        Clause(words.at_site(formats.number(by_site[site]), names[site]), listed(site))
        for site in top
    ]
    if rest:
        total = formats.number(sum(by_site[site] for site in rest))
        href = listed(*rest) if len(rest) <= MOST_LISTED else None
        clauses.append(Clause(words.more_sites(len(rest), total), href))
    return clauses


def _before(moment: Moment, filters: Filters, counted: Counts, before: Counts) -> html.P | None:
    """How many more or fewer than on the day that is compared with, which opens its list."""
    if moment.then.day is None:
        return None
    now, then = count_to_do(counted), count_to_do(before)
    day = formats.short_day(moment.then.day)
    text = _("%(then)s on %(day)s", then=formats.number(then), day=day)
    past = filters.having(as_of=moment.then.day, compare_to=None)
    parts = [dcc.Link(text, href=links.coverage(past, filters.kinds, TO_DO))]
    if now != then:
        parts.append(": " + words.since_then(now - then))
    return html.P([*parts, "."])


def _sums(kinds: tuple[str, ...], counted: Counts) -> Component:
    lines = []
    for kind in kinds:
        by_state = {
            state: sum(n for (_site, k, s), n in counted.items() if (k, s) == (kind, state))
            for state in STATES
        }
        counts = ", ".join(
            f"{formats.number(n)} {finding_state(state)}" for state, n in by_state.items() if n
        )
        lines.append(html.Li(f"{kind_name(kind)}: {counts or formats.number(0)}"))
    return html.Ul(lines, className="sums")


def _snapshots(moment: Moment) -> Component:
    rows = []
    for source, day in moment.now.dates("assets").items():
        snapshot = moment.now.snapshots[source]
        assert snapshot is not None
        run = dcc.Link(f"#{snapshot.run_id}", href=links.run(snapshot.run_id))
        cells = [[source_badge(source), " ", source_label(source)], formats.day(day), run]
        rows.append(html.Tr([html.Td(cell) for cell in cells]))
    heads = (_("Source"), _("Its day"), _("Run"))
    head = html.Tr([column_head(text) for text in heads])
    return html.Table([html.Thead(head), html.Tbody(rows)], className="table rests")
