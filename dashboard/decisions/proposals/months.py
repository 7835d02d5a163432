"""The dialogs of decisions about months: what closing stores, and what reopening allows."""

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _
from sqlalchemy import Connection, func, select

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.ask.dialog import Proposal
from dashboard.components.kit import links
from dashboard.components.months.since_closing import difference_table
from dashboard.decisions.proposals.registry import blocked, proposes
from dashboard.queries.months import month_table, since_closing
from dashboard.queries.months.snapshots import PublishedSnapshots
from dashboard.queries.runs import attempts
from dashboard.words.month_words import closed_words, hindrance_words
from db.decisions import CloseMonth, ReopenMonth
from db.history.kept import month_end, month_of
from db.history.runs import border
from db.keys import as_of
from db.months.closings import hindrances
from db.sources import source_label
from db.tables import device_snapshots, month_end_counts


@proposes(CloseMonth)
def _close(connection: Connection, decision: CloseMonth) -> Proposal:
    month, name = decision.month, formats.month(decision.month)
    against = hindrances(connection, month)
    final = [hindrance_words(each) for each in against if each.final]
    if final:
        return Proposal(
            _("%(month)s cannot be closed now", month=name), final, _("Close"), blocked=True
        )
    lines = [
        _(
            "The devices of %(day)s are stored with their present names, and nothing on or "
            "before that day can change any more.",
            day=formats.day(month_end(month)),
        ),
        *(hindrance_words(each) for each in against),
    ]
    held = attempts.held_runs(connection)
    facts = [*_counts(connection, month), *_dates(connection, month)]
    facts.append((_("Held runs"), formats.number(len(held))))
    return Proposal(
        _("Close %(month)s?", month=name),
        lines,
        _("Close the month"),
        facts=facts,
        details=_since_last_closing(connection, month),
    )


def _since_last_closing(connection: Connection, month: str) -> list[Component]:
    """Of a month that was closed before: what this closing counts otherwise."""
    closings = month_table.closings_of(connection, month)
    if not closings:
        return []
    since = since_closing.since_closing(connection, closings[0], Filters())
    words = {"closed": closed_words(closings[0])}
    if not since.sites:
        text = _("Every site counts what it counted at the closing of %(closed)s.", **words)
        return [html.P(text)]
    title = _("Different from the closing of %(closed)s", **words)
    address = f"{links.month(Filters(), month)}?since=all"
    devices = html.A(_("See the devices"), href=address, target="_blank")
    note = html.P([_("Billable, unique machines."), " ", devices], className="muted")
    parts = [html.H3(title), note, difference_table(since)]
    return [html.Div(parts, className="dialog-part")]


@proposes(ReopenMonth)
def _reopen(connection: Connection, decision: ReopenMonth) -> Proposal:
    name, newest = formats.month(decision.month), border(connection)
    if newest is None or month_of(newest) != decision.month:
        line = _("Only the newest closed month can be reopened.")
        return blocked(_("%(month)s cannot be reopened", month=name), line)
    closings = month_table.closings_of(connection, decision.month)
    return Proposal(
        _("Reopen %(month)s?", month=name),
        [
            _(
                "Its days can change again, and so can what was billed for it. This closing is "
                "kept with its hash; closing again adds another."
            ),
            _("It no longer closes automatically: someone must close it."),
            _(
                "Decisions since its closing on %(closed)s then count in it too. What they change:",
                closed=closed_words(closings[0]),
            ),
        ],
        _("Reopen the month"),
        danger=True,
    )


def _counts(connection: Connection, month: str) -> list[tuple[str, str]]:
    """Records that would be stored, and how many machines are billable and spare."""
    c = month_end_counts.c
    rows = connection.execute(
        select(c.billing_status, func.sum(c.n))
        .where(c.month == month, c.basis == "assets")
        .group_by(c.billing_status)
    )
    sums = {status: int(n) for status, n in rows}
    members = select(func.count()).select_from(device_snapshots).where(as_of(month_end(month)))
    return [
        (_("Records stored"), formats.number(connection.scalar(members))),
        (_("Billable machines"), formats.number(sums.get("billable", 0))),
        (_("Spare machines"), formats.number(sums.get("spare", 0))),
    ]


def _dates(connection: Connection, month: str) -> list[tuple[str, str]]:
    """The date of the snapshot that stands at the month's end, by source."""
    end = month_end(month)
    dates = []
    for source, run in PublishedSnapshots(connection).in_force_on(end).items():
        words = formats.instant(run.finished_at)
        if run.ended:
            words = _("ended on %(day)s", day=formats.day(run.date))
        elif run.date != end:
            words = _("%(day)s, not the last day", day=formats.day(run.date))
        dates.append((source_label(source), words))
    return dates
