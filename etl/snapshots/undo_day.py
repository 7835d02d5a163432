"""Undoing the publish of a day, so that the day can be published again or withdrawn.

Stretches that began on the day are deleted, those that ended on it are open again; by source and
date, for several sources publish the same day. Devices, payloads, links and keys that only the
deleted stretches needed go with them.
"""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Connection, and_, delete, exists, func, select, update

from db.bulk import chunks
from db.history.runs import published_days, purge_marks
from db.tables import (
    OPEN_END,
    asset_links,
    collection_runs,
    device_keys,
    device_latest,
    device_payloads,
    device_snapshots,
    devices,
)
from etl.machines.links import undo_links


def can_undo_day(connection: Connection, source: str, day: date) -> bool:
    """Whether the state before `day`, the newest published day of `source`, still exists.

    Retention keeps the stretches that end on a source's newest day. If a later day was the newest
    one then, and was withdrawn since, it may have purged the stretches that end on this one.
    """
    purged = purge_marks(connection)
    if purged is None or day > purged.days_before:
        return True
    runs = collection_runs.c
    withdrawn = select(runs.run_id).where(
        runs.source == source, runs.hold == "withdrawn", runs.business_date > day
    )
    return connection.execute(withdrawn.limit(1)).first() is None


def undo_day(connection: Connection, source: str, day: date) -> None:
    """Undo the publish of `day`, the newest published day of `source`."""
    snapshots = device_snapshots.c
    began = and_(snapshots.source == source, snapshots.valid_from == day)
    device_ids = list(connection.scalars(select(snapshots.device_id).where(began)))
    undo_links(connection, source, day)
    connection.execute(delete(device_snapshots).where(began))
    connection.execute(
        update(device_snapshots)
        .where(snapshots.source == source, snapshots.valid_to == day)
        .values(valid_to=OPEN_END, closed_by=None)
    )
    for chunk in chunks(device_ids):
        _delete_orphans(connection, chunk)
        _restore_last_seen(connection, source, chunk)
    connection.execute(
        update(devices)
        .where(
            devices.c.source == source,
            devices.c.last_seen.is_not(None),
            exists().where(
                snapshots.device_id == devices.c.device_id, snapshots.valid_to == OPEN_END
            ),
        )
        .values(last_seen=None)
    )


def _delete_orphans(connection: Connection, device_ids: Sequence[int]) -> None:
    """Delete the payloads that no stretch refers to any more, and all that is stored of devices
    without any stretch."""
    snapshots = device_snapshots.c
    for table in (devices, device_latest, device_keys, asset_links, device_payloads):
        used_by = [snapshots.device_id == table.c.device_id]
        if table is device_payloads:
            used_by.append(snapshots.payload_hash == device_payloads.c.payload_hash)
        connection.execute(
            delete(table).where(table.c.device_id.in_(device_ids), ~exists().where(*used_by))
        )


def _restore_last_seen(connection: Connection, source: str, device_ids: Sequence[int]) -> None:
    """Set `last_seen` of devices that had come back on the undone day, and so are gone again."""
    rows = connection.execute(
        select(device_snapshots.c.device_id, func.max(device_snapshots.c.valid_to))
        .where(device_snapshots.c.device_id.in_(device_ids))
        .group_by(device_snapshots.c.device_id)
    ).all()
    days = published_days(connection, source)
    for device_id, valid_to in rows:
        if valid_to != OPEN_END:
            seen = max((day for day in days if day < valid_to), default=None)
            connection.execute(
                update(devices).where(devices.c.device_id == device_id).values(last_seen=seen)
            )
