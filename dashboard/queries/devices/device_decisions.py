"""Decisions about a device, and which record of the same source it replaced."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, or_, select

from dashboard.queries.audit import audit_log
from dashboard.queries.audit.audit_log import Entry
from dashboard.queries.devices.history import Device
from db.tables import asset_links, device_snapshots, devices, kept_apart


@dataclass(frozen=True)
class OtherRecord:
    """Another record of the same source and machine; `day` is when the one went or the other
    came."""

    device_id: int
    name: str
    day: date


@dataclass(frozen=True)
class Replacements:
    """Records of one machine in one source, of which each is gone when the next comes: the machine
    was enrolled again. It is one machine all along."""

    before: OtherRecord | None
    after: OtherRecord | None


def device_decisions(connection: Connection, device_id: int) -> list[Entry]:
    """The decisions that linked, split, kept apart or restated this device, and those that took
    them back; the newest first."""
    link, apart, stretch = asset_links.c, kept_apart.c, device_snapshots.c
    mine = or_(link.device_id == device_id, link.other_device_id == device_id)
    entry_ids: set[int | None] = set()
    for row in connection.execute(select(link.decided_by, link.undone_by).where(mine)):
        entry_ids |= {*row}
    entry_ids |= {*connection.scalars(
        select(apart.decided_by).where(
            or_(apart.device_id == device_id, apart.other_device_id == device_id)
        )
    )}  # fmt: skip
    entry_ids |= {
        *connection.scalars(select(stretch.restated_by).where(stretch.device_id == device_id))
    }
    ids = {entry for entry in entry_ids if entry is not None}
    entries = audit_log.entries_by_id(connection, ids)
    undoing = {entry.undone_by for entry in entries if entry.undone_by is not None} - ids
    return sorted(
        [*entries, *audit_log.entries_by_id(connection, undoing)], key=lambda entry: -entry.entry_id
    )


def replacements(
    connection: Connection, device: Device, asset_ids: Collection[int]
) -> Replacements:
    """The record that this one replaced, and the one that replaced it."""
    stretch = device_snapshots.c
    rows = connection.execute(
        select(
            devices.c.device_id, devices.c.first_seen, devices.c.last_seen,
            devices.c.source_key, stretch.hostname,
        )
        .join(device_snapshots, stretch.device_id == devices.c.device_id)
        .where(
            stretch.asset_id.in_(asset_ids),
            stretch.source == device.source,
            devices.c.device_id != device.device_id,
        )
        .order_by(devices.c.first_seen, devices.c.device_id, stretch.valid_from)
    ).all()  # fmt: skip
    before = after = None
    for row in rows:
        name = row.hostname or row.source_key
        if _follows((row.first_seen, row.last_seen), device.first_seen):
            before = OtherRecord(row.device_id, name, device.first_seen)
        if after is None and _follows((device.first_seen, device.last_seen), row.first_seen):
            after = OtherRecord(row.device_id, name, row.first_seen)
    return Replacements(before, after)


def _follows(span: tuple[date, date | None], came: date) -> bool:
    """Whether a record seen from one day to another (None: still) was gone, or went within some
    days, when a later one came."""
    first, last = span
    return first < came and last is not None and (last - came).days <= OVERLAP


OVERLAP = 7
"""Days in which a vendor may list an old and a new record of one machine."""
