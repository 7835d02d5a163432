"""Publish a run, or hold it because it is suspicious, in one transaction."""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Engine, insert, select

from db import rules as rule_versions
from db.bulk import rows_where_in
from db.engine import writing
from db.names import NO_SITE
from db.rounding import rounded
from db.rules import Rules
from db.settings import Settings
from db.suspicions import MOST_LISTED, HeldDevice, RunSuspicions, Suspicion
from db.tables import (
    NO_SITE_ID,
    OPEN_END,
    collection_runs,
    device_snapshots,
    held_records,
    run_suspicions,
    sites,
)
from db.thresholds import Thresholds, in_force
from etl.collect import run_log
from etl.collect.gather import CollectedRows, compress_row, read_rows
from etl.collect.suspicion import (
    DeviceSummary,
    changed_devices,
    count_changes,
    needs_administrator,
    suspicions,
)
from etl.records.record import FetchStats
from etl.records.states import DeviceState, evaluate_record
from etl.runtime.gc_pause import gc_disabled
from etl.runtime.lease import Lease
from etl.snapshots.publish import PublishResult, check_publish_date, publish, supersede_held
from etl.snapshots.site_plan import SitePlan, internal_aliases, plan_sites
from etl.sources import Source


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `reason` says why it is not complete."""

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
            text += f", {self.quarantined} set aside"
        return f"{text}. {self.reason or ''}".strip()


@dataclass(frozen=True)
class Attempt:
    """A run in progress and what it works with."""

    engine: Engine
    lease: Lease
    source: Source
    day: date
    run_id: int
    clock: Callable[[], datetime]
    settings: Settings | None
    stats: FetchStats

    def outcome(
        self,
        state: str,
        collected: CollectedRows,
        reason: str | None = None,
        published: PublishResult | None = None,
    ) -> Outcome:
        records, quarantined = len(collected.raws), len(collected.quarantined)
        return Outcome(
            self.source.FACTS.name,
            self.day,
            self.run_id,
            state,
            records,
            quarantined,
            reason,
            published,
        )


@gc_disabled()
def publish_or_hold(attempt: Attempt, collected: CollectedRows) -> Outcome:
    """Publish the run, or hold it when it is suspicious compared with the published day."""
    source = attempt.source
    names = {r.alias_key: r.alias_name for r in collected.records if r.alias_key is not None}
    with writing(attempt.engine) as connection:
        attempt.lease.hold(connection)
        rules = rule_versions.adopt_environment(connection, attempt.clock(), attempt.settings)
        plan = plan_sites(connection, source.FACTS.name, attempt.day, names, collected.keep)
        internal = internal_aliases(connection, plan, rules)
    states = evaluate_rows(source, collected, rules, internal)
    with writing(attempt.engine) as connection:
        attempt.lease.hold(connection)
        check_publish_date(connection, source.FACTS.name, attempt.day, attempt.day)
        before = _published(connection, source.FACTS.name)
        kept_as_is = _kept(before, collected)
        after = {**kept_as_is, **_summaries(states, plan)}
        complete_days = run_log.count_complete_days(connection, source.FACTS.name)
        limits = in_force(connection, Thresholds())
        reasons = suspicions(before, after, complete_days, _site_names(connection), limits)
        large = needs_administrator(before, after, limits)
        if reasons and not large:
            held = _held(connection, attempt, rules, plan, internal, before)
            if held and not suspicions(held, after, complete_days, limits=limits):
                reasons = []
        if collected.unreadable_ids:
            reasons.append(Suspicion("unreadable_ids", {"n": collected.unreadable_ids}))
        if reasons:
            reason = "; ".join(map(str, reasons)) + "."
            _hold(connection, attempt, collected)
            listed = _held_devices(connection, before, after, states, plan)
            _store_suspicions(connection, attempt.run_id, RunSuspicions(reasons, listed))
            would = count_changes(before, after)
            _end(
                connection, attempt, collected, run_log.SUSPICIOUS, reason, hold="held",
                needs_administrator=large, added=would.added, removed=would.removed,
                changed=would.changed,
            )  # fmt: skip
            return attempt.outcome(run_log.SUSPICIOUS, collected, reason)
        done = publish(
            connection, source.FACTS.name, attempt.day, attempt.run_id, states, rules, plan,
            attempt.clock(), keep=kept_as_is,
        )  # fmt: skip
        _end(
            connection, attempt, collected, run_log.COMPLETE,
            "; ".join(attempt.stats.warnings) or None,
            added=done.added, removed=done.removed, changed=done.changed,
            changed_percent=float(rounded(done.changed_percent, 2)), changed_keys=done.changed_keys,
            rule_version=rules.version,
        )  # fmt: skip
    return attempt.outcome(run_log.COMPLETE, collected, None, done)


def record_failure(attempt: Attempt, collected: CollectedRows, reason: str) -> None:
    """Mark the run as failed, unless it was already complete or held when it was stopped."""
    runs = collection_runs.c
    with writing(attempt.engine) as connection:
        state = connection.scalar(select(runs.state).where(runs.run_id == attempt.run_id))
        if state in (run_log.COMPLETE, run_log.SUSPICIOUS):
            return
        _end(connection, attempt, collected, run_log.FAILED, reason)


def evaluate_rows(
    source: Source, collected: CollectedRows, rules: Rules, internal: Mapping[str | None, str]
) -> list[DeviceState]:
    """The states of a run's records under `rules`."""
    return [
        evaluate_record(source.FACTS.name, r, rules, source.VOLATILE, internal)
        for r in collected.records
    ]


