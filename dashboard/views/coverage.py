"""Coverage: the content of its page, the card of a site, the figure of the Overview."""

from typing import Any

from dash.development.base_component import Component

from dashboard.base.change import Change
from dashboard.components.coverage import site_card as coverage_site
from dashboard.components.coverage import why as coverage_why
from dashboard.components.coverage.page import Answers
from dashboard.queries.coverage import findings as coverage
from dashboard.queries.coverage import matrix as coverage_matrix
from dashboard.queries.names import site_names
from dashboard.web.context import View
from db.coverage import CURRENT, GAPS, KINDS, STATES, TO_DO


def answers(v: View) -> Answers:
    """The content of the page without the rows of its grid."""
    everything = v.filters.having(kinds=(), states=STATES, compared=())
    counted = coverage.counts(v.connection, v.moment.now, everything)
    current = {key: n for key, n in counted.items() if key[2] in CURRENT}
    selected = (v.filters.kinds or KINDS, v.filters.states or CURRENT)
    every = v.filters.having(kinds=(), states=(), compared=())
    question = (v.connection, v.moment, every)
    cells, left_out = coverage_matrix.matrix(*question, current)
    moved = {
        change: coverage.count(v.connection, v.moment, v.filters.having(compared=(change,)))
        for change in v.filters.compared
    }
    standing = sum(
        n for (_s, kind, st), n in counted.items() if kind in selected[0] and st in selected[1]
    )
    return Answers(
        v.moment,
        v.filters,
        counted,
        coverage.counts(v.connection, v.moment.then, every),
        cells,
        coverage_matrix.record_counts(*question),
        left_out,
        coverage_matrix.site_rows(v.connection, v.moment, current),
        sum(moved.values()) if v.filters.compared else standing,
        moved,
    )


def gap(v: View) -> Change:
    """The number of unaccepted findings of missing sources, now and then."""
    question = v.filters.moved("/", "/coverage").having(
        kinds=GAPS, states=TO_DO, changes=(), compared=()
    )
    now, then = v.moment.now, v.moment.then
    return Change(
        sum(coverage.counts(v.connection, now, question).values()) if now.day else None,
        sum(coverage.counts(v.connection, then, question).values()) if then.day else None,
    )


def why_coverage(v: View) -> list[Component]:
    """What a figure of findings counts, and what it rests on."""
    everything = v.filters.having(states=STATES, compared=())
    counted = coverage.counts(v.connection, v.moment.now, everything)
    before = coverage.counts(v.connection, v.moment.then, everything)
    names = site_names(v.connection, {site for site, _kind, _state in counted})
    return coverage_why.body(v.moment, v.filters, counted, before, names)


def of_site(v: View, site_id: int) -> tuple[Any, Any, Any]:
    """Title, subtitle and rows of the card of one site."""
    every = v.filters.moved("/sites", "/coverage")
    here = every.having(sites=(site_id,), kinds=(), states=(), compared=())
    counted = coverage.counts(v.connection, v.moment.now, here)
    expected = coverage_matrix.expected_sources(v.connection, v.moment, site_id)
    return coverage_site.parts(here, counted, expected)
