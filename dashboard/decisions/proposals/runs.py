"""The dialogs of decisions about runs and sources."""

from datetime import timedelta

from dash import html
from flask_babel import gettext as _
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.base.run_params import RunFilters, RunList
from dashboard.components.ask.dialog import Proposal
from dashboard.components.runs.held import Held, compared, effect, reasons
from dashboard.decisions.proposals.registry import blocked, proposes
from dashboard.queries.runs import attempts
from dashboard.queries.runs.attempts import Run
from db.decisions import AcceptRun, EndSource, RejectRun, WithdrawDay
from db.history.runs import newest_day
from db.sources import source_label


def _held_run(connection: Connection, run_id: int) -> Run | None:
    run = attempts.get_run(connection, run_id)
    return run if run is not None and run.hold == "held" else None


def _known(connection: Connection, run: Run) -> Held:
    return Held(
        run,
        attempts.previous_published_run(connection, run),
        attempts.suspicions_of(connection, run.run_id),
        attempts.count_decisions_since(connection, run),
    )


def _decided_already() -> Proposal:
    line = _("This run was decided meanwhile, or a newer one has replaced it.")
    return blocked(_("Nothing to decide"), line)


@proposes(AcceptRun)
def _accept(connection: Connection, decision: AcceptRun) -> Proposal:
    run = _held_run(connection, decision.run_id)
    if run is None:
        return _decided_already()
    held = _known(connection, run)
    words = {"source": source_label(run.source), "day": formats.day(run.business_date)}
    lines = [
        _(
            "It becomes the snapshot of %(day)s. Every count from that day on is recalculated.",
            **words,
        ),
    ]
    lines.append(compared(held))
    return Proposal(
        _("Accept the run of %(source)s of %(day)s?", **words),
        lines,
        _("Accept the run"),
        facts=effect(held, RunList(RunFilters())),
        details=[html.Div([html.H3(_("Why it waits")), reasons(held)], className="dialog-part")],
    )


@proposes(RejectRun)
def _reject(connection: Connection, decision: RejectRun) -> Proposal:
    run = _held_run(connection, decision.run_id)
    if run is None:
        return _decided_already()
    before = attempts.previous_published_run(connection, run)
    words = {"source": source_label(run.source), "day": formats.day(run.business_date)}
    lines = [_("Its rows are dropped, and %(day)s has no snapshot of its own.", **words)]
    if before is not None:
        day = formats.day(before.business_date)
        lines.append(_("The snapshot of %(shown)s stays in use. No number changes.", shown=day))
    lines.append(_("The next collection is compared with it again."))
    return Proposal(
        _("Reject the run of %(source)s of %(day)s?", **words),
        lines,
        _("Reject the run"),
        danger=True,
    )


@proposes(WithdrawDay)
def _withdraw(connection: Connection, decision: WithdrawDay) -> Proposal:
    source, day = decision.source, decision.day
    words = {"source": source_label(source), "day": formats.day(day)}
    if newest_day(connection, source) != day:
        line = _("Only the newest published day of a source can be withdrawn.")
        return blocked(_("Nothing to withdraw"), line)
    before = attempts.published_run_on(connection, source, day - timedelta(days=1))
    if before is None:
        after = _("It is the only snapshot: %(source)s will have none.", **words)
    else:
        shown = formats.day(before.business_date)
        after = _(
            "The snapshot of %(shown)s counts again, with every device as it was then.",
            shown=shown,
        )
    return Proposal(
        _("Withdraw %(day)s of %(source)s?", **words),
        [
            after,
            _("The counts of %(day)s are recalculated; the day shows as withdrawn.", **words),
            _(
                "Only today can be collected again: %(source)s does not tell what it had on an "
                "earlier day.",
                **words,
            ),
        ],
        _("Withdraw the day"),
        danger=True,
        typed=words["source"],
    )


@proposes(EndSource)
def _end(connection: Connection, decision: EndSource) -> Proposal:
    source = decision.source
    words = {"source": source_label(source)}
    newest = newest_day(connection, source)
    standing = attempts.published_run_on(connection, source, newest) if newest else None
    facts = []
    if standing is not None:
        facts.append((_("Rows in use now"), formats.number(standing.records)))
    return Proposal(
        _("End %(source)s?", **words),
        [
            _(
                "All devices of %(source)s are removed, with the reason “source ended”.",
                **words,
            ),
            _(
                "Its days no longer count as missing, nobody is warned that it is old, and months "
                "close without it."
            ),
            _("Past days stay as they are."),
        ],
        _("End %(source)s", **words),
        facts=facts,
        danger=True,
        typed=words["source"],
    )