def _published(connection: Connection, source: str) -> dict[int, DeviceSummary]:
    c = device_snapshots.c
    rows = connection.execute(
        select(c.device_id, c.site_id, c.billing_status, c.serial, c.rule_version).where(
            c.source == source, c.valid_to == OPEN_END
        )
    )
    return {
        device: DeviceSummary(site, status, serial, version)
        for device, site, status, serial, version in rows.all()
    }


def _site_names(connection: Connection) -> dict[int, str]:
    rows = connection.execute(select(sites.c.site_id, sites.c.name))
    return {NO_SITE_ID: NO_SITE, **{site_id: name for site_id, name in rows}}


def _held_devices(
    connection: Connection,
    before: Mapping[int, DeviceSummary],
    after: Mapping[int, DeviceSummary],
    states: Iterable[DeviceState],
    plan: SitePlan,
) -> dict[str, list[HeldDevice]]:
    """The devices that publishing the run would add, remove and change, at most `MOST_LISTED` of
    each, by site and name."""
    affected = changed_devices(before, after)
    every = set[int]().union(*affected.values())
    names: dict[int, str] = {}
    c = device_snapshots.c
    standing = select(c.device_id, c.hostname, c.display_name).where(c.valid_to == OPEN_END)
    for device_id, hostname, display_name in rows_where_in(
        connection, standing, c.device_id, every
    ):
        names[device_id] = hostname or display_name or str(device_id)
    for state in states:
        if state.device_id in every:
            names[state.device_id] = state.hostname or state.display_name or state.source_key
    called = _site_names(connection)
    new = {f"new site of {key}": name for key, name in plan.new.items()}

    def place(device: DeviceSummary | None) -> tuple[str, str] | None:
        if device is None:
            return None
        site = device.site
        name = new.get(site, site) if isinstance(site, str) else called.get(site or 0, str(site))
        return name, device.billing_status

    listed = {}
    for kind, device_ids in affected.items():
        devices = [
            HeldDevice(
                str(device_id), names[device_id], place(before.get(device_id)),
                place(after.get(device_id)),
            )
            for device_id in device_ids
        ]  # fmt: skip
        devices.sort(key=lambda one: ((one.was or one.would or ("", ""))[0], one.name.casefold()))
        listed[kind] = devices[:MOST_LISTED]
    return listed


def _store_suspicions(connection: Connection, run_id: int, found: RunSuspicions) -> None:
    reasons, devices = found.to_json()
    connection.execute(
        insert(run_suspicions).values(run_id=run_id, reasons=reasons, devices=devices)
    )


def _kept(
    before: Mapping[int, DeviceSummary], collected: CollectedRows
) -> dict[int, DeviceSummary]:
    """The published devices whose rows could not be read: they stay as they are."""
    return {device: before[device] for device in collected.keep if device in before}


def _summaries(states: Iterable[DeviceState], plan: SitePlan) -> dict[int, DeviceSummary]:
    summaries = {}
    for state in states:
        site: int | str | None = plan.site_of(state.alias_key)
        if site is None:
            site = f"new site of {state.alias_key}"
        summaries[state.device_id] = DeviceSummary(
            site, state.billing_status, state.serial, state.rule_version
        )
    return summaries


def _held(
    connection: Connection,
    attempt: Attempt,
    rules: Rules,
    plan: SitePlan,
    internal: Mapping[str | None, str],
    before: Mapping[int, DeviceSummary],
) -> dict[int, DeviceSummary]:
    """What the held run of an earlier business day would publish; empty when there is none. A run
    that looks like it confirms it."""
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
    if held is None:
        return {}
    collected = read_held_rows(connection, attempt.source, held)
    states = evaluate_rows(attempt.source, collected, rules, internal)
    return {**_kept(before, collected), **_summaries(states, plan)}


def read_held_rows(connection: Connection, source: Source, run_id: int) -> CollectedRows:
    """The rows of a held run, read again."""
    bodies = connection.scalars(
        select(held_records.c.body)
        .where(held_records.c.run_id == run_id)
        .order_by(held_records.c.position)
    )
    return read_rows(source, (json.loads(zlib.decompress(body)) for body in bodies))


def _hold(connection: Connection, attempt: Attempt, collected: CollectedRows) -> None:
    supersede_held(connection, attempt.source.FACTS.name)
    connection.execute(
        insert(held_records),
        [
            {"run_id": attempt.run_id, "position": position, "body": compress_row(raw)}
            for position, raw in enumerate(collected.raws)
        ],
    )


def _end(
    connection: Connection,
    attempt: Attempt,
    collected: CollectedRows,
    state: str,
    reason: str | None,
    **values: object,
) -> None:
    now, stats = attempt.clock(), attempt.stats
    run_log.store_quarantined(connection, attempt.run_id, collected.quarantined)
    run_log.update_run(
        connection, attempt.run_id, state=state, reason=reason, finished_at=now, heartbeat_at=now,
        pages=stats.pages, records=len(collected.raws), promised=stats.promised,
        organizations=stats.organizations, locations=stats.locations,
        quarantined=len(collected.quarantined), **values,
    )  # fmt: skip
