"""One month: what stood at its end, what it can be billed by, who closed it, what moved since."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.good_direction import GOOD
from dashboard.base.params import Filters
from dashboard.components.kit.card import panel
from dashboard.components.kit.count_link import change_link
from dashboard.components.kit.drawn import drawn, drawn_list
from dashboard.components.kit.notice import notice
from dashboard.components.kit.pill import month_pill
from dashboard.components.kit.table import column_head, fact_list
from dashboard.components.months.basis_table import DevicesOn, basis_table
from dashboard.components.months.differences import differing_table
from dashboard.components.months.table import Lists, actions, dangers, month_count
from dashboard.components.why.month import why_month_button
from dashboard.components.why.month_snapshots import snapshot_table
from dashboard.queries.changes.adjustments import Adjustment, Entry
from dashboard.queries.months.basis_differences import BasisComparison, CountedDevice
from dashboard.queries.months.month_table import RUNNING, Closing, MonthRow
from dashboard.words.month_words import actor_name, decided_words, hindrance_words
from dashboard.words.terms import basis_phrase
from dashboard.words.why_words import counted
from db.decisions import CloseMonth
from db.history.kept import month_end


@dataclass(frozen=True)
class Answers:
    """What was asked of one month. `billable` is by closing what it stored; `left_aside`: the
    address has filters that months have not."""

    row: MonthRow
    adjustments: Sequence[Adjustment]
    closings: Sequence[Closing]
    billable: Mapping[int, int]
    audited: Sequence[Entry]
    filters: Filters
    lists: Lists
    actor: Actor
    left_aside: bool


@dataclass(frozen=True)
class Bases:
    """What a month can be billed by, for devices that `filters` count; `site_names` are those of
    their sites. `chosen` is the site of which the devices are listed: all that make the difference,
    and some of those counted on `every_day`; `href` the page with those of another; `devices_on`
    what a site counted on a day."""

    row: MonthRow
    sides: BasisComparison
    filters: Filters
    site_names: Sequence[str]
    href: Callable[[int], str]
    devices_on: DevicesOn
    chosen: tuple[int, str] | None = None
    differing: Sequence[CountedDevice] = ()
    every_day: Sequence[CountedDevice] = ()


def month_parts(answers: Answers) -> list[Any]:
    """What the page begins with."""
    row = answers.row
    snapshots = _card(_("Based on"), None, snapshot_table(row))
    return [
        _head(row, answers.actor),
        _why_open(row),
        html.Div([_numbers(answers), snapshots], className="run-cards"),
    ]


def month_history(answers: Answers) -> html.Div:
    """What decisions changed, and who closed it."""
    cards = [_adjusted(answers.adjustments), _history(answers)]
    return html.Div(
        [html.Div(cards, className="run-cards"), dangers([answers.row], answers.actor)],
        className="collections",
    )


def _head(row: MonthRow, actor: Actor) -> html.Header:
    title = html.H1(formats.month(row.month))
    return html.Header(
        drawn_list([title, month_pill(row.state), html.Div(actions(row, actor), className="acts")]),
        className="run-head",
    )


def _why_open(row: MonthRow) -> Any:
    if not row.hindrances:
        return None
    lines = [html.Li(hindrance_words(hindrance)) for hindrance in row.hindrances]
    title = _("When it can be closed") if row.state == RUNNING else _("Why it is not closed yet")
    return notice("info", html.Strong(title), html.Ul(lines))


def _numbers(answers: Answers) -> Component:
    row, behind = answers.row, answers.lists
    billable = month_count(row.billable, behind, "billable")
    change = change_link(row.figure, behind.changes, GOOD["billable"])
    facts: list[tuple[str, Any]] = [
        (_("Billable"), [billable, " ", change, why_month_button(row, answers.filters)]),
        (_("Spare"), month_count(row.spare, behind, "spare")),
        (_("Total"), month_count(row.total, behind, "total")),
        (_("Excluded, in no total"), month_count(row.excluded, behind, "excluded")),
    ]
    when = _("so far") if row.state == RUNNING else formats.day(month_end(row.month))
    title = _("%(when)s, %(basis)s", when=when, basis=basis_phrase(answers.filters.basis))
    if answers.left_aside:
        title += ". " + _("Search and location do not apply to months: they are ignored here")
    return _card(_("Counts"), title, fact_list(facts))


def bases_card(bases: Bases) -> Component:
    """The billing bases, and the devices that make the difference at the chosen site."""
    row = bases.row
    if bases.sides.stored:
        about = _("As stored when the month was closed")
    elif row.closing is not None:
        about = _("Computed now from the days of the closed month")
    else:
        about = _("Computed now; preliminary")
    subtitle = _(
        "%(what)s, %(basis)s, and how far from the month-end. %(about)s.",
        what=counted(bases.filters, bases.site_names),
        basis=basis_phrase(bases.filters.basis),
        about=about,
    )
    title = [_("Billing options"), why_month_button(row, bases.filters)]
    body = [basis_table(bases.sides, row.month, bases.href, bases.devices_on)]
    if bases.chosen is not None:
        body.append(differing_table(bases))
    return _card(title, subtitle, html.Div(body))


def _adjusted(adjustments: Sequence[Adjustment]) -> Component:
    if not adjustments:
        text = _("No decision changed the days of this month after they were counted.")
        return _card(_("Adjustments"), None, html.P(text, className="note"))
    heads = (_("When"), _("Who"), _("What"), _("Change in billable"))
    rows = [
        html.Tr(
            [
                html.Td(formats.instant(adjustment.at)),
                html.Td(actor_name(adjustment.actor)),
                html.Td(decided_words(adjustment)),
                # Only what changed is stored, so the two sums alone are no count of the month.
                html.Td(formats.signed(adjustment.after - adjustment.before), className="figure"),
            ]
        )
        for adjustment in adjustments
    ]
    head = html.Tr([column_head(text) for text in heads])
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="table")
    return _card(_("Adjustments"), None, drawn(html.Div(table, className="table-scroll")))


def _history(answers: Answers) -> Component:
    """Every closing with its hash, and who closed and reopened."""
    if not answers.audited and not answers.closings:
        text = _("It was never closed.")
        return _card(_("Closings"), None, html.P(text, className="note"))
    items = []
    hashes = {closing.closing_id: closing.hash for closing in answers.closings}
    for entry in answers.audited:
        closed = entry.action == CloseMonth.kind
        pattern = _("Closed %(who)s") if closed else _("Reopened %(who)s")
        line: list[Any] = [
            html.Strong(pattern % {"who": actor_name(entry.actor)}),
            html.Span(formats.instant(entry.at), className="muted"),
        ]
        closing_id = entry.detail.get("closing_id", -1)
        proof = hashes.get(closing_id)
        if proof:
            n = answers.billable.get(closing_id, 0)
            text = ngettext("%(n)s billable", "%(n)s billable", n, n=formats.number(n))
            line.append(html.Span(text))
            line.append(html.Code(proof, title=_("SHA-256 of devices, counts and billing options")))
        if entry.detail.get("reason"):
            line.append(html.Q(str(entry.detail["reason"])))
        items.append(html.Li(line))
    return _card(_("Closings"), None, drawn(html.Ul(items, className="history")))


def _card(title: Any, subtitle: str | None, body: Any) -> Component:
    words = [html.H2(title, className="count-line")]
    if subtitle:
        words.append(html.P(subtitle, className="card-subtitle"))
    return panel(*words, body)
