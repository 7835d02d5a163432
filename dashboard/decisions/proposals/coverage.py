"""The dialogs of decisions about coverage findings."""

from datetime import date, timedelta

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.components.ask.dialog import Proposal
from dashboard.decisions.proposals.registry import blocked, proposes
from dashboard.queries.coverage import coverage_rows
from dashboard.web.context import current
from dashboard.words.coverage_words import kind_name
from db.decisions import AcceptFinding, WithdrawAcceptance


@proposes(AcceptFinding)
def _accept(connection: Connection, decision: AcceptFinding) -> Proposal:
    finding = coverage_rows.get_finding(connection, decision.finding_id)
    if finding is None:
        line = _("Already resolved: nothing left to accept.")
        return blocked(_("Nothing to accept"), line)
    return Proposal(
        _("Accept this finding?"),
        [
            _(
                "It no longer counts as something to look at, and stays in the list with your "
                "reason. If its facts change, it opens again."
            ),
        ],
        _("Accept"),
        facts=[
            (_("Device"), finding.name),
            (_("Site"), finding.site),
            (_("Finding"), kind_name(finding.kind)),
            (_("Since"), formats.day(finding.since)),
        ],
        until=[
            (_("Until its facts change"), ""),
            *(
                (_("For %(n)s days, until %(day)s", n=days, day=formats.day(end)), end.isoformat())
                for days, end in _last_days(current().today())
            ),
        ],
    )


@proposes(WithdrawAcceptance)
def _withdraw(connection: Connection, decision: WithdrawAcceptance) -> Proposal:
    acceptance = coverage_rows.get_acceptance(connection, decision.exception_id)
    if acceptance is None or acceptance.withdrawn_on is not None:
        line = _("Already withdrawn: the finding is open again.")
        return blocked(_("Nothing to withdraw"), line)
    return Proposal(
        _("Withdraw this acceptance?"),
        [_("The finding is open again from today on. The audit log keeps that it was accepted.")],
        _("Withdraw"),
        facts=[
            (_("Finding"), kind_name(acceptance.kind)),
            (_("Accepted because"), acceptance.reason),
            (_("By"), acceptance.author),
            (_("On"), formats.day(acceptance.accepted_on)),
        ],
    )


def _last_days(today: date) -> list[tuple[int, date]]:
    return [(days, today + timedelta(days=days)) for days in (30, 90, 365)]
