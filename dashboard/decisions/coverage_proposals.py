"""What accepting a finding means, and taking that back: said before anybody asks for it."""

from datetime import date, timedelta

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.components.ask.dialog import Proposal
from dashboard.queries.coverage import rows as coverage_rows
from dashboard.web.context import current
from dashboard.words.coverage_words import kind_name


def accepting(connection: Connection, finding_id: int) -> Proposal:
    """What the dialog says before a finding is accepted."""
    found = coverage_rows.get_finding(connection, finding_id)
    if found is None:
        line = _("It does not stand any more: there is nothing left to accept.")
        return Proposal(_("Nothing to accept"), [line], _("Close"), blocked=True)
    here = current()
    today = here.today()
    return Proposal(
        _("Accept this finding?"),
        [
            _("It is not counted as something to look at any more, and stays in the list with your "
              "reason. When its facts change it comes back."),
        ],
        _("Accept"),
        facts=[(_("Device"), found.name), (_("Site"), found.site),
               (_("Finding"), kind_name(found.kind)),
               (_("Since"), formats.day(found.since))],
        reasoned=True,
        until=[
            (_("Until its facts change"), ""),
            *((_("For %(n)s days, until %(day)s", n=days, day=formats.day(end)), end.isoformat())
              for days, end in _ends(today)),
        ],
    )  # fmt: skip


def withdrawing(connection: Connection, exception_id: int) -> Proposal:
    """What the dialog says before an acceptance is withdrawn."""
    found = coverage_rows.get_acceptance(connection, exception_id)
    if found is None or found.withdrawn_on is not None:
        line = _("It is withdrawn already: the finding is open again.")
        return Proposal(_("Nothing to withdraw"), [line], _("Close"), blocked=True)
    return Proposal(
        _("Withdraw this acceptance?"),
        [_("The finding is open again from today on. The audit log keeps that it was accepted.")],
        _("Withdraw"),
        facts=[(_("Finding"), kind_name(found.kind)), (_("Accepted because"), found.reason),
               (_("By"), found.author), (_("On"), formats.day(found.accepted_on))],
    )  # fmt: skip


def _ends(today: date) -> list[tuple[int, date]]:
    return [(days, today + timedelta(days=days)) for days in (30, 90, 365)]
