"""The calendar of collections: a row a source, a column a day, a mark in shape and word."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from dash import html
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import run_mark
from dashboard.queries import collection_days
from dashboard.queries.collection_days import SourceDay
from dashboard.words.run_words import state_word
from db.sources import source_label

DaysBySource = Mapping[str, Sequence[SourceDay]]


def calendar(days_by_source: DaysBySource, href: Callable[[int], str]) -> html.Div:
    """The table and what its marks mean.

    Args:
        href: the page of a run.
    """
    days = [source_day.day for source_day in next(iter(days_by_source.values()), ())]
    table = html.Table(
        [
            html.Caption(_("Collections by source and day"), className="visually-hidden"),
            html.Thead([_months(days), _numbers(days)]),
            html.Tbody([_row(source, row, href) for source, row in days_by_source.items()]),
        ],
        className="calendar",
    )
    return drawn(html.Div([html.Div(table, className="calendar-scroll"), _meaning(days_by_source)]))


def headline(days_by_source: DaysBySource) -> str:
    """How many days have a gap: the calendar's title."""
    gaps = {
        source_day.day
        for row in days_by_source.values()
        for source_day in row
        if source_day.state in collection_days.GAPS
    }
    count = len(next(iter(days_by_source.values()), ()))
    if not gaps:
        return _("Every collection of these %(days)s days is complete", days=count)
    return ngettext(
        "%(num)d of %(days)s days has a gap", "%(num)d of %(days)s days have a gap", len(gaps),
        days=count,
    )  # fmt: skip


def _months(days: Sequence[date]) -> html.Tr:
    heads: list[Any] = [html.Td()]
    for month, group in groupby(days, lambda day: f"{day:%Y-%m}"):
        span = len(list(group))
        # A month of two days has no room for its name: only a screen reader hears it.
        kind = "" if span > 3 else "visually-hidden"
        name = html.Span(formats.month(month), className=kind)
        heads.append(html.Th(name, colSpan=span, scope="colgroup"))
    return html.Tr(heads, className="calendar-months")


def _numbers(days: Sequence[date]) -> html.Tr:
    heads = [
        html.Th(
            str(day.day),
            scope="col",
            className="weekend" if day.weekday() > 4 else "",
            **{"aria-label": formats.day(day)},
        )
        for day in days
    ]
    return html.Tr([html.Td(), *heads], className="calendar-days")


def _row(source: str, row: Sequence[SourceDay], href: Callable[[int], str]) -> html.Tr:
    cells = [
        html.Td(
            _cell(source, source_day, href, first=source_day is row[-1]),
            className=_edge(source_day.day),
        )
        for source_day in row
    ]
    return html.Tr([html.Th(source_label(source), scope="row"), *cells])


def _edge(day: date) -> str:
    return "month-start" if day.day == 1 else ""


def _cell(source: str, source_day: SourceDay, href: Callable[[int], str], *, first: bool) -> Any:
    """A day: a link to its run when there is one. Arrow keys walk over all of them (pages.js)."""
    if source_day.state == collection_days.BEFORE:
        return None
    label = f"{source_label(source)}, {formats.day(source_day.day)}: {state_word(source_day.state)}"
    if source_day.records and source_day.state == collection_days.COMPLETE:
        n = formats.number(source_day.records)
        label += ", " + ngettext("%(n)s row", "%(n)s rows", source_day.records, n=n)
    title = f"{label}. {source_day.reason[:300]}" if source_day.reason else label
    words = html.Span(state_word(source_day.state), className="visually-hidden")
    about = {"title": title, "tabIndex": 0 if first else -1, "aria-label": label}
    look = f"day day-{source_day.state}"
    if source_day.run_id is None:
        return html.Span(words, className=look, role="img", **about)
    return html.A(words, href=href(source_day.run_id), className=look, **about)


def _meaning(days_by_source: DaysBySource) -> html.Ul:
    """What the marks mean, with how many there are of each."""
    counts = Counter(source_day.state for row in days_by_source.values() for source_day in row)
    items = [
        html.Li(
            [run_mark(state), f"{state_word(state)} ", html.Strong(formats.number(counts[state]))]
        )
        for state in collection_days.STATES
        if counts[state]
        or state
        in (
            collection_days.COMPLETE,
            collection_days.SUSPICIOUS,
            collection_days.FAILED,
            collection_days.MISSING,
        )
    ]
    return html.Ul(items, className="meaning")
