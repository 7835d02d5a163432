"""Carries decisions out, and handles those after which the follow-up of a collection runs: collect,
accept or end, close a month. The other handlers are in `etl.decisions`."""

import logging

from sqlalchemy import select

from db import audit
from db.decisions import (
    AcceptRun,
    CloseMonth,
    Collect,
    Decision,
    EndSource,
    RejectRun,
    ReopenMonth,
    WithdrawDay,
)
from db.engine import reading, writing
from db.tables import collection_runs
from etl.collect import run_log
from etl.collect.collect import business_day, collect
from etl.coverage.refresh import catch_up
from etl.decisions import runs
from etl.decisions.registry import (
    HANDLERS,
    DecisionContext,
    DecisionRefused,
    handles,
    load_handlers,
)
from etl.months.close import close_month, reopen_month
from etl.records.record import FetchStats
from etl.sources import Source
from etl.work.after_collection import run_after_collection

load_handlers()

log = logging.getLogger(__name__)


class CollectionFailed(Exception):
    """A source could not be collected; the text is the reason of its run."""


def carry_out(context: DecisionContext, decision: Decision) -> str:
    """Carry a decision out; what came of it, as a sentence.

    Raises:
        DecisionRefused: it cannot be done as things stand; the text says what to do.
    """
    return HANDLERS[decision.kind](context, decision)


@handles(Collect)
def _collect(context: DecisionContext, decision: Collect) -> str:
    source = _source(context, decision.source)

    def on_page(stats: FetchStats) -> None:
        context.report_progress(f"page {stats.pages}, {stats.rows:,} devices")
        context.on_page(stats)

    context.report_progress(f"asks {source.FACTS.label}")
    day = business_day(context.clock, context.settings)
    outcome = collect(
        context.engine, context.lease, source, day, context.clock, context.settings, on_page
    )
    about = {"day": day, "run_id": outcome.run_id, "state": outcome.state}
    with writing(context.engine) as connection:
        now = context.clock()
        audit.write_entry(connection, context.actor, Collect.kind, decision.source, now, about)
    closed = _after_collection(context)
    for month in closed:
        log.info("%s is closed", month)
    if outcome.state == run_log.FAILED:
        raise CollectionFailed(outcome.reason)
    return " ".join([str(outcome), *(f"{month} is closed." for month in closed)])


@handles(AcceptRun)
def _accept_run(context: DecisionContext, decision: AcceptRun) -> str:
    of_id = collection_runs.c.run_id == decision.run_id
    with reading(context.engine) as connection:
        name = connection.scalar(select(collection_runs.c.source).where(of_id))
    if name is None:
        raise DecisionRefused(f"There is no run {decision.run_id}.")
    done = runs.accept_run(context, _source(context, name), decision.run_id)
    _after_collection(context)
    changes = f"{done.added} added, {done.removed} removed, {done.changed} changed"
    return f"Run {decision.run_id} of {name} is accepted: {changes}."


@handles(RejectRun)
def _reject_run(context: DecisionContext, decision: RejectRun) -> str:
    run = runs.reject_run(context, decision.run_id, decision.reason)
    return (
        f"The run of {run.source} of {run.business_date} is rejected: the earlier numbers stay "
        "in use."
    )


@handles(WithdrawDay)
def _withdraw_day(context: DecisionContext, decision: WithdrawDay) -> str:
    runs.withdraw_day(context, decision.source, decision.day)
    catch_up(context.engine, context.lease, context.settings)
    return f"{decision.day} of {decision.source} is withdrawn: the snapshot before it counts again."


@handles(EndSource)
def _end_source(context: DecisionContext, decision: EndSource) -> str:
    day, removed = runs.end_source(context, decision.source)
    _after_collection(context)
    return f"{decision.source} is ended on {day}: {removed} devices removed."


@handles(CloseMonth)
def _close_month(context: DecisionContext, decision: CloseMonth) -> str:
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        close_month(connection, decision.month, context.actor, context.clock(), context.settings)
    _after_collection(context)
    return f"{decision.month} is closed."


@handles(ReopenMonth)
def _reopen_month(context: DecisionContext, decision: ReopenMonth) -> str:
    month, reason = decision.month, decision.reason
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        reopen_month(connection, month, reason, context.actor, context.clock(), context.settings)
    return f"{month} is open again."


def _source(context: DecisionContext, name: str) -> Source:
    if name not in context.sources:
        raise DecisionRefused(
            f"The worker does not collect {name!r}: set what it needs (inventory-hub doctor "
            "says what) and start the worker again."
        )
    return context.sources[name]


def _after_collection(context: DecisionContext) -> list[str]:
    """The months that closed by themselves."""
    closed, _ = run_after_collection(
        context.engine, context.lease, context.clock(), context.settings
    )
    return closed
