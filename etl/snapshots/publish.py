"""Publishing: a complete run becomes its day's snapshot, in one transaction.

Snapshots are not stored day by day. A device has stretches: rows with its state from the day
valid_from up to, but not including, valid_to. Publishing a day therefore writes only what changed.
Publishing source S on day D:

1. If D of S was published before, undo that (`undo_day`): the stretches are then as they were
   before D. Only the newest published day of a source can be published again.
2. Assign a site to every alias and an asset to every device; end and begin links between records.
3. Compare the open stretches of S with the new states, by state hash, site and asset. Close the
   stretches of devices that are gone or changed; open stretches for those that changed or are new.
   Only a complete run may be published, since what is missing from it counts as gone.
4. Count the devices of S and the machines ("assets") of all sources, on D and on the later days
   on which this snapshot is in force.

Invariants: the stretches of a device never overlap, and at most one of them is open (valid_to is
OPEN_END). Stretches of other sources are not touched. The caller holds the writer's lease in this
transaction, which fences out a second writer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, or_, select, update

from db.bulk import chunks, insert_many, rows_where_in, upsert, upsert_tuples
from db.history.runs import border, newest_day, published_days, purge_marks, restated_days
from db.rules import Rules, apply_newest_from
from db.search import device_search_text, latest_search_text
from db.tables import (
    NO_SITE_ID,
    OPEN_END,
    collection_runs,
    device_latest,
    device_payloads,
    device_snapshots,
    devices,
    held_records,
)
from etl.machines import links, pending
from etl.records.states import SNAPSHOT_COLUMNS, DeviceState, most_changed_keys
from etl.runtime.gc_pause import gc_disabled
from etl.snapshots.apply_decisions import reapply_decisions
from etl.snapshots.counts import count_published_day
from etl.snapshots.incremental import affected_by_publish
from etl.snapshots.site_plan import SitePlan, apply_site_plan
from etl.snapshots.undo_day import can_undo_day, undo_day


class PublishRefused(Exception):
    """A business date cannot be published. The message gives the reason, and a date that can be."""


@dataclass(frozen=True)
class PublishResult:
    """How many devices a publish added, removed and changed."""

    added: int
    removed: int
    changed: int
    changed_percent: float
    changed_keys: str | None


def check_publish_date(connection: Connection, source: str, day: date, today: date) -> None:
    """Check that `source` may publish `day`.

    Raises:
        PublishRefused: the day is in the future, before the source's newest published day, in a
            closed month, before the days of which everything is kept, or already published in a
            way that can no longer be undone.
    """
    if day > today:
        raise PublishRefused(
            f"{day} is in the future: today is {today}. Choose {today} or leave --date out."
        )
    newest = newest_day(connection, source)
    if newest is not None and day < newest:
        raise PublishRefused(
            f"{day} is before {newest}, the newest published day of {source}. "
            f"Choose {newest} to replace it, or a later day."
        )
    closed = border(connection)
    if closed is not None and day <= closed:
        raise PublishRefused(
            f"{day} lies in a closed month, which ends on {closed}. Choose a later day."
        )
    purged = purge_marks(connection)
    if purged is not None and day < purged.days_before:
        raise PublishRefused(
            f"{day} is before {purged.days_before}, the first day of which everything is kept. "
            "Choose a later day."
        )
    if day == newest and not can_undo_day(connection, source, day):
        raise PublishRefused(
            f"{day} of {source} cannot be replaced: the snapshot before it is no longer kept. "
            "Choose a later day."
        )


@gc_disabled()
def publish(
    connection: Connection,
    source: str,
    day: date,
    run_id: int,
    states: Sequence[DeviceState],
    rules: Rules,
    plan: SitePlan,
    now: datetime,
    keep: Iterable[int] = (),
) -> PublishResult:
    """Make `states` the snapshot of `source` on `day`.

    The caller holds the writer's lease in this transaction and has checked the date.

    Args:
        states: all devices of the source, each once.
        plan: the sites of the aliases in `states`.
        keep: devices whose row could not be read: their open stretches stay as they are.
    """
    is_replaced = newest_day(connection, source) == day
    if is_replaced:
        undo_day(connection, source, day)
        reapply_decisions(connection, source, day)
    alias_names = {
        state.alias_key: state.alias_name for state in states if state.alias_key is not None
    }
    site_of_alias = apply_site_plan(connection, plan, alias_names, rules, day, now)
    site_of_key: dict[str | None, int] = {None: NO_SITE_ID}
    site_of_key.update(site_of_alias)
    site_of = {state.device_id: site_of_key[state.alias_key] for state in states}
    open_stretches = {
        device_id: (state_hash, site_id, asset_id)
        for device_id, state_hash, site_id, asset_id in connection.execute(
            _OPEN_STRETCHES.where(_c.source == source, _c.valid_to == OPEN_END)
        ).all()
    }
    asset_before = {device_id: asset_id for device_id, (_, _, asset_id) in open_stretches.items()}
    kept_open = {device_id for device_id in keep if device_id in open_stretches}
    assets = links.resolve_assets(
        connection, source, day, states, site_of, open_stretches, kept_open, is_replaced
    )
    links.write_links(connection, assets, day, now, run_id=run_id)

    by_id = {state.device_id: state for state in states}
    gone = open_stretches.keys() - by_id.keys() - kept_open
    opened = [
        state
        for state in states
        if open_stretches.get(state.device_id)
        != (state.state_hash, site_of[state.device_id], assets.asset_of[state.device_id])
    ]
    changed = [state for state in opened if state.device_id in open_stretches]
    added = [state for state in opened if state.device_id not in open_stretches]
    changed_keys = most_changed_keys(connection, len(open_stretches), changed)
    rules_by_day = apply_newest_from(connection, day)
    affected = affected_by_publish(
        connection,
        source,
        day,
        rules_by_day,
        [*gone, *(state.device_id for state in opened)],
        {
            *(asset_before[device_id] for device_id in gone),
            *(asset_before[state.device_id] for state in changed),
            *(assets.asset_of[state.device_id] for state in opened),
        },
        len(open_stretches),
    )
    _close_stretches(connection, day, run_id, [*gone, *(state.device_id for state in changed)])
    _set_last_seen(connection, source, day, gone)
    _add_devices(connection, source, day, added)
    _open_stretches(connection, source, day, run_id, opened, site_of, assets.asset_of)
    upsert_tuples(
        connection,
        device_latest,
        ("device_id", "last_contact", "online", "ip", "volatile", "macs", "search_text"),
        [
            (
                s.device_id,
                s.last_contact,
                s.online,
                s.ip,
                s.volatile,
                s.macs,
                latest_search_text(s.ip, s.macs, s.user),
            )
            for s in states
        ],
    )
    _mark_published(connection, source, day, run_id)
    pending.save_pending(
        connection, source, day, run_id, assets.pending, assets.changed, assets.limit
    )
    count_published_day(connection, source, day, rules_by_day, affected)
    percent = 100 * len(changed) / len(open_stretches) if open_stretches else 0.0
    return PublishResult(len(added), len(gone), len(changed), percent, changed_keys)


_c = device_snapshots.c
_OPEN_STRETCHES = select(_c.device_id, _c.state_hash, _c.site_id, _c.asset_id)


def _close_stretches(
    connection: Connection, day: date, run_id: int, device_ids: Sequence[int]
) -> None:
    to_close = _c.valid_to == OPEN_END
    # A decision may have opened a stretch on this same day. Closed today, it would be empty: it is
    # deleted, and the stretch before it, which the decision closed today, gets `closed_by`.
    restated = day in restated_days(connection)
    for chunk in chunks(sorted(device_ids)):
        of_chunk = _c.device_id.in_(chunk)
        if restated:
            connection.execute(delete(device_snapshots).where(of_chunk, _c.valid_from == day))
            to_close = or_(_c.valid_to == OPEN_END, _c.valid_to == day)
        connection.execute(
            update(device_snapshots)
            .where(of_chunk, to_close)
            .values(valid_to=day, closed_by=run_id)
        )


def _set_last_seen(connection: Connection, source: str, day: date, gone: Iterable[int]) -> None:
    """Set `last_seen` of the devices that are gone to the last published day before `day`."""
    before = [published for published in published_days(connection, source) if published < day]
    last_seen = max(before, default=None)
    for chunk in chunks(sorted(gone)):
        connection.execute(
            update(devices).where(devices.c.device_id.in_(chunk)).values(last_seen=last_seen)
        )


def _add_devices(
    connection: Connection, source: str, day: date, added: Sequence[DeviceState]
) -> None:
    ids = (state.device_id for state in added)
    stored_keys = select(devices.c.device_id, devices.c.source_key)
    rows = rows_where_in(connection, stored_keys, devices.c.device_id, ids)
    known: dict[int, str] = {device_id: key for device_id, key in rows}
    for state in added:
        stored = known.get(state.device_id, state.source_key)
        if stored != state.source_key:
            raise RuntimeError(
                f"{source} devices {stored!r} and {state.source_key!r} have the same id; "
                "please report this, for the ids should never be equal."
            )
    for chunk in chunks(known):
        connection.execute(
            update(devices).where(devices.c.device_id.in_(chunk)).values(last_seen=None)
        )
    insert_many(
        connection,
        devices,
        [
            {
                "device_id": state.device_id,
                "source": source,
                "source_key": state.source_key,
                "first_seen": day,
                "last_seen": None,
            }
            for state in added
            if state.device_id not in known
        ],
    )


def _open_stretches(
    connection: Connection,
    source: str,
    day: date,
    run_id: int,
    opened: Sequence[DeviceState],
    site_of: Mapping[int, int],
    asset_of: Mapping[int, int],
) -> None:
    upsert(
        connection,
        device_payloads,
        [
            {
                "device_id": state.device_id,
                "payload_hash": state.payload_hash,
                "body": state.compressed(),
            }
            for state in opened
        ],
    )
    insert_many(
        connection,
        device_snapshots,
        [
            {
                **{name: getattr(state, name) for name in SNAPSHOT_COLUMNS},
                "valid_from": day,
                "valid_to": OPEN_END,
                "source": source,
                "site_id": site_of[state.device_id],
                "asset_id": asset_of[state.device_id],
                "opened_by": run_id,
                "closed_by": None,
                "search_text": device_search_text(state),
            }
            for state in opened
        ],
    )


def _mark_published(connection: Connection, source: str, day: date, run_id: int) -> None:
    """Mark this run as the published run of its day, and supersede the source's held run."""
    runs = collection_runs.c
    connection.execute(
        update(collection_runs)
        .where(runs.source == source, runs.business_date == day, runs.run_id != run_id)
        .values(published=False)
    )
    connection.execute(update(collection_runs).where(runs.run_id == run_id).values(published=True))
    supersede_held(connection, source)


def supersede_held(connection: Connection, source: str) -> None:
    """Mark the source's held run as superseded by a newer run, and delete its records."""
    runs = collection_runs.c
    held = list(
        connection.scalars(select(runs.run_id).where(runs.source == source, runs.hold == "held"))
    )
    if held:
        connection.execute(delete(held_records).where(held_records.c.run_id.in_(held)))
        connection.execute(
            update(collection_runs).where(runs.run_id.in_(held)).values(hold="superseded")
        )
