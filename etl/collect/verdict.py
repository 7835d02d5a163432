"""Publish what a run gathered, or hold it because it is suspicious: one transaction either way."""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, insert, select

from db import rules as rule_versions
from db.engine import writing
from db.rules import Rules
from db.settings import Environment
from db.tables import OPEN_END, collection_runs, device_snapshots, held_records
from etl.collect import run_log
from etl.collect.gather import CollectedRows, pack, read
from etl.collect.suspicion import Seen, differences, needs_administrator, suspicion_reasons
from etl.records.record import FetchStats
from etl.records.states import DeviceState, evaluate_record
from etl.runtime.gc_pause import gc_disabled
from etl.runtime.lease import Lease
from etl.snapshots.publish import PublishResult, check_publish_date, publish, supersede_held
from etl.snapshots.site_plan import SitePlan, internal_aliases, plan_sites
from etl.sources import Source


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `reason` says why it was not complete."""

    source: str
    day: date
    run_id: int
    state: str
    records: int
    quarantined: int
    reason: str | None = None
    published: PublishResult | None = None

    def __str__(self) -> str:
        text = f"{self.source} {self.state} for {self.day}: {self.records} records"
        if self.published:
            done = self.published
            text += f", {done.added} added, {done.removed} removed, {done.changed} changed"
        if self.quarantined:
            text += f", {self.quarantined} quarantined"
        return f"{text}. {self.reason or ''}".strip()


@dataclass(frozen=True)
class Attempt:
    """A run under way."""

    engine: Engine
    lease: Lease
    source: Source
    day: date
    run_id: int
    clock: Callable[[], datetime]
    environ: Environment | None
    stats: FetchStats

    def outcome(
        self,
        state: str,
        gathered: CollectedRows,
        reason: str | None = None,
        published: PublishResult | None = None,
    ) -> Outcome:
        """How this attempt ended."""
        records, aside = len(gathered.raws), len(gathered.quarantined)
        return Outcome(
            self.source.FACTS.name, self.day, self.run_id, state, records, aside, reason, published
        )


@gc_disabled()
def decide(attempt: Attempt, gathered: CollectedRows) -> Outcome:
    """Publish the run, or hold it when it is suspicious against what stands."""
    source = attempt.source
    names = {r.alias_key: r.alias_name for r in gathered.records if r.alias_key is not None}
    with writing(attempt.engine) as connection:
        attempt.lease.hold(connection)
        rules = rule_versions.adopt_environment(connection, attempt.clock(), attempt.environ)
        internal = internal_aliases(connection, source.FACTS.name, names, rules)
    states = judged(source, gathered, rules, internal)
    with writing(attempt.engine) as connection:
        attempt.lease.hold(connection)
        check_publish_date(connection, source.FACTS.name, attempt.day, attempt.day)
        plan = plan_sites(connection, source.FACTS.name, names, set(names))
        before = _standing(connection, source.FACTS.name)
        kept_as_is = {device: before[device] for device in gathered.keep if device in before}
        after = {**kept_as_is, **_seen(states, plan)}
        reasons = suspicion_reasons(
            before, after, run_log.count_complete(connection, source.FACTS.name)
        )
        large = needs_administrator(before, after)
        if reasons and not large:
            held = _held(connection, attempt, rules, plan, internal)
            if held and not suspicion_reasons(held, after, 0):
                reasons = []
        if gathered.unreadable_ids:
            reasons.append(f"{gathered.unreadable_ids} row(s) have an id that cannot be read")
        if reasons:
            reason = "; ".join(reasons) + ". The numbers before it stand until it is looked at."
            _hold(connection, attempt, gathered)
            would = differences(before, after)
            _end(
                connection, attempt, gathered, run_log.SUSPICIOUS, reason, hold="held",
                needs_administrator=large, added=would.added, removed=would.removed,
                changed=would.changed,
            )  # fmt: skip
            return attempt.outcome(run_log.SUSPICIOUS, gathered, reason)
        done = publish(
            connection, source.FACTS.name, attempt.day, attempt.run_id, states, rules, plan,
            attempt.clock(), keep=kept_as_is,
        )  # fmt: skip
        _end(
            connection, attempt, gathered, run_log.COMPLETE,
            "; ".join(attempt.stats.warnings) or None,
            added=done.added, removed=done.removed, changed=done.changed,
            changed_percent=round(done.changed_percent, 2), changed_keys=done.changed_keys,
            rule_version=rules.version,
        )  # fmt: skip
    return attempt.outcome(run_log.COMPLETE, gathered, None, done)


def finish(attempt: Attempt, gathered: CollectedRows, reason: str) -> None:
    """Write down that the run failed, and why; unless it came to its end before it was stopped."""
    runs = collection_runs.c
    with writing(attempt.engine) as connection:
        state = connection.scalar(select(runs.state).where(runs.run_id == attempt.run_id))
        if state in (run_log.COMPLETE, run_log.SUSPICIOUS):
            return
        _end(connection, attempt, gathered, run_log.FAILED, reason)


def judged(
    source: Source, gathered: CollectedRows, rules: Rules, internal: Mapping[str | None, str]
) -> list[DeviceState]:
    """The readable records of a run as `rules` see them."""
    return [
        evaluate_record(source.FACTS.name, r, rules, source.VOLATILE, internal)
        for r in gathered.records
    ]


def _standing(connection: Connection, source: str) -> dict[int, Seen]:
    c = device_snapshots.c
    rows = connection.execute(
        select(c.device_id, c.site_id, c.billing_status, c.serial, c.rule_version).where(
            c.source == source, c.valid_to == OPEN_END
        )
    )
    return {
        device: Seen(site, status, serial, version)
        for device, site, status, serial, version in rows.all()
    }


def _seen(states: Iterable[DeviceState], plan: SitePlan) -> dict[int, Seen]:
    seen = {}
    for state in states:
        site: int | str | None = plan.site_of(state.alias_key)
        if site is None:
            site = f"new site of {state.alias_key}"
        seen[state.device_id] = Seen(site, state.billing_status, state.serial, state.rule_version)
    return seen


def _held(
    connection: Connection,
    attempt: Attempt,
    rules: Rules,
    plan: SitePlan,
    internal: Mapping[str | None, str],
) -> dict[int, Seen]:
    """What the held run of an earlier business day told; empty when there is none. A run that
    tells the same again confirms it."""
    runs = collection_runs.c
    held = connection.scalar(
        select(runs.run_id)
        .where(
            runs.source == attempt.source.FACTS.name,
            runs.hold == "held",
            runs.business_date < attempt.day,
        )
        .order_by(runs.run_id.desc())
        .limit(1)
    )
    gathered = read_held_rows(connection, attempt.source, held)
    return _seen(judged(attempt.source, gathered, rules, internal), plan)


def read_held_rows(connection: Connection, source: Source, run_id: int | None) -> CollectedRows:
    """The rows that are held of a run, read again."""
    bodies = connection.scalars(
        select(held_records.c.body)
        .where(held_records.c.run_id == run_id)
        .order_by(held_records.c.position)
    )
    return read(source, (json.loads(zlib.decompress(body)) for body in bodies))


def _hold(connection: Connection, attempt: Attempt, gathered: CollectedRows) -> None:
    supersede_held(connection, attempt.source.FACTS.name)
    connection.execute(
        insert(held_records),
        [
            {"run_id": attempt.run_id, "position": position, "body": pack(raw)}
            for position, raw in enumerate(gathered.raws)
        ],
    )


def _end(
    connection: Connection,
    attempt: Attempt,
    gathered: CollectedRows,
    state: str,
    reason: str | None,
    **values: object,
) -> None:
    now, stats = attempt.clock(), attempt.stats
    run_log.quarantine(connection, attempt.run_id, gathered.quarantined)
    run_log.end(
        connection, attempt.run_id, state=state, reason=reason, finished_at=now, heartbeat_at=now,
        pages=stats.pages, records=len(gathered.raws), promised=stats.promised,
        organizations=stats.organizations, locations=stats.locations,
        quarantined=len(gathered.quarantined), **values,
    )  # fmt: skip
