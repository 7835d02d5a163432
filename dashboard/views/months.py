"""The content of the pages of months, from query results of one moment."""

import re
from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.params import BILLABLE, COUNTED, STATUSES, Filters
from dashboard.components.kit import links
from dashboard.components.kit.beside import beside
from dashboard.components.kit.card import card, file_links
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.states import first_run, nowhere
from dashboard.components.months.differences import MOST
from dashboard.components.months.page import Answers, Bases, bases_card, month_history, month_parts
from dashboard.components.months.since_closing import Reopened, since_card
from dashboard.components.months.table import Lists, dangers, month_list
from dashboard.components.why.month import Answer, why_month
from dashboard.queries import counts
from dashboard.queries.changes import adjustments
from dashboard.queries.counts import device_counts
from dashboard.queries.explain.contributions import (
    CountPart,
    Parts,
    SiteChange,
    count_parts,
    site_changes,
)
from dashboard.queries.moment import resolve
from dashboard.queries.months import basis_differences, month_table, since_closing
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.basis_differences import CountedDevice
from dashboard.queries.months.month_table import CLOSED, OPEN, RUNNING, MonthRow
from dashboard.queries.months.snapshots import PublishedSnapshots
from dashboard.queries.names import site_names
from dashboard.web.context import View, current
from dashboard.words.terms import basis_phrase
from db.history.kept import month_before, month_end
from db.roles import ADMINISTRATOR
from db.tables import ALL_SITES


def month_exists(connection: Connection, month: str) -> bool:
    """Whether the table of months has a row of this name."""
    moment = resolve(connection, Filters(), current().today())
    return month in month_table.counted_months(connection, moment, PublishedSnapshots(connection))


def month_called(_connection: Connection, month: str) -> str | None:
    """A month of the table in words."""
    return formats.month(month) if re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])", month) else None


def all_months(v: View) -> list[Any]:
    """The table of months."""
    rows = month_table.month_rows(v.connection, v.moment, v.filters)
    if not rows:
        return [first_run([])]
    table = month_list(
        rows,
        v.filters,
        v.actor,
        lambda month: links.month(v.filters, month),
        lambda row: _lists(v, row),
    )
    return [
        html.H1(_("Months"), className="visually-hidden"),
        card(
            "months-table",
            [table, *_earlier(v.actor)],
            title=_finding(rows),
            subtitle=[_about(v), beside(_not_billable(v), v.filters.as_stored())],
            actions=file_links(lambda form: links.file("month-ends", form, v.filters.as_stored())),
        ),
        dangers(rows, v.actor),
    ]


def month_detail(v: View, month: str) -> tuple[list[Any], Any, int | None]:
    """The head and the history of one month, and the id of its closing that holds."""
    rows = month_table.month_rows(v.connection, v.moment, v.filters)
    row = _row_of(rows, month)
    back = html.P(dcc.Link(_("All months"), href=links.months(v.filters)), className="back")
    if row is None:
        return [back, _no_month(v, rows, month)], None, None
    filters = v.filters.as_stored()
    closings = month_table.closings_of(v.connection, month)
    answers = Answers(
        row,
        adjustments.adjustments(v.connection, month, filters),
        closings,
        month_table.billable_at(v.connection, closings, filters),
        adjustments.audited(v.connection, month),
        filters,
        _lists(v, row),
        v.actor,
        not v.filters.are_stored,
    )
    closing = row.closing.closing_id if row.closing else None
    return [back, *month_parts(answers)], month_history(answers), closing


def bases_of(v: View, month: str, chosen: str | None, differing: str | None) -> list[Any]:
    """What changed since the month was closed, if it is open again, and the card of the billing
    bases.

    Args:
        chosen: the id of a site, or "all": whose devices make the difference between the bases.
        differing: the same: whose devices make the difference to the closing.
    """
    rows = month_table.month_rows(v.connection, v.moment, v.filters)
    row = _row_of(rows, month)
    if row is None:
        return []
    return [*_since_closing(v, row, differing), _bases_card(v, row, chosen)]


