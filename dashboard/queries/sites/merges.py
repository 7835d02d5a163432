"""Which sites were merged: one into another, and others into it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, func, select

from dashboard.base.settings_params import AuditFilters
from dashboard.queries.audit import audit_log
from dashboard.queries.own_sites import own_sites
from db.decisions import MergeSites
from db.tables import device_snapshots, sites


@dataclass(frozen=True)
class Merge:
    """A site that was merged, or what it was merged into: by which entry of the audit log (None
    when that is not known), when, and by whom."""

    site_id: int
    name: str
    entry_id: int | None = None
    at: datetime | None = None
    author: str | None = None


@dataclass(frozen=True)
class Merges:
    """What a site was merged into (None: nothing), the last day on which it had a device itself,
    and what was merged into it."""

    into: Merge | None
    own_until: date | None
    merged: tuple[Merge, ...]


def merges(connection: Connection, site_id: int) -> Merges:
    """The merges of a site that are in force."""
    rows = connection.execute(
        select(sites.c.site_id, sites.c.name, sites.c.merged_into).where(
            (sites.c.merged_into == site_id) | (sites.c.site_id == site_id)
        )
    ).all()
    decided = _decided(connection) if own_sites(connection) is None else {}
    target = next((row.merged_into for row in rows if row.site_id == site_id), None)
    into = None
    if target is not None:
        name = connection.scalar(select(sites.c.name).where(sites.c.site_id == target))
        into = _merge(target, name or str(target), decided.get((site_id, target)))
    merged = tuple(
        _merge(row.site_id, row.name, decided.get((row.site_id, site_id)))
        for row in sorted(rows, key=lambda row: row.name.casefold())
        if row.merged_into == site_id
    )
    return Merges(into, _own_until(connection, site_id) if into else None, merged)


def _merge(site_id: int, name: str, entry: audit_log.Entry | None) -> Merge:
    if entry is None:
        return Merge(site_id, name)
    return Merge(site_id, name, entry.entry_id, entry.at, entry.actor)


def _decided(connection: Connection) -> dict[tuple[int, int], audit_log.Entry]:
    """The standing decision of each merge; of two the newer one."""
    merges = AuditFilters(actions=(MergeSites.kind,))
    by_pair: dict[tuple[int, int], audit_log.Entry] = {}
    for part in audit_log.stream(connection, merges):
        for entry in part:
            pair = entry.detail.get("site_id"), entry.detail.get("into")
            if entry.can_undo and all(pair):
                by_pair.setdefault((int(str(pair[0])), int(str(pair[1]))), entry)
    return by_pair


def _own_until(connection: Connection, site_id: int) -> date | None:
    last = connection.scalar(
        select(func.max(device_snapshots.c.valid_to)).where(device_snapshots.c.site_id == site_id)
    )
    return last - timedelta(days=1) if last else None
