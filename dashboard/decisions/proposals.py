"""What will happen if a job is done: said before anybody asks for it."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.components.ask.dialog import Proposal
from dashboard.decisions import coverage_proposals, link_proposals, month_proposals
from dashboard.queries.runs import attempts
from dashboard.queries.runs.attempts import Run
from dashboard.words.run_words import run_effect
from db import jobs
from db.history.runs import newest_day
from db.sources import source_label


def proposal(connection: Connection, kind: str, arguments: Mapping[str, Any]) -> Proposal | None:
    """What the dialog says about a job with checked arguments; None when it may begin at once."""
    if kind in (jobs.ACCEPT_RUN, jobs.REJECT_RUN):
        run = attempts.one(connection, arguments["run_id"])
        if run is None or run.hold != "held":
            return _too_late()
        before = attempts.standing_before(connection, run)
        return _accept(run, before) if kind == jobs.ACCEPT_RUN else _reject(run, before)
    if kind == jobs.WITHDRAW_DAY:
        return _withdraw(connection, arguments["source"], date.fromisoformat(arguments["day"]))
    if kind == jobs.END_SOURCE:
        return _end(connection, arguments["source"])
    if kind == jobs.CLOSE_MONTH:
        return month_proposals.closing(connection, arguments["month"])
    if kind == jobs.REOPEN_MONTH:
        return month_proposals.reopening(connection, arguments["month"])
    if kind == jobs.ACCEPT_FINDING:
        return coverage_proposals.accepting(connection, arguments["finding_id"])
    if kind == jobs.WITHDRAW_ACCEPTANCE:
        return coverage_proposals.withdrawing(connection, arguments["exception_id"])
    return link_proposals.proposal(connection, kind, arguments)


def _too_late() -> Proposal:
    line = _("Somebody has decided about this run meanwhile, or a newer one has taken its place.")
    return Proposal(_("Nothing to decide"), [line], _("Close"), blocked=True)


def _accept(run: Run, before: Run | None) -> Proposal:
    words = {"source": source_label(run.source), "day": formats.day(run.business_date)}
    lines = [
        _("It becomes the snapshot of %(day)s. Every count from that day on is made again.",
          **words),
    ]  # fmt: skip
    if run.reason:
        lines.insert(0, run.reason)
    return Proposal(
        _("Accept the run of %(source)s of %(day)s?", **words),
        lines,
        _("Accept the run"),
        facts=run_effect(run, before),
    )


def _reject(run: Run, before: Run | None) -> Proposal:
    words = {"source": source_label(run.source), "day": formats.day(run.business_date)}
    lines = [_("Its rows are dropped and %(day)s stays without a snapshot of its own.", **words)]
    if before is not None:
        shown = formats.day(before.business_date)
        lines.append(_("The snapshot of %(shown)s stands on. No number changes.", shown=shown))
    lines.append(_("The next collection is compared with it again."))
    return Proposal(
        _("Reject the run of %(source)s of %(day)s?", **words), lines, _("Reject the run")
    )


def _withdraw(connection: Connection, source: str, day: date) -> Proposal:
    words = {"source": source_label(source), "day": formats.day(day)}
    if newest_day(connection, source) != day:
        line = _("Only the newest published day of a source can be withdrawn.")
        return Proposal(_("Nothing to withdraw"), [line], _("Close"), blocked=True)
    before = attempts.standing(connection, source, day - timedelta(days=1))
    if before is None:
        after = _("It is the only snapshot: %(source)s will have none.", **words)
    else:
        shown = formats.day(before.business_date)
        after = _("The snapshot of %(shown)s will stand again, with every device as it was then.",
                  shown=shown)  # fmt: skip
    return Proposal(
        _("Withdraw %(day)s of %(source)s?", **words),
        [
            after,
            _("The counts of %(day)s are made again; the day shows as withdrawn.", **words),
            _("It can be collected again today."),
        ],
        _("Withdraw the day"),
    )


def _end(connection: Connection, source: str) -> Proposal:
    words = {"source": source_label(source)}
    newest = newest_day(connection, source)
    standing = attempts.standing(connection, source, newest) if newest else None
    facts = []
    if standing is not None:
        facts.append((_("Rows that stand now"), formats.number(standing.records)))
    return Proposal(
        _("End %(source)s?", **words),
        [
            _("All devices of %(source)s are removed, with the reason that the source ended.",
              **words),
            _("Its days no longer count as missing, nobody is warned that it is old, and months "
              "close without it."),
            _("Past days stay as they are."),
        ],
        _("End %(source)s", **words),
        facts=facts,
    )  # fmt: skip
