"""One complete run becomes its day's snapshot, in one transaction.

Undo the same day of the same source if it was published before; compare what is open with what
came; close the vanished and the changed, open the changed and the new; count the day again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, or_, select, update

from db.bulk import among, chunks, insert_many, upsert, upsert_tuples
from db.history.runs import border, gone, newest_day, published_days, restated_days
from db.rules import Rules, hold_from
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
from etl.records.states import State, most_changed_keys
from etl.runtime.gc_pause import no_cycle_search
from etl.snapshots import counts as rollups
from etl.snapshots.incremental import before_publish
from etl.snapshots.resolve import resolve_undone
from etl.snapshots.site_plan import SitePlan, carry_out
from etl.snapshots.undo_day import can_undo, undo_day


class Refused(Exception):
    """A business date cannot be published; the text says why and what can be."""


@dataclass(frozen=True)
class Published:
    """What a publish did, in devices."""

    added: int
    removed: int
    changed: int
    changed_percent: float
    changed_keys: str | None


def check_date(connection: Connection, source: str, day: date, today: date) -> None:
    """Whether `source` may publish `day`.

    Raises:
        Refused: it lies in the future, before the source's newest published day, on or before
            the border, among days that are purged, or is published and cannot be taken back.
    """
    if day > today:
        raise Refused(
            f"{day} is in the future: today is {today}. Choose {today} or leave --date out."
        )
    newest = newest_day(connection, source)
    if newest is not None and day < newest:
        raise Refused(
            f"{day} is before {newest}, the newest published day of {source}. "
            f"Choose {newest} to replace it, or a later day."
        )
    closed = border(connection)
    if closed is not None and day <= closed:
        raise Refused(f"{day} lies in a closed month, which ends on {closed}. Choose a later day.")
    purged = gone(connection)
    if purged is not None and day < purged.days_before:
        raise Refused(
            f"{day} is before {purged.days_before}, the first day of which everything is kept. "
            "Choose a later day."
        )
    if day == newest and not can_undo(connection, source, day):
        raise Refused(
            f"{day} of {source} cannot be replaced: what stood before it is no longer kept. "
            "Choose a later day."
        )


@no_cycle_search()
def publish(
    connection: Connection,
    source: str,
    day: date,
    run_id: int,
    states: Sequence[State],
    rules: Rules,
    plan: SitePlan,
    now: datetime,
    keep: Iterable[int] = (),
) -> Published:
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
        resolve_undone(connection, source, day)
    names = {state.alias_key: state.alias_name for state in states if state.alias_key is not None}
    site_of_alias = carry_out(connection, plan, names, rules, day, now)
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
    counting = hold_from(connection, day)
    touched = before_publish(
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
    pending.remember(connection, source, day, run_id, assets.waiting, assets.changed, assets.most)
    rollups.count_day(connection, source, day, counting, touched)
    percent = 100 * len(changed) / len(have) if have else 0.0
    return Published(len(added), len(gone), len(changed), percent, keys)


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


def _arrive(connection: Connection, source: str, day: date, added: Sequence[State]) -> None:
    ids = (state.device_id for state in added)
    told = select(devices.c.device_id, devices.c.source_key)
    rows = among(connection, told, devices.c.device_id, ids)
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
    opened: Sequence[State],
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
                "device_id": state.device_id,
                "valid_from": day,
                "valid_to": OPEN_END,
                "source": source,
                "site_id": site_of[state.device_id],
                "asset_id": asset_of[state.device_id],
                **{name: getattr(state, name) for name in _SAID},
                "opened_by": run_id,
                "closed_by": None,
            }
            for state in opened
        ],
    )


_SAID = (
    "alias_key", "location", "hostname", "display_name", "device_type", "type_reason",
    "billing_status", "reason", "rule_version", "os", "node_class", "serial", "repaired",
    "unmanaged", "payload_hash", "state_hash",
)  # fmt: skip


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
