"""Retention: deletes what no kept day needs (`db.history.kept`).

That is stretches that contain no kept day, with their payloads and devices; daily counts that are
in force on no kept day; members and changes of old closings; hours of machines; coverage findings.
Month-end counts are never deleted, nor the counts of a closing.

What may still be needed stays: the newest day of a source can be collected again or withdrawn, and
then the state before it is in force again.
"""

import json
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

from sqlalchemy import Connection, Engine, and_, delete, exists, or_, select

from db.bulk import chunks, upsert
from db.engine import writing
from db.history.kept import KeptDays, PurgeMarks
from db.history.runs import PURGED, kept_days, newest_by_source
from db.settings import Settings
from db.tables import (
    agent_hours,
    asset_links,
    coverage_findings,
    daily_counts,
    device_keys,
    device_latest,
    device_payloads,
    device_snapshots,
    devices,
    meta,
    month_changes,
    month_closings,
    month_members,
)
from etl.runtime.lease import Lease


def apply_retention(engine: Engine, lease: Lease, settings: Settings | None = None) -> int:
    """Purge what no kept day needs. Returns the number of deleted stretches."""
    with writing(engine) as connection:
        lease.hold(connection)
        kept = kept_days(connection, settings)
        return purge(connection, kept) if kept else 0


def purge(connection: Connection, kept: KeptDays) -> int:
    """Delete everything that contains no kept day. Returns the number of deleted stretches.

    Stretches that end on their source's newest published day are kept: if that day is replaced or
    withdrawn, they are open again.
    """
    c = device_snapshots.c
    newest = newest_by_source(connection)
    unneeded = and_(
        or_(*(and_(c.source == s, c.valid_to < day) for s, day in newest.items())),
        c.valid_to <= kept.daily_from,
        *(~and_(c.valid_from <= end, c.valid_to > end) for end in kept.month_ends()),
    )
    affected = sorted(set(connection.scalars(select(c.device_id).where(unneeded))))
    purged = connection.execute(delete(device_snapshots).where(unneeded)).rowcount
    for chunk in chunks(affected):
        _purge_orphans(connection, chunk)
    _purge_counts(connection, kept)
    _purge_closings(connection, kept)
    _purge_hours(connection, kept)
    _purge_findings(connection, kept)
    _save_purge_marks(connection, kept)
    return purged


def _save_purge_marks(connection: Connection, kept: KeptDays) -> None:
    """Store how far was purged: kept days are computed from the newest day, which may go back."""
    days_before = max(kept.daily_from, kept.purged.days_before) if kept.purged else kept.daily_from
    now = PurgeMarks(days_before, kept.oldest_month)
    if now != kept.purged:
        value = json.dumps([days_before.isoformat(), kept.oldest_month])
        upsert(connection, meta, [{"name": PURGED, "value": value}])


def _purge_closings(connection: Connection, kept: KeptDays) -> None:
    """Delete members and changes of closings whose month's end is no longer kept."""
    closings = month_closings.c
    old = select(closings.closing_id).where(closings.month < kept.oldest_month)
    for table in (month_members, month_changes):
        connection.execute(delete(table).where(table.c.closing_id.in_(old)))


def _purge_hours(connection: Connection, kept: KeptDays) -> None:
    """Delete the hours of machines that are older than RETENTION_DAYS."""
    first = datetime.combine(kept.today - timedelta(days=kept.days), time.min, UTC)
    connection.execute(delete(agent_hours).where(agent_hours.c.hour < first))


def _purge_findings(connection: Connection, kept: KeptDays) -> None:
    """Delete findings that contain no kept day. Acceptances are kept."""
    c = coverage_findings.c
    unneeded = and_(
        c.until <= kept.daily_from,
        # If today is withdrawn, findings that ended on it are in force again.
        c.until < kept.today,
        *(~and_(c.since <= end, c.until > end) for end in kept.month_ends()),
    )
    connection.execute(delete(coverage_findings).where(unneeded))


def _purge_orphans(connection: Connection, device_ids: list[int]) -> None:
    snapshots = device_snapshots.c
    connection.execute(
        delete(device_payloads).where(
            device_payloads.c.device_id.in_(device_ids),
            ~exists().where(
                snapshots.device_id == device_payloads.c.device_id,
                snapshots.payload_hash == device_payloads.c.payload_hash,
            ),
        )
    )
    for table in (devices, device_latest, device_keys, asset_links):
        connection.execute(
            delete(table).where(
                table.c.device_id.in_(device_ids),
                ~exists().where(snapshots.device_id == table.c.device_id),
            )
        )


def _purge_counts(connection: Connection, kept: KeptDays) -> None:
    bases = list(connection.scalars(select(daily_counts.c.basis).distinct()))
    for basis in bases:
        snapshot_date = daily_counts.c.snapshot_date
        counted = sorted(
            connection.scalars(
                select(snapshot_date).where(daily_counts.c.basis == basis).distinct()
            )
        )
        unneeded = [
            day
            for day, following in pairwise(counted[:-1])
            if kept.first_kept_in(day, following) is None
        ]
        for chunk in chunks(unneeded):
            connection.execute(
                delete(daily_counts).where(daily_counts.c.basis == basis, snapshot_date.in_(chunk))
            )
