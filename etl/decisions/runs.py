"""Decisions about runs (docs/rules.md, 5): accept or reject a held run, withdraw the newest
published day, end a source. Each is one transaction with its entry in the audit log.

The handlers are in `etl.work.handlers`, because a collection's follow-up work comes after them.
"""

from datetime import date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, insert, select

from db import rules as rule_versions
from db.correlation import correlation_id
from db.decisions import AcceptRun, EndSource, RejectRun, WithdrawDay
from db.engine import writing
from db.history.runs import END, PUBLISHED, border, newest_day, runs_in_force
from db.rounding import rounded
from db.settings import active_settings
from db.tables import collection_runs, held_records
from etl.collect import run_log
from etl.collect.collect import business_day
from etl.collect.verdict import evaluate_rows, read_held_rows
from etl.decisions.registry import DecisionContext, DecisionRefused
from etl.decisions.restate import restating
from etl.snapshots import counts as rollups
from etl.snapshots.apply_decisions import reapply_decisions
from etl.snapshots.publish import PublishResult, check_publish_date, publish
from etl.snapshots.site_plan import internal_aliases, plan_sites
from etl.snapshots.undo_day import can_undo_day, undo_day
from etl.sources import Source

HELD, ACCEPTED, REJECTED, WITHDRAWN = "held", "accepted", "rejected", "withdrawn"


def accept_run(context: DecisionContext, source: Source, run_id: int) -> PublishResult:
    """Publish a held run of `source` on its own business date, evaluated by the current rules.

    Raises:
        DecisionRefused: it is not held, something later is published, or its month is closed.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        run, closed = _held(connection, run_id), border(connection)
        if closed is not None and run.business_date <= closed:
            raise DecisionRefused(
                f"The run of {run.business_date} cannot be accepted: its month is closed. "
                "Reject it, or reopen the month first."
            )
        check_publish_date(connection, run.source, run.business_date, run.business_date)
        rules = rule_versions.adopt_environment(connection, context.clock(), context.settings)
        collected = read_held_rows(connection, source, run_id)
        names = {r.alias_key: r.alias_name for r in collected.records if r.alias_key is not None}
        plan = plan_sites(connection, run.source, run.business_date, names, collected.keep)
        internal = internal_aliases(connection, plan, rules)
        states = evaluate_rows(source, collected, rules, internal)
        _clear_hold(connection, context, run_id, ACCEPTED)
        entry = context.write_entry(
            connection, AcceptRun, f"run {run_id}", source=run.source, day=run.business_date
        )
        with restating(connection, entry, run.source, run.business_date):
            done = publish(
                connection,
                run.source,
                run.business_date,
                run_id,
                states,
                rules,
                plan,
                context.clock(),
                keep=collected.keep,
            )
        run_log.update_run(
            connection,
            run_id,
            state=run_log.COMPLETE,
            added=done.added,
            removed=done.removed,
            changed=done.changed,
            changed_percent=float(rounded(done.changed_percent, 2)),
            changed_keys=done.changed_keys,
            rule_version=rules.version,
        )
    return done


def reject_run(context: DecisionContext, run_id: int, reason: str) -> Row[Any]:
    """Drop the records of a held run, so that the snapshot before it stands; the run as it was.
    The audit log keeps the reason.

    Raises:
        DecisionRefused: it is not held.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        run = _held(connection, run_id)
        _clear_hold(connection, context, run_id, REJECTED)
        subject = f"run {run_id}"
        detail = {"source": run.source, "day": run.business_date, "reason": reason}
        context.write_entry(connection, RejectRun, subject, **detail)
    return run


