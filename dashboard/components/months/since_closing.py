"""A reopened month against its newest closing: site by site, and the devices that differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.good_direction import GOOD
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.card import panel
from dashboard.components.kit.count_link import change_link, count_link
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import delta, source_badge
from dashboard.components.kit.table import column_head
from dashboard.components.months.basis_table import DevicesOn
from dashboard.queries.months.since_closing import DeviceDifference, SinceClosing, State
from dashboard.words.filter_words import status_word
from dashboard.words.month_words import adjustment_words, closed_words
from dashboard.words.terms import basis_phrase
from db.tables import ALL_SITES

MOST = 500


@dataclass(frozen=True)
class Reopened:
    """What the card shows. `href` is the page with the devices that differ at a site; `chosen` the
    site of which they are listed; `names` those of sites."""

    since: SinceClosing
    filters: Filters
    href: Callable[[int], str]
    devices_on: DevicesOn
    chosen: tuple[int, str] | None
    devices: Sequence[DeviceDifference]
    names: dict[int, str]


def since_card(reopened: Reopened) -> Component:
    """The sites whose count is not that of the closing any more."""
    since = reopened.since
    change = formats.signed(since.after - since.before)
    title = _("Since the last closing: %(change)s", change=change)
    if since.after == since.before:
        title = _("Since the last closing: the same total")
    subtitle = _(
        "Billable at month-end, %(basis)s, against the closing of %(closed)s. Close the month "
        "again when it is right.",
        basis=basis_phrase(reopened.filters.basis),
        closed=closed_words(since.closing),
    )
    if not since.sites:
        note = html.P(_("Every site counts what it counted then."), className="note")
        return panel(html.H2(title), html.P(subtitle, className="card-subtitle"), note)
    unlisted = "" if since.members else _("The closing's list of devices is no longer kept.")
    rows = [
        _row(
            reopened,
            site.site_id,
            site.site,
            (site.before, site.after),
            reasons(since, site.decisions),
            unlisted,
        )
        for site in since.sites
    ]
    total = _row(reopened, ALL_SITES, _("All sites"), (since.before, since.after), "", unlisted)
    heads = [(_("Site"), ""), (_("At the closing"), "figure"), (_("Now"), "figure"),
             (_("Difference"), "figure"), (_("Adjustment"), "")]  # fmt: skip
    head = html.Tr([column_head(name, kind) for name, kind in heads])
    table = html.Table([html.Thead(head), html.Tbody([total, *rows])], className="table bases")
    parts: list[Component] = [drawn(html.Div(table, className="table-scroll"))]
    if reopened.chosen is not None:
        parts.append(_differing(reopened, reopened.chosen))
    return panel(html.H2(title), html.P(subtitle, className="card-subtitle"), *parts)


def difference_table(since: SinceClosing) -> Component:
    """The same for a dialog: before, after, difference and reason, without links."""
    heads = [(_("Site"), ""), (_("Last closing"), "figure"), (_("This closing"), "figure"),
             (_("Difference"), "figure"), (_("Adjustment"), "")]  # fmt: skip
    lines = [(_("All sites"), since.before, since.after, "")]
    lines += [(s.site, s.before, s.after, reasons(since, s.decisions)) for s in since.sites]
    rows = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                html.Td(formats.number(before), className="figure"),
                html.Td(formats.number(after), className="figure"),
                html.Td(delta(Change(after, before), GOOD["billable"]), className="figure"),
                html.Td(why, className="effect-why"),
            ],
            className="" if place else "everything",
        )
        for place, (name, before, after, why) in enumerate(lines)
    ]
    head = html.Thead(html.Tr([column_head(name, kind) for name, kind in heads]))
    table = html.Table([head, html.Tbody(rows)], className="table effect-counts")
    return html.Div(table, className="table-scroll effect-scroll effect-sites", tabIndex=0)


def reasons(since: SinceClosing, decisions: Sequence[Any]) -> str:
    """Why a site differs from its closing."""
    words = [adjustment_words(decision) for decision in decisions]
    if since.collected:
        words.append(_("A day of the month was collected again, accepted or withdrawn."))
    return "; ".join(words) or formats.NOTHING


def _row(
    reopened: Reopened, site_id: int, name: str, pair: tuple[int, int], why: str, unlisted: str
) -> html.Tr:
    before, after = pair
    href = None if unlisted else reopened.href(site_id)
    frozen = _("As the closing stored it; its invoice pack had these devices.")
    now = reopened.devices_on(site_id, None)
    gone = _("The devices of this day are no longer kept.")
    return html.Tr(
        [
            html.Th(name, scope="row"),
            html.Td(count_link(before, None, unlisted=frozen), className="figure"),
            html.Td(count_link(after, now, unlisted=gone), className="figure"),
            html.Td(
                change_link(Change(after, before), href, GOOD["billable"], label=name),
                className="figure",
            ),
            html.Td(why, className="effect-why"),
        ],
        className="everything" if site_id == ALL_SITES else "",
    )


def _differing(reopened: Reopened, chosen: tuple[int, str]) -> Component:
    """The devices that only one side counts, under a sentence that adds up to the difference."""
    rows = reopened.devices
    came = sum(row.counted_now for row in rows)
    gone = len(rows) - came
    title = html.H3(
        _(
            "%(change)s: %(came)s in, %(gone)s out at %(where)s",
            change=formats.signed(came - gone),
            came=formats.number(came),
            gone=formats.number(gone),
            where=chosen[1],
        )
    )
    heads = [(_("Device"), ""), (_("At the closing"), ""), (_("Now"), "")]
    head = html.Tr([column_head(name, kind) for name, kind in heads])
    body = [_device(row, reopened) for row in rows[:MOST]]
    table = html.Table([html.Thead(head), html.Tbody(body)], className="table")
    parts: list[Component] = [title, drawn(html.Div(table, className="table-scroll"))]
    if len(rows) > MOST:
        more = ngettext(
            "%(n)s more is not listed.", "%(n)s more are not listed.", len(rows) - MOST,
            n=formats.number(len(rows) - MOST),
        )  # fmt: skip
        parts.append(html.P(more, className="note"))
    return html.Section(parts, className="differing", id="differing")


def _device(row: DeviceDifference, reopened: Reopened) -> html.Tr:
    known = row.now or row.then
    assert known is not None, "a difference has a state on one side"
    address = links.device(reopened.filters.having(as_of=None), row.device_id)
    name = dcc.Link(known.name, href=address)
    badge = source_badge(known.source)
    return html.Tr(
        [
            html.Th(html.Span([badge, name], className="named-source"), scope="row"),
            html.Td(_state(row.then, reopened.names)),
            html.Td(_state(row.now, reopened.names)),
        ]
    )


def _state(state: State | None, names: dict[int, str]) -> str:
    if state is None:
        return str(_("not there, or part of another machine"))
    site = names.get(state.site_id, str(state.site_id))
    return f"{site}, {status_word(state.billing_status)}"
