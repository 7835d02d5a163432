"""What people decide about runs (PRODUCT.md rule 5): a held run is accepted or rejected, the newest
published day withdrawn, a source ended. Each is one transaction with its entry in the audit log.

The caller of each gives the lease that it holds.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, Row, delete, insert, select

from db import audit, jobs
from db import rules as rule_versions
from db.engine import writing
from db.history.runs import END, PUBLISHED, border, newest_day, runs_in_force
from db.settings import Environment, timezone
from db.tables import collection_runs, held_records
from etl.collect import run_log
from etl.collect.collect import Clock, business_day
from etl.collect.verdict import held_rows, judged
from etl.decisions.restate import restating
from etl.runtime.lease import Lease
from etl.snapshots import counts as rollups
from etl.snapshots.apply_decisions import reapply_decisions
from etl.snapshots.publish import PublishRefused, PublishResult, check_publish_date, publish
from etl.snapshots.site_plan import internal_aliases, plan_sites
from etl.snapshots.undo_day import can_undo_day, undo_day
from etl.sources import Source

HELD, ACCEPTED, REJECTED, WITHDRAWN = "held", "accepted", "rejected", "withdrawn"


@dataclass(frozen=True)
class Decider:
    """Who decides, where, and when."""

    engine: Engine
    lease: Lease
    actor: str
    clock: Clock
    environ: Environment | None = None

    def note(self, connection: Connection, action: str, subject: str, **detail: Any) -> int:
        """Write the decision down; the entry's id."""
        return audit.note(connection, self.actor, action, subject, self.clock(), detail)


def accept_run(by: Decider, source: Source, run_id: int) -> PublishResult:
    """Publish a held run of `source` as its own business date, judged by the rules of now.

    Raises:
        Refused: it is not held, something later is published, or its month is closed.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        run, closed = _held(connection, run_id), border(connection)
        if closed is not None and run.business_date <= closed:
            raise PublishRefused(
                f"The run of {run.business_date} cannot be accepted: its month is closed. "
                "Reject it, or reopen the month first."
            )
        check_publish_date(connection, run.source, run.business_date, run.business_date)
        rules = rule_versions.adopt_environment(connection, by.clock(), by.environ)
        gathered = held_rows(connection, source, run_id)
        names = {r.alias_key: r.alias_name for r in gathered.records if r.alias_key is not None}
        internal = internal_aliases(connection, run.source, names, rules)
        states = judged(source, gathered, rules, internal)
        plan = plan_sites(connection, run.source, names, set(names))
        _settle(connection, by, run_id, ACCEPTED)
        entry = by.note(
            connection, jobs.ACCEPT_RUN, f"run {run_id}", source=run.source, day=run.business_date
        )
        with restating(connection, entry, run.source, run.business_date):
            done = publish(
                connection, run.source, run.business_date, run_id, states, rules, plan,
                by.clock(), keep=gathered.keep,
            )  # fmt: skip
        run_log.end(
            connection, run_id, state=run_log.COMPLETE, added=done.added, removed=done.removed,
            changed=done.changed, changed_percent=round(done.changed_percent, 2),
            changed_keys=done.changed_keys, rule_version=rules.version,
        )  # fmt: skip
    return done


def reject_run(by: Decider, run_id: int) -> Row[Any]:
    """Drop the records of a held run; the numbers before it stand. The run as it was.

    Raises:
        Refused: it is not held.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        run = _held(connection, run_id)
        _settle(connection, by, run_id, REJECTED)
        subject = f"run {run_id}"
        by.note(connection, jobs.REJECT_RUN, subject, source=run.source, day=run.business_date)
    return run


def withdraw_day(by: Decider, source: str, day: date) -> None:
    """Take the newest published day of `source` back; the day before it stands again.

    Raises:
        Refused: it is not the newest, its month is closed, or what stood before it is purged.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        newest, closed = newest_day(connection, source), border(connection)
        if newest is None:
            raise PublishRefused(f"{source} has no published day to withdraw.")
        if day != newest:
            raise PublishRefused(
                f"{day} of {source} cannot be withdrawn: only {newest}, its newest published day, "
                "can be."
            )
        if closed is not None and day <= closed:
            raise PublishRefused(
                f"{day} cannot be withdrawn: its month is closed. Reopen the month first."
            )
        if not can_undo_day(connection, source, day):
            raise PublishRefused(
                f"{day} of {source} cannot be withdrawn: what stood before it is no longer kept. "
                "Collect the source again instead."
            )
        runs = collection_runs.c
        run_id = connection.scalars(
            select(runs.run_id).where(PUBLISHED, runs.source == source, runs.business_date == day)
        ).one()
        entry = by.note(connection, jobs.WITHDRAW_DAY, source, day=day, run_id=run_id)
        with restating(connection, entry, source, day):
            undo_day(connection, source, day)
            reapply_decisions(connection, source, day)
            run_log.end(
                connection, run_id, published=False, hold=WITHDRAWN, decided_by=by.actor,
                decided_at=by.clock(),
            )  # fmt: skip
            rollups.recount_after_withdrawal(connection, source, day)


def end_source(by: Decider, source: str) -> tuple[date, int]:
    """Publish today that `source` has no device any more; the day, and how many it had.

    Raises:
        Refused: it has nothing to end, or today cannot be published.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        today = business_day(by.clock, by.environ)
        standing = runs_in_force(connection).get(source)
        if standing is None:
            raise PublishRefused(f"{source} was never collected: there is nothing to end.")
        if standing.kind == END:
            raise PublishRefused(f"{source} was ended on {standing.business_date} already.")
        check_publish_date(connection, source, today, today)
        rules = rule_versions.adopt_environment(connection, by.clock(), by.environ)
        run_id = _begin_end(connection, by, source, today, rules.version)
        entry = by.note(connection, jobs.END_SOURCE, source, day=today, run_id=run_id)
        plan = plan_sites(connection, source, {}, set())
        with restating(connection, entry, source, today):
            done = publish(connection, source, today, run_id, [], rules, plan, by.clock())
        run_log.end(connection, run_id, removed=done.removed)
    return today, done.removed


def _held(connection: Connection, run_id: int) -> Row[Any]:
    run = connection.execute(
        select(collection_runs).where(collection_runs.c.run_id == run_id)
    ).one_or_none()
    if run is None:
        raise PublishRefused(f"There is no run {run_id}.")
    if run.hold != HELD:
        state = f"it was {run.hold}" if run.hold else f"it is {run.state}"
        raise PublishRefused(f"Run {run_id} does not wait for a decision: {state}.")
    return run


def _settle(connection: Connection, by: Decider, run_id: int, hold: str) -> None:
    """Write down what was decided of a held run and let its records go."""
    connection.execute(delete(held_records).where(held_records.c.run_id == run_id))
    run_log.end(connection, run_id, hold=hold, decided_by=by.actor, decided_at=by.clock())


def _begin_end(
    connection: Connection, by: Decider, source: str, day: date, rule_version: int
) -> int:
    now: datetime = by.clock()
    result = connection.execute(
        insert(collection_runs).values(
            source=source, business_date=day, timezone=str(timezone(by.environ)), kind=END,
            state=run_log.COMPLETE, published=False, started_at=now, heartbeat_at=now,
            finished_at=now, records=0, quarantined=0, added=0, changed=0,
            rule_version=rule_version, reason=f"The source was ended by {by.actor}.",
            correlation_id=str(uuid4()), decided_by=by.actor, decided_at=now,
        )
    )  # fmt: skip
    inserted = result.inserted_primary_key
    assert inserted is not None, "a run's id comes from the database"
    run_id: int = inserted[0]
    return run_id