def _since_closing(v: View, row: MonthRow, differing: str | None) -> list[Any]:
    closings = month_table.closings_of(v.connection, row.month)
    if row.state != OPEN or not closings:
        return []
    filters = v.filters.as_stored()
    since = since_closing.since_closing(v.connection, closings[0], filters)
    names = site_names(v.connection)
    everything = {ALL_SITES: str(_("all sites"))}
    called = {_site_word(id): (id, name) for id, name in (everything | names).items()}
    chosen = called.get(differing or "") if since.members else None
    devices: Sequence[since_closing.DeviceDifference] = ()
    if chosen is not None:
        devices = since_closing.devices_since_closing(
            v.connection, closings[0], filters, v.moment.rules, chosen[0]
        )
    href = partial(_month_with, "since", v.filters, row.month)
    devices_on = partial(_devices_on, v, row, filters)
    return [since_card(Reopened(since, filters, href, devices_on, chosen, devices, names))]


def _bases_card(v: View, row: MonthRow, chosen: str | None) -> Any:
    filters = v.filters.at("/months")
    sides = basis_differences.compare_bases(v.connection, v.moment, row, filters)
    site = _chosen(v, chosen, sides)
    listed: list[CountedDevice] = []
    every_day: list[CountedDevice] = []
    if site:
        question = (v.connection, sides, site[0])
        listed = basis_differences.differing_devices(*question)
        every_day = basis_differences.every_day_devices(*question, MOST - len(listed))
    called = site_names(v.connection, filters.sites)
    names = [called.get(site_id, str(site_id)) for site_id in filters.sites]
    href = partial(_month_with, "present", v.filters, row.month)
    devices_on = partial(_devices_on, v, row, filters)
    return bases_card(Bases(row, sides, filters, names, href, devices_on, site, listed, every_day))


def _month_with(name: str, filters: Filters, month: str, site_id: int) -> str:
    """The page of a month that also lists some devices of a site."""
    address = links.month(filters, month)
    return f"{address}{'&' if '?' in address else '?'}{name}={_site_word(site_id)}"


def _site_word(site_id: int) -> str:
    return "all" if site_id == ALL_SITES else str(site_id)


def _chosen(
    v: View, text: str | None, sides: basis_differences.BasisComparison
) -> tuple[int, str] | None:
    for bases in sides.bases:
        if sides.presence is not None and _site_word(bases.site_id) == text:
            everything = str(_("all sites"))
            return bases.site_id, everything if bases.site_id == ALL_SITES else bases.site
    return None


def _row_of(rows: list[MonthRow], month: str | None) -> MonthRow | None:
    return next((row for row in rows if row.month == month), None)


def explain_month(v: View, month: str | None) -> list[Any]:
    """The "Why this number?" drawer of a month."""
    rows = month_table.month_rows(v.connection, v.moment, v.filters)
    row = _row_of(rows, month)
    if row is None:
        return [_no_month(v, rows, month)]
    filters = v.filters.as_stored()
    called = site_names(v.connection, filters.sites)
    billable = filters.having(statuses=BILLABLE)
    bases: Sequence[BillingBases] = []
    # They are of all sites or of one.
    if len(filters.sites) <= 1:
        bases = basis_differences.bases_of(v.connection, v.moment, row, billable).bases
    compared = _against_month_before(v, row, billable)
    changed, parts = _made_of(v, row, compared)
    answer = Answer(
        row,
        compared,
        changed,
        parts,
        [called.get(site, str(site)) for site in filters.sites],
        _lists(v, row).devices["billable"],
        bases[0] if bases else None,
        formats.day(v.moment.now.day),
        v.moment.rules_of_day,
    )
    return why_month(answer)


def _against_month_before(v: View, row: MonthRow, filters: Filters) -> Filters:
    """`filters` on the day of a month's count, against the end of the month before."""
    before = month_end(month_before(row.month))
    as_of = filters.as_of if row.state == RUNNING else month_end(row.month)
    return filters.having(as_of=as_of, compare_to=before)


def _made_of(
    v: View, row: MonthRow, filters: Filters
) -> tuple[Parts[SiteChange], Parts[CountPart]]:
    """The sites of a month's count and of its change, where the days are kept and say the same: a
    closed month stays as it was stored, and of an imported one there is only a number."""
    if _lists(v, row).devices["billable"] is None:
        return Parts(), Parts()
    moment = resolve(v.connection, filters, v.today)
    rows = device_counts(v.connection, moment, moment.now, filters) or []
    parts = count_parts(v.connection, filters, rows)
    if sum(count.n for count in rows) != row.billable:
        parts = Parts()
    changed = site_changes(v.connection, moment, filters)
    same_day = moment.then.day == filters.compare_to
    if not same_day or sum(part.net for part in changed) != row.figure.change:
        changed = Parts()
    return changed, parts


