"""The months, newest first: what each counts, what it stands on, whether it is closed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.good_direction import GOOD
from dashboard.base.params import Filters
from dashboard.components.ask.dialog import ask_button
from dashboard.components.kit.count_link import change_link, count_link
from dashboard.components.kit.danger import Danger, danger_zone
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import month_pill, source_badge
from dashboard.components.kit.table import column_head
from dashboard.components.why.month import why_month_button
from dashboard.queries.months.month_table import IMPORTED, OPEN, MonthRow
from dashboard.words.month_words import closed_words, hindrance_words, imported_words
from db.decisions import CloseMonth, ReopenMonth

MonthHref = Callable[[str], str | None]


@dataclass(frozen=True)
class Lists:
    """What the numbers of a month open; None where no list is kept, which `unlisted` explains.

    Attributes:
        devices: the devices at its end, by the number: a billing status, or "total".
        changes: what moved the billable ones since the month before.
    """

    devices: Mapping[str, str | None]
    changes: str | None
    unlisted: str


ListsOf = Callable[[MonthRow], Lists]


def month_list(
    rows: Sequence[MonthRow],
    filters: Filters,
    actor: Actor,
    month_href: MonthHref,
    lists_of: ListsOf,
) -> html.Div:
    """The table.

    Args:
        filters: what is counted, for the drawer that explains a month.
        actor: whoever looks; only what they may do is offered.
        month_href: the page of a month.
        lists_of: what the numbers of a month open.
    """
    heads = [
        (_("Month"), ""), (_("State"), "month-state"), (_("Based on"), "wide"),
        (_("Billable"), "figure"),
        (_("Change"), "figure"), ("%", "figure wide"), (_("Spare"), "figure wide"),
        (_("Total"), "figure wide"), ("", "doing"),
    ]  # fmt: skip
    head = html.Tr([column_head(name, kind) for name, kind in heads])
    body = [_row(row, filters, actor, month_href, lists_of(row)) for row in rows]
    table = html.Table([html.Thead(head), html.Tbody(body)], className="table months")
    return drawn(html.Div(table, className="table-scroll"))


def _row(
    row: MonthRow,
    filters: Filters,
    actor: Actor,
    month_href: MonthHref,
    behind: Lists,
) -> html.Tr:
    why = why_month_button(row, filters)
    return html.Tr(
        [
            html.Th(
                [
                    dcc.Link(
                        formats.month(row.month), href=month_href(row.month), className="row-link"
                    ),
                    # On a phone in place of the column of states, to leave room for the change.
                    html.Div(_state(row), className="phone-state"),
                ],
                scope="row",
                className="nowrap",
            ),
            html.Td(_state(row), className="month-state"),
            html.Td(source_dates(row), className="wide"),
            html.Td(month_count(row.billable, behind, "billable"), className="figure"),
            html.Td(change_link(row.figure, behind.changes, GOOD["billable"]), className="figure"),
            html.Td(formats.percent_change(row.figure), className="figure wide muted"),
            html.Td(month_count(row.spare, behind, "spare"), className="figure wide muted"),
            html.Td(month_count(row.total, behind, "total"), className="figure wide"),
            html.Td(html.Div([*actions(row, actor), why], className="acts"), className="doing"),
        ],
        className=f"is-{row.state}",
    )


def month_count(n: int | None, behind: Lists, name: str) -> Component:
    """A number of a month, as a link to its devices where they are kept."""
    return count_link(n, behind.devices[name], unlisted=behind.unlisted)


def _state(row: MonthRow) -> list[Any]:
    """The pill, and what there is to know of it."""
    content: list[Any] = [month_pill(row.state)]
    if row.closing is not None:
        content.append(html.Span(closed_words(row.closing), className="muted said"))
    elif row.state == IMPORTED:
        content.append(html.Span(_("from a file; totals only"), className="muted said"))
    elif row.hindrances:
        # What else the running month waits for stands in the other rows and on its page.
        told = row.hindrances if row.state == OPEN else row.hindrances[:1]
        text = " ".join(map(hindrance_words, told))
        content.append(html.Span(text, className="muted said"))
    if row.imported and row.state != IMPORTED:
        content.append(html.Span(imported_words(row), className="muted said"))
    return content


def source_dates(row: MonthRow) -> Any:
    """The real date of each source, sources of one date together."""
    if row.state == IMPORTED or not row.dates:
        return None
    together: dict[tuple[str, str], list[str]] = {}
    for source, snapshot in row.dates.items():
        words = _("ended") if snapshot.ended else formats.short_day(snapshot.date)
        kind = "late-day" if source in row.late else "muted"
        together.setdefault((words, kind), []).append(source)
    parts = [
        html.Span(
            [*map(source_badge, sources), html.Span(words, className=kind)], className="badges"
        )
        for (words, kind), sources in together.items()
    ]
    return html.Span(parts, className="stood")


def actions(row: MonthRow, actor: Actor) -> list[Any]:
    """What `actor` may do with a month."""
    month = {"month": row.month}
    name = formats.month(row.month)
    if row.can_close and row.state == OPEN:
        return [
            ask_button(CloseMonth, month, _("Close"), kind="btn-primary", about=name, actor=actor)
        ]
    return []


def dangers(rows: Sequence[MonthRow], actor: Actor) -> Component | None:
    """Reopening the closed month among `rows` that can be reopened, for whoever may."""
    return danger_zone(
        [_reopening(row.month, actor) for row in rows if row.can_reopen and row.closing is not None]
    )


def _reopening(month: str, actor: Actor) -> Danger:
    name = formats.month(month)
    return Danger(
        _("Reopen %(month)s", month=name),
        _("Its days can change again, and so can what was billed for it."),
        ask_button(
            ReopenMonth,
            {"month": month},
            _("Reopen"),
            kind="btn-outline-danger",
            about=name,
            actor=actor,
        ),
    )
