"""One complete run becomes its day's snapshot, in one transaction.

Undo the same day of the same source if it was published before; compare what is open with what
came; close the vanished and the changed, open the changed and the new; count the day again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, or_, select, update

from db.bulk import chunks, insert_many, rows_where_in, upsert, upsert_tuples
from db.history.runs import border, newest_day, published_days, purge_marks, restated_days
from db.rules import Rules, apply_newest_from
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
from etl.snapshots import counts as rollups
from etl.snapshots.apply_decisions import reapply_decisions
from etl.snapshots.incremental import affected_by_publish
from etl.snapshots.site_plan import SitePlan, apply_site_plan
from etl.snapshots.undo_day import can_undo_day, undo_day


class PublishRefused(Exception):
    """A business date cannot be published; the text says why and what can be."""


@dataclass(frozen=True)
class PublishResult:
    """What a publish did, in devices."""

    added: int
    removed: int
    changed: int
    changed_percent: float
    changed_keys: str | None


def check_publish_date(connection: Connection, source: str, day: date, today: date) -> None:
    """Whether `source` may publish `day`.

    Raises:
        Refused: it lies in the future, before the source's newest published day, on or before
            the border, among days that are purged, or is published and cannot be taken back.
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
            f"{day} of {source} cannot be replaced: what stood before it is no longer kept. "
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
        states: every device of the source, no device twice.
        plan: where the states' aliases belong.
        keep: devices whose row could not be read: they keep their standing state.
    """
    again = newest_day(connection, source) == day
    if again:
        undo_day(connection, source, day)
        reapply_decisions(connection, source, day)
    names = {state.alias_key: state.alias_name for state in states if state.alias_key is not None}
    site_of_alias = apply_site_plan(connection, plan, names, rules, day, now)
    site_of_key: dict[str | None, int] = {None: NO_SITE_ID}
    site_of_key.update(site_of_alias)
    site_of = {state.device_id: site_of_key[state.alias_key] for state in states}
    have = {
        device_id: (state_hash, site_id, asset_id)
        for device_id, state_hash, site_id, asset_id in connection.execute(
            _OPEN.where(_c.source == source, _c.valid_to == OPEN_END)
        ).all()
    }
    standing = {device_id: asset_id for device_id, (_, _, asset_id) in have.items()}
    kept = {device_id for device_id in keep if device_id in have}
    assets = links.resolve_assets(connection, source, day, states, site_of, have, kept, again)
    links.write_links(connection, assets, day, now, run_id=run_id)

    come = {state.device_id: state for state in states}
    gone = have.keys() - come.keys() - kept
    opened = [
        state
        for state in states
        if have.get(state.device_id)
        != (state.state_hash, site_of[state.device_id], assets.asset_of[state.device_id])
    ]
    changed = [state for state in opened if state.device_id in have]
    added = [state for state in opened if state.device_id not in have]
    keys = most_changed_keys(connection, len(have), changed)
    counting = apply_newest_from(connection, day)
    touched = affected_by_publish(
        connection, source, day, counting,
        [*gone, *(state.device_id for state in opened)],
        {
            *(standing[device_id] for device_id in gone),
            *(standing[state.device_id] for state in changed),
            *(assets.asset_of[state.device_id] for state in opened),
        },
        len(have),
    )  # fmt: skip
    _close(connection, day, run_id, [*gone, *(state.device_id for state in changed)])
    _leave(connection, source, day, gone)
    _arrive(connection, source, day, added)
    _open(connection, source, day, run_id, opened, site_of, assets.asset_of)
    upsert_tuples(
        connection,
        device_latest,
        ("device_id", "last_contact", "online", "ip", "volatile", "macs"),
        [(s.device_id, s.last_contact, s.online, s.ip, s.volatile, s.macs) for s in states],
    )
    _mark(connection, source, day, run_id)
    pending.save_pending(
        connection, source, day, run_id, assets.waiting, assets.changed, assets.most
    )
    rollups.count_day(connection, source, day, counting, touched)
    percent = 100 * len(changed) / len(have) if have else 0.0
    return PublishResult(len(added), len(gone), len(changed), percent, keys)


_c = device_snapshots.c
_OPEN = select(_c.device_id, _c.state_hash, _c.site_id, _c.asset_id)


def _close(connection: Connection, day: date, run_id: int, device_ids: Sequence[int]) -> None:
    ends = _c.valid_to == OPEN_END
    # A decision may have begun some on this very day: what it began them after ends instead.
    restated = day in restated_days(connection)
    for chunk in chunks(sorted(device_ids)):
        mine = _c.device_id.in_(chunk)
        if restated:
            connection.execute(delete(device_snapshots).where(mine, _c.valid_from == day))
            ends = or_(_c.valid_to == OPEN_END, _c.valid_to == day)
        connection.execute(
            update(device_snapshots).where(mine, ends).values(valid_to=day, closed_by=run_id)
        )


def _leave(connection: Connection, source: str, day: date, gone: Iterable[int]) -> None:
    """Note when the vanished were last seen: on the published day before this one."""
    before = [published for published in published_days(connection, source) if published < day]
    last_seen = max(before, default=None)
    for chunk in chunks(sorted(gone)):
        connection.execute(
            update(devices).where(devices.c.device_id.in_(chunk)).values(last_seen=last_seen)
        )


def _arrive(connection: Connection, source: str, day: date, added: Sequence[DeviceState]) -> None:
    ids = (state.device_id for state in added)
    told = select(devices.c.device_id, devices.c.source_key)
    rows = rows_where_in(connection, told, devices.c.device_id, ids)
    known: dict[int, str] = {device_id: key for device_id, key in rows}
    for state in added:
        stored = known.get(state.device_id, state.source_key)
        if stored != state.source_key:
            raise RuntimeError(
                f"{source} devices {stored!r} and {state.source_key!r} have the same id; "
                "please report this: it should not happen in the life of the universe."
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


def _open(
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
            }
            for state in opened
        ],
    )


def _mark(connection: Connection, source: str, day: date, run_id: int) -> None:
    """Make this run the one that stands for its day; a held one can no longer be accepted."""
    runs = collection_runs.c
    connection.execute(
        update(collection_runs)
        .where(runs.source == source, runs.business_date == day, runs.run_id != run_id)
        .values(published=False)
    )
    connection.execute(update(collection_runs).where(runs.run_id == run_id).values(published=True))
    supersede_held(connection, source)


def supersede_held(connection: Connection, source: str) -> None:
    """Drop the records of the source's held run; a newer run has taken its place."""
    runs = collection_runs.c
    held = list(
        connection.scalars(select(runs.run_id).where(runs.source == source, runs.hold == "held"))
    )
    if held:
        connection.execute(delete(held_records).where(held_records.c.run_id.in_(held)))
        connection.execute(
            update(collection_runs).where(runs.run_id.in_(held)).values(hold="superseded")
        )
