"""What will be frozen when a month is closed, and what comes loose when it is reopened."""

from flask_babel import gettext as _
from sqlalchemy import Connection, func, select

from dashboard.base import formats
from dashboard.components.ask.dialog import Proposal
from dashboard.queries.months.table import sources_on
from dashboard.queries.runs import attempts
from dashboard.words.month_words import hindrance_words
from db.history.kept import month_end, month_of
from db.history.runs import border
from db.keys import as_of
from db.months.closings import hindrances
from db.sources import source_label
from db.tables import device_snapshots, month_end_counts


def closing(connection: Connection, month: str) -> Proposal:
    """What the dialog says before a month is closed: counts, real dates, what speaks against."""
    name = formats.month(month)
    found = hindrances(connection, month)
    final = [hindrance_words(one) for one in found if one.final]
    if final:
        return Proposal(
            _("%(month)s cannot be closed now", month=name), final, _("Close"), blocked=True
        )
    lines = [
        _("What stands on %(day)s is stored once, with its names as they are now, and nothing on "
          "or before that day can change any more.", day=formats.day(month_end(month))),
        *(hindrance_words(one) for one in found),
    ]  # fmt: skip
    held = attempts.held(connection)
    facts = [*_counts(connection, month), *_dates(connection, month)]
    facts.append((_("Held runs"), formats.number(len(held))))
    return Proposal(_("Close %(month)s?", month=name), lines, _("Close the month"), facts=facts)


def reopening(connection: Connection, month: str) -> Proposal:
    """What the dialog says before a month is reopened."""
    name, newest = formats.month(month), border(connection)
    if newest is None or month_of(newest) != month:
        line = _("Only the newest closed month can be reopened.")
        title = _("%(month)s cannot be reopened", month=name)
        return Proposal(title, [line], _("Close"), blocked=True)
    return Proposal(
        _("Reopen %(month)s?", month=name),
        [
            _("Its days can change again, and so can what was billed for it. Its closing is kept "
              "with its hash; closing again adds another."),
            _("It does not close by itself any more: somebody must close it."),
        ],
        _("Reopen the month"),
        reasoned=True,
    )  # fmt: skip


def _counts(connection: Connection, month: str) -> list[tuple[str, str]]:
    """How many records are stored, and how many machines are billable and spare."""
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
    """The real date of each source."""
    end = month_end(month)
    found = []
    for source, one in sources_on(connection, end).items():
        words = formats.instant(one.finished_at)
        if one.ended:
            words = _("ended on %(day)s", day=formats.day(one.date))
        elif one.date != end:
            words = _("%(day)s, not the last day", day=formats.day(one.date))
        found.append((source_label(source), words))
    return found
