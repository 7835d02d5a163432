"""Evidence for the reasons of changes: the collections of each source, and links of machines."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import Connection, and_, or_, select

from db.bulk import chunks
from db.history.explain import CollectionHistory
from db.history.reasons import Reason
from db.history.runs import END, PUBLISHED
from db.rules import ENVIRONMENT
from db.tables import (
    asset_links,
    collection_runs,
    device_snapshots,
    devices,
    rule_versions,
)


def collection_history(connection: Connection) -> CollectionHistory:
    """The published days of each source, and the versions of the rules that persons saved."""
    runs = collection_runs.c
    published: dict[str, list[date]] = defaultdict(list)
    ended: dict[str, list[date]] = defaultdict(list)
    rows = connection.execute(
        select(runs.source, runs.business_date, runs.kind)
        .where(PUBLISHED)
        .order_by(runs.business_date)
    )
    for source, day, kind in rows:
        (ended if kind == END else published)[source].append(day)
    saved_versions = connection.scalars(
        select(rule_versions.c.version).where(rule_versions.c.author != ENVIRONMENT)
    )
    first_days = {source: days[0] for source, days in published.items()}
    return CollectionHistory(first_days, published, ended, frozenset(saved_versions))


def link_reasons(
    connection: Connection,
    asset_ids: Sequence[int],
    then: date,
    now: date,
) -> dict[int, list[Reason]]:
    """The links that are in force on only one of the two days, as reasons by asset id.

    A link concerns both the machine that it points to, to which a record is linked, and the machine
    that the linked record would be by itself.
    """
    link = asset_links.c
    began = and_(link.since > then, link.since <= now, link.until > now)
    ended = and_(link.since <= then, link.until > then, link.until <= now)
    concerned = or_(link.asset_id.in_(asset_ids), link.device_id.in_(asset_ids))
    rows = connection.execute(
        select(asset_links).where(concerned, or_(began, ended)).order_by(link.since, link.device_id)
    ).all()
    names = _names(connection, {id for row in rows for id in (row.device_id, row.other_device_id)})
    reasons: dict[int, list[Reason]] = defaultdict(list)
    for row in rows:
        code, day, by = "linked", row.since, row.decided_by
        if row.until <= now:
            code, day, by = "unlinked", row.until, row.undone_by
        pairs = ((row.asset_id, row.device_id), (row.device_id, row.other_device_id))
        for asset_id, other_id in pairs:
            source, name = names.get(other_id, (None, str(other_id)))
            values = {"source": source, "name": name, "evidence": row.evidence}
            reasons[asset_id].append(Reason(code, day, values, by is not None))
    return reasons


def _names(
    connection: Connection, device_ids: Iterable[int]
) -> dict[int, tuple[str | None, str | None]]:
    """The source and the newest name of each device: hostname, else display name, else key."""
    stretch = device_snapshots.c
    names: dict[int, tuple[str | None, str | None]] = {}
    for chunk in chunks(sorted(device_ids)):
        rows = connection.execute(
            select(
                stretch.device_id,
                stretch.source,
                stretch.hostname,
                stretch.display_name,
                devices.c.source_key,
            )
            .join(devices, devices.c.device_id == stretch.device_id)
            .where(stretch.device_id.in_(chunk))
            .order_by(stretch.valid_from)
        )
        for device_id, source, hostname, display_name, source_key in rows:
            names[device_id] = source, hostname or display_name or source_key
    return names
