"""The "Why this number?" drawer for figures of coverage."""

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.pill import source_badge
from dashboard.components.why.body import section
from dashboard.queries.coverage.findings import Counts
from dashboard.queries.moment import Moment
from dashboard.words.coverage_words import finding_state, kind_name, kind_rule, summary
from db.coverage import KINDS, STATES, TO_DO
from db.sources import source_label


def body(moment: Moment, filters: Filters, counted: Counts) -> list[Component]:
    """The sentence, the rule of each kind, its states, and the snapshots it rests on."""
    kinds = filters.kinds or KINDS
    expected = ", ".join(source_label(name) for name in moment.rules_of_day.expected_sources)
    parts = [
        html.P(summary(counted), className="drawer-figure"),
        html.P(_("Only records that their source manages are looked at, as of %(day)s.",
                 day=formats.day(moment.now.day))),
        dcc.Link(_("Open the list"), href=links.coverage(filters, filters.kinds, TO_DO),
                 className="btn btn-primary"),
        section(_("How it adds up"), _sums(kinds, counted)),
        section(_("What each means"), html.Dl([
            part for kind in kinds
            for part in (html.Dt(kind_name(kind)), html.Dd(kind_rule(kind)))
        ])),
        section(_("Where a source is expected"), html.P(
            _("%(sources)s, where a site does not say otherwise; a source that was never collected "
              "or has ended is expected nowhere.", sources=expected or formats.NOTHING)
        )),
        section(_("It rests on"), _snapshots(moment)),
    ]  # fmt: skip
    return [part for part in parts if part is not None]


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
    head = html.Tr([html.Th(text, scope="col") for text in heads])
    return html.Table([html.Thead(head), html.Tbody(rows)], className="table rests")