def withdraw_day(context: DecisionContext, source: str, day: date) -> None:
    """Withdraw the newest published day of `source`; the snapshot before it stands again.

    Raises:
        DecisionRefused: it is not the newest, its month is closed, or what was before is purged.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        newest, closed = newest_day(connection, source), border(connection)
        if newest is None:
            raise DecisionRefused(f"{source} has no published day to withdraw.")
        if day != newest:
            raise DecisionRefused(
                f"{day} of {source} cannot be withdrawn: only {newest}, its newest published day, "
                "can be."
            )
        if closed is not None and day <= closed:
            raise DecisionRefused(
                f"{day} cannot be withdrawn: its month is closed. Reopen the month first."
            )
        if not can_undo_day(connection, source, day):
            raise DecisionRefused(
                f"{day} of {source} cannot be withdrawn: the snapshot before it is no longer kept. "
                "Collect the source again instead."
            )
        runs = collection_runs.c
        run_id = connection.scalars(
            select(runs.run_id).where(PUBLISHED, runs.source == source, runs.business_date == day)
        ).one()
        entry = context.write_entry(connection, WithdrawDay, source, day=day, run_id=run_id)
        with restating(connection, entry, source, day):
            undo_day(connection, source, day)
            reapply_decisions(connection, source, day)
            run_log.update_run(
                connection,
                run_id,
                published=False,
                hold=WITHDRAWN,
                decided_by=context.actor,
                decided_at=context.clock(),
            )
            rollups.recount_after_withdrawal(connection, source, day)


def end_source(context: DecisionContext, source: str) -> tuple[date, int]:
    """Publish today that `source` has no devices any more; the day, and how many were removed.

    Raises:
        DecisionRefused: it has nothing to end, or today cannot be published.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        today = business_day(context.clock, context.settings)
        standing = runs_in_force(connection).get(source)
        if standing is None:
            raise DecisionRefused(f"{source} was never collected: there is nothing to end.")
        if standing.kind == END:
            raise DecisionRefused(f"{source} was ended on {standing.business_date} already.")
        check_publish_date(connection, source, today, today)
        rules = rule_versions.adopt_environment(connection, context.clock(), context.settings)
        run_id = _insert_end_run(connection, context, source, today, rules.version)
        entry = context.write_entry(connection, EndSource, source, day=today, run_id=run_id)
        plan = plan_sites(connection, source, today, {}, ())
        with restating(connection, entry, source, today):
            done = publish(connection, source, today, run_id, [], rules, plan, context.clock())
        run_log.update_run(connection, run_id, removed=done.removed)
    return today, done.removed


def _held(connection: Connection, run_id: int) -> Row[Any]:
    run = connection.execute(
        select(collection_runs).where(collection_runs.c.run_id == run_id)
    ).one_or_none()
    if run is None:
        raise DecisionRefused(f"There is no run {run_id}.")
    if run.hold != HELD:
        state = f"it was {run.hold}" if run.hold else f"it is {run.state}"
        raise DecisionRefused(f"Run {run_id} does not wait for a decision: {state}.")
    return run


def _clear_hold(connection: Connection, context: DecisionContext, run_id: int, hold: str) -> None:
    """Record what was decided about a held run, and delete its held records."""
    connection.execute(delete(held_records).where(held_records.c.run_id == run_id))
    run_log.update_run(
        connection, run_id, hold=hold, decided_by=context.actor, decided_at=context.clock()
    )


def _insert_end_run(
    connection: Connection, context: DecisionContext, source: str, day: date, rule_version: int
) -> int:
    now: datetime = context.clock()
    result = connection.execute(
        insert(collection_runs).values(
            source=source,
            business_date=day,
            timezone=str(active_settings(context.settings).timezone),
            kind=END,
            state=run_log.COMPLETE,
            published=False,
            started_at=now,
            heartbeat_at=now,
            finished_at=now,
            records=0,
            quarantined=0,
            added=0,
            changed=0,
            rule_version=rule_version,
            reason=f"The source was ended by {context.actor}.",
            correlation_id=correlation_id() or str(uuid4()),
            decided_by=context.actor,
            decided_at=now,
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a run's id comes from the database"
    run_id: int = inserted[0]
    return run_id
