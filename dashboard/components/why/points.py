"""The points of a trend in the drawer: each with its number, its list and its runs."""

from collections.abc import Sequence
from datetime import date

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.components.kit import links
from dashboard.components.kit.count_link import count_link
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import source_badge
from dashboard.components.kit.table import column_head
from dashboard.queries.explain.points import Point
from dashboard.queries.months.snapshots import MonthSource


def points_table(points: Sequence[Point]) -> Component | None:
    """One row per point, the newest first. A source's date is shown if it differs."""
    if not points:
        return None
    heads = ((_("Day"), ""), (_("Number"), "figure"), (_("Finished, run"), ""))
    head = html.Tr([column_head(text, kind) for text, kind in heads])
    rows = [_row(point) for point in points]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="table rests points")
    return drawn(table)


def _row(point: Point) -> html.Tr:
    href = None if point.filters is None else links.devices(point.filters)
    unlisted = _("The devices of this day are no longer kept.")
    number = count_link(point.n, href, unlisted=unlisted)
    return html.Tr(
        [
            html.Td(formats.day(point.day)),
            html.Td(number, className="figure"),
            html.Td(_snapshots(point), className="muted"),
        ]
    )


def _snapshots(point: Point) -> list[Component | str]:
    if point.n is None:
        return [_("nothing was collected yet")]
    runs: list[Component | str] = [
        _run(source, snapshot, point.day) for source, snapshot in point.snapshots.items()
    ]
    if not point.imported:
        return runs
    return [*runs, _("%(n)s imported from a file", n=formats.number(point.imported))]


def _run(source: str, snapshot: MonthSource, day: date) -> Component:
    words = _("ended") if snapshot.ended else formats.time(snapshot.finished_at)
    if snapshot.date != day:
        words = f"{formats.short_day(snapshot.date)}, {words}"
    run = dcc.Link(
        words,
        href=links.run(snapshot.run_id),
        title=f"#{snapshot.run_id}, {formats.instant(snapshot.finished_at)}",
    )
    return html.Span([source_badge(source), " ", run, " "], className="point-run")
