"""The records of one machine on a day, and the links between them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from dashboard.base.params import SOURCES
from dashboard.queries import entities
from dashboard.queries.moment import Moment
from dashboard.queries.names import site_names
from dashboard.queries.own_sites import own_sites, sees
from db.history.views import assets_as_of
from db.tables import (
    LISTED_FIELDS,
    OPEN_END,
    asset_links,
    device_latest,
    device_snapshots,
    devices,
)

COMPARED = ("site", *LISTED_FIELDS)
"""The fields in which the records of a machine are compared."""


@dataclass(frozen=True)
class Record:
    """One record of a machine. `is_primary`: it decides the machine's site and billing status.
    `last_contact` is None on a past day."""

    device_id: int
    source: str
    source_key: str
    is_primary: bool
    first_seen: date
    last_contact: datetime | None
    fields: dict[str, Any]


@dataclass(frozen=True)
class Link:
    """Why a record answers to a machine: from `since` up to, not with, `until` (None: still);
    `score`: how sure, 0 to 100."""

    device_id: int
    other_device_id: int
    asset_id: int
    method: str
    evidence: str
    author: str
    since: date
    until: date | None
    score: int | None = None


def records(connection: Connection, moment: Moment, asset_id: int) -> list[Record]:
    """The records of a machine on the shown day, in the order of their sources."""
    day = moment.now.day
    if day is None:
        return []
    view = entities.rows_on(day, "records", moment.rules)
    rows = connection.execute(
        select(view, devices.c.source_key, devices.c.first_seen, device_latest.c.last_contact)
        .join(devices, devices.c.device_id == view.c.device_id)
        .outerjoin(device_latest, device_latest.c.device_id == view.c.device_id)
        .where(view.c.asset_id == asset_id)
    ).all()
    primaries = assets_as_of(day, moment.rules, columns=("device_id",), asset_ids=[asset_id])
    primary = connection.scalar(primaries)
    names = site_names(connection, {row.site_id for row in rows})
    records_of_day = [
        Record(
            row.device_id,
            row.source,
            row.source_key,
            row.device_id == primary,
            row.first_seen,
            row.last_contact if moment.is_newest else None,
            {
                name: names.get(row.site_id) if name == "site" else row._mapping[name]
                for name in COMPARED
            },
        )
        for row in rows
        if sees(connection, row.site_id)
    ]
    return sorted(
        records_of_day, key=lambda record: (SOURCES.index(record.source), record.device_id)
    )


def links(connection: Connection, device_ids: Collection[int]) -> list[Link]:
    """Every link that these records are an end of, the newest first; ended ones too. None for
    somebody who sees only some sites: the other end may be elsewhere."""
    if own_sites(connection) is not None:
        return []
    stored = asset_links.c
    rows = connection.execute(
        select(
            stored.device_id, stored.other_device_id, stored.asset_id, stored.method,
            stored.evidence, stored.author, stored.since, stored.until, stored.score,
        )
        .where(or_(stored.device_id.in_(device_ids), stored.other_device_id.in_(device_ids)))
        # One that a decision took back before its first day never was.
        .where(stored.since != stored.until)
        .order_by(stored.since.desc(), stored.device_id)
    )  # fmt: skip
    return [Link(*row[:7], None if row.until == OPEN_END else row.until, row.score) for row in rows]


def device_labels(
    connection: Connection, device_ids: Collection[int]
) -> dict[int, tuple[str, str]]:
    """The source of each device and what it is called there: its newest hostname, or its key."""
    stored = device_snapshots.c
    rows = connection.execute(
        select(devices.c.device_id, devices.c.source, devices.c.source_key, stored.hostname)
        .outerjoin(device_snapshots, stored.device_id == devices.c.device_id)
        .where(devices.c.device_id.in_(device_ids))
        .order_by(devices.c.device_id, stored.valid_from)
    )
    return {row.device_id: (row.source, row.hostname or row.source_key) for row in rows}
