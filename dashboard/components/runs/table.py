"""The list of runs: a page of it, its filters, and the ways to the other pages; all are links."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.run_params import RunList
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import run_pill, source_badge
from dashboard.components.kit.table import column_head
from dashboard.components.runs.counts import row_count
from dashboard.queries.runs.attempts import Run
from dashboard.words.run_words import duration, percent, state_word
from db.history.kept import KeptDays
from db.sources import source_label

PAGE = 50
OF_EVERYBODY = 5
"""Columns that say nothing of the devices of all sites."""

CHOICES = ("complete", "suspicious", "held", "failed", "withdrawn")


def run_table(
    runs: Sequence[Run], count: int, page: RunList, kept: KeptDays | None, actor: Actor
) -> list[Any]:
    """Filters, table and pager. `kept` are the days whose devices can be listed; for an actor who
    sees only some sites the columns about all devices are left out."""
    if not count:
        empty = html.P(
            [_("No run matches. "), dcc.Link(_("Show all runs"), href="/collections")],
            className="note",
        )
        return [_filters(page), empty]
    heads = [
        (_("Source"), ""), (_("Day"), ""), (_("State"), ""), (_("Started"), "wide"),
        (_("Took"), "figure wide"), (_("Pages"), "figure wide"), (_("Rows"), "figure"),
        (_("Changed"), "figure wide"), (_("Set aside"), "figure wide"), (_("Reason"), "run-why"),
        (_("Id"), "wide"),
    ][:None if actor.sites is None else OF_EVERYBODY]  # fmt: skip
    table = html.Table(
        [
            html.Thead(html.Tr([column_head(name, c) for name, c in heads])),
            html.Tbody([_row(run, page, kept, actor) for run in runs]),
        ],
        className="table runs",
    )
    whole = drawn(html.Div(table, className="table-scroll"))
    return [_filters(page), whole, _pager(count, page)]


def _row(run: Run, page: RunList, kept: KeptDays | None, actor: Actor) -> html.Tr:
    name = html.Span(
        [source_badge(run.source), html.Span(source_label(run.source))], className="named-source"
    )
    link = dcc.Link(
        formats.day(run.business_date),
        href=page.address(run=run.run_id),
        className="row-link",
    )
    cells = [
        html.Td(name),
        html.Th(link, scope="row", className="nowrap"),
        html.Td(run_pill(run.display_state)),
        html.Td(formats.instant(run.started_at), className="wide nowrap muted"),
        html.Td(duration(run), className="figure wide"),
    ]
    if actor.sites is not None:
        return html.Tr(cells)
    return html.Tr(
        [
            *cells,
            html.Td(formats.number(run.pages), className="figure wide other"),
            html.Td(row_count(run, kept), className="figure"),
            html.Td(percent(run.changed_percent), className="figure wide"),
            html.Td(formats.number(run.quarantined), className="figure wide other"),
            html.Td(html.Span(run.reason, title=run.reason, className="cut"), className="run-why"),
            html.Td(html.Code(run.correlation_id[:8]), className="wide muted"),
        ]
    )


def _filters(page: RunList) -> html.Nav:
    """One link for each state; the chosen one leads back to all."""
    chosen = page.filters.states
    every = dcc.Link(_("All"), href=page.address(state=None), className=_look(not chosen))
    links = [
        dcc.Link(
            state_word(state), href=page.address(state=state), className=_look(state in chosen)
        )
        for state in CHOICES
    ]
    return html.Nav([every, *links], className="segments", **{"aria-label": _("State of the run")})


def _look(here: bool) -> str:
    return "segment here" if here else "segment"


def _pager(count: int, page: RunList) -> html.Nav:
    first, last = page.offset + 1, min(page.offset + PAGE, count)
    words = _(
        "%(first)s to %(last)s of %(count)s",
        first=formats.number(min(first, count)),
        last=formats.number(last),
        count=formats.number(count),
    )
    newer = max(page.offset - PAGE, 0)
    links = []
    if page.offset:
        links.append(
            dcc.Link(_("Newer"), href=page.address(offset=newer), className="btn btn-secondary")
        )
    if last < count:
        links.append(
            dcc.Link(
                _("Older"),
                href=page.address(offset=page.offset + PAGE),
                className="btn btn-secondary",
            )
        )
    return html.Nav(
        [html.Span(words), *links], className="pager", **{"aria-label": _("Pages of runs")}
    )