def _lists(v: View, row: MonthRow) -> Lists:
    """What the numbers of a month open: the devices at its end, or on the shown day of the running
    one; nothing where none are kept, or where some are only a number from a file."""
    filters = v.filters.as_stored()
    shown = _kept_end(v, row.month) if row.state != RUNNING else v.moment.now.day
    before = _kept_end(v, month_before(row.month))
    if row.imported or shown is None:
        why = _("Only the total is known: it comes from a file.")
        if not row.imported:
            why = _("The devices of this day are no longer kept.")
        return Lists(dict.fromkeys((*STATUSES, "total")), None, why)
    there = filters.having(as_of=filters.as_of if row.state == RUNNING else shown, compare_to=None)
    wanted = {**{status: (status,) for status in STATUSES}, "total": COUNTED}
    changes = None
    if before is not None and row.figure.previous is not None:
        changes = links.changes(_against_month_before(v, row, there.having(statuses=BILLABLE)))
    devices = {name: links.devices(there.having(statuses=wanted[name])) for name in wanted}
    return Lists(devices, changes, "")


def _devices_on(
    v: View, row: MonthRow, filters: Filters, site_id: int, day: date | None
) -> str | None:
    """What a site, or all of them, counted on a day of a month, or at its end (None)."""
    kept = v.moment.kept
    if day is None:
        day = _kept_end(v, row.month) if row.state != RUNNING else v.moment.now.day
    if row.imported or kept is None or day is None or kept.kept_on_or_before(day) != day:
        return None
    if site_id != ALL_SITES:
        filters = filters.having(sites=(site_id,))
    return links.devices_on(filters, day)


def _kept_end(v: View, month: str) -> date | None:
    """The last day of a month; None when its devices are not kept."""
    end = month_end(month)
    return end if v.moment.kept and v.moment.kept.kept_on_or_before(end) == end else None


def _not_billable(v: View) -> dict[str, int]:
    """How many devices stand beside the billable ones of the shown day."""
    return counts.uncounted(v.connection, v.moment, v.filters.as_stored().having(statuses=BILLABLE))


def _finding(rows: list[MonthRow]) -> str:
    """The table's title: the months to close, or that there are none."""
    due = next((row for row in rows if row.can_close), None)
    if due is not None:
        return str(_("%(month)s can be closed", month=formats.month(due.month)))
    closed = next((row for row in rows if row.state == CLOSED), None)
    if closed is None:
        return str(_("No month is closed yet"))
    return str(_("Closed up to %(month)s", month=formats.month(closed.month)))


def _earlier(actor: Actor) -> list[Component]:
    """Where the months before the first snapshot come from, for whoever can bring them in."""
    if ADMINISTRATOR not in actor.roles:
        return []
    note = html.P(
        [
            _("Months from before the first collection come from a file: "),
            html.Code("inventory-hub import-counts FILE"),
        ],
        className="note",
    )
    return [drawn(note)]


def _about(v: View) -> str:
    day = formats.day(v.moment.now.day or v.moment.now.requested)
    words = {"basis": basis_phrase(v.filters.basis), "day": day}
    text = str(_("Month-ends, %(basis)s; the running month as of %(day)s", **words))
    if not v.filters.are_stored:
        text += ". " + _("Search and location do not apply to months: they are ignored here")
    return text


def _no_month(v: View, rows: list[MonthRow], month: str | None) -> html.Section:
    """Which months there are, for an address that names another."""
    title = str(_("There is no such month"))
    every = (str(_("All months")), links.months(v.filters))
    if not rows:
        return nowhere(title, str(_("Nothing was counted yet.")), every)
    newest, first = rows[0].month, rows[-1].month
    words = {"first": formats.month(first), "newest": formats.month(newest)}
    text = _("Months are written like %(month)s. There are %(first)s to %(newest)s.",
             month=newest, **words)  # fmt: skip
    if month_called(v.connection, month or "") is not None:
        words["month"] = formats.month(month)
        text = _("%(month)s is before the first count. There are %(first)s to %(newest)s.", **words)
        if str(month) > newest:
            text = _("%(month)s has not begun. There are %(first)s to %(newest)s.", **words)
    ways = [(formats.month(name), links.month(v.filters, name)) for name in (newest, first)]
    return nowhere(title, str(text), *dict.fromkeys(ways), every)
