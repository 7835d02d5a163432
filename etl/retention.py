"""Purge what no kept day needs: stretches, their payloads and devices, and the counts of days.
Month-end counts are never purged."""

from itertools import pairwise

from sqlalchemy import Connection, Engine, and_, delete, exists, or_, select

from db.chunks import chunks
from db.engine import writing
from db.kept import KeptDays
from db.runs import kept_days, newest_by_source
from db.settings import Environment
from db.tables import (
    asset_links,
    daily_counts,
    device_latest,
    device_payloads,
    device_snapshots,
    devices,
)
from etl.lease import Lease


def retain(engine: Engine, lease: Lease, environ: Environment | None = None) -> int:
    """Purge what no kept day needs; how many stretches that were."""
    with writing(engine) as connection:
        lease.hold(connection)
        kept = kept_days(connection, environ)
        return purge(connection, kept) if kept else 0


def purge(connection: Connection, kept: KeptDays) -> int:
    """Delete everything in which no kept day lies; how many stretches that were.

    What ended with a source's newest published day stays: that day may be collected again, or
    withdrawn, and then the day before it stands.
    """
    snapshots = device_snapshots.c
    newest = newest_by_source(connection)
    unneeded = and_(
        or_(*(and_(snapshots.source == s, snapshots.valid_to < day) for s, day in newest.items())),
        snapshots.valid_to <= kept.daily_from,
        *(
            ~and_(snapshots.valid_from <= end, snapshots.valid_to > end)
            for end in kept.month_ends()
        ),
    )
    affected = sorted(set(connection.scalars(select(snapshots.device_id).where(unneeded))))
    purged = connection.execute(delete(device_snapshots).where(unneeded)).rowcount
    for chunk in chunks(affected):
        _purge_orphans(connection, chunk)
    _purge_counts(connection, kept)
    return purged


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
    for table in (devices, device_latest, asset_links):
        connection.execute(
            delete(table).where(
                table.c.device_id.in_(device_ids),
                ~exists().where(snapshots.device_id == table.c.device_id),
            )
        )


def _purge_counts(connection: Connection, kept: KeptDays) -> None:
    bases = list(connection.scalars(select(daily_counts.c.basis).distinct()))
    for basis in bases:
        column = daily_counts.c.snapshot_date
        counted = sorted(
            connection.scalars(select(column).where(daily_counts.c.basis == basis).distinct())
        )
        gone = [
            day
            for day, following in pairwise(counted[:-1])
            if kept.first_in(day, following) is None
        ]
        for chunk in chunks(gone):
            connection.execute(
                delete(daily_counts).where(daily_counts.c.basis == basis, column.in_(chunk))
            )
