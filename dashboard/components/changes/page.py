"""The content of the Changes page, from query results of one moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dash import dcc, html, no_update
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.params import ALL_CHANGES, BARS, Filters
from dashboard.components.changes.reason import reason_line
from dashboard.components.kit import links
from dashboard.components.kit.beside import beside
from dashboard.components.kit.card import file_links
from dashboard.components.kit.count_link import count_tab
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.why_button import why_button
from dashboard.queries.changes.bars import Bars
from dashboard.queries.moment import Moment
from dashboard.words import sentences
from dashboard.words.terms import counted_name
from db.sources import source_label

PARTS = (
    "state", "hidden", "summary", "about", "why", "title", "subtitle", "actions", "chart",
    "tabs", "listed", "empty", "no_list",
)  # fmt: skip
"""The keys of `parts`, and the chart."""


@dataclass(frozen=True)
class Answers:
    """Query results of one moment; `uncounted` is how many devices stand beside the count, by
    billing status, `count` how many are in the list, `axis_start` where the axis of the waterfall
    begins."""

    moment: Moment
    filters: Filters
    bars: Bars
    uncounted: Mapping[str, int]
    count: int
    axis_start: int


def instead(state: Component) -> dict[str, Any]:
    """An empty state in place of the figures."""
    return dict.fromkeys(PARTS, no_update) | {"state": state, "hidden": True}


def too_early(moment: Moment, filters: Filters, first: date | None) -> html.Section:
    """One of the two days is before the basis's first snapshot: nothing can be compared."""
    if first is None:
        return _never(filters)
    then = (
        moment.then.requested if not moment.then.has_data(filters.basis) else moment.now.requested
    )
    content = [
        html.H2(
            _("There is nothing to compare with on %(day)s", day=formats.day(then)),
            className="state-title",
        ),
        html.P(_("That day has no snapshot: the number is unknown, not zero.")),
    ]
    if moment.now.day is not None and first <= moment.now.day:
        later = filters.having(compare_to=first, changes=())
        text = _("Compare with %(day)s, the first snapshot", day=formats.day(first))
        content.append(dcc.Link(text, href=links.changes(later), className="btn btn-secondary"))
    return html.Section(content, className="card card-body state")


def _never(filters: Filters) -> html.Section:
    """The basis is a source that was never collected."""
    every = filters.having(basis="assets", changes=())
    content = [
        html.H2(
            _("%(source)s was never collected", source=source_label(filters.basis)),
            className="state-title",
        ),
        html.P(_("It has no snapshot: the number is unknown, not zero.")),
        dcc.Link(
            _("Count unique machines"), href=links.changes(every), className="btn btn-secondary"
        ),
    ]
    return html.Section(content, className="card card-body state")


def parts(answers: Answers) -> dict[str, Any]:
    """Everything but the chart and the rows of the grid."""
    moment, filters, bars = answers.moment, answers.filters, answers.bars
    then = moment.then.day or moment.then.requested
    figure = Change(bars.closing, bars.opening)
    every = filters.having(changes=())
    return {
        "state": None,
        "hidden": False,
        "summary": drawn_list(
            [sentences.chosen_bars(bars, filters, answers.count, then)]
            if filters.changes
            else reason_line(figure, bars, every, then)
        ),
        "about": [counted_name(filters), beside(answers.uncounted, every)],
        "why": why_button(every.to_query(), "bars"),
        "actions": file_links(lambda form: links.file("bars", form, every)),
        "title": sentences.finding(figure, filters, then),
        "subtitle": sentences.waterfall_subtitle(moment, filters, answers.axis_start),
        "tabs": _tabs(answers, every),
        "listed": sentences.devices_changed(answers.count),
        "empty": None if answers.count else _empty(filters, every),
        "no_list": not answers.count,
    }


def _tabs(answers: Answers, every: Filters) -> Component:
    """The bars as links, for keyboards and thumbs: all of them, each, and every change at all."""
    bars, chosen = answers.bars, answers.filters.changes
    numbers: list[tuple[tuple[str, ...], str, int | None]] = [
        ((), _("All bars"), sum(getattr(bars, name) or 0 for name in BARS))
    ]
    for name in BARS:
        numbers.append(((name,), sentences.bar_word(name, every), getattr(bars, name)))
    numbers.append(((ALL_CHANGES,), _("Every change"), None))
    return drawn_list(
        count_tab(text, n, links.changes(every, *names), here=names == chosen)
        for names, text, n in numbers
    )


def _empty(filters: Filters, every: Filters) -> Sequence[Component]:
    """The text of an empty list, with a link to a list that has devices."""
    text = _("No device is in a bar: the number did not change.")
    if ALL_CHANGES in filters.changes:
        text = _("Nothing that the filters count changed between these two days.")
    elif filters.changes:
        text = _("No device is in this bar.")
    content: list[Component] = [html.P(text)]
    if filters.changes:
        content.append(
            dcc.Link(_("Show all bars"), href=links.changes(every), className="btn btn-secondary")
        )
    if ALL_CHANGES not in filters.changes:
        href = links.changes(every, ALL_CHANGES)
        content.append(dcc.Link(_("Show every change"), href=href, className="btn btn-secondary"))
    return content
