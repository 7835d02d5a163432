"""Who can say why: the runs, and the links between records."""

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
    """When each source was collected, and what was decided."""
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
    saved = connection.scalars(
        select(rule_versions.c.version).where(rule_versions.c.author != ENVIRONMENT)
    )
    began = {source: days[0] for source, days in published.items()}
    return CollectionHistory(began, published, ended, frozenset(saved))


def link_reasons(
    connection: Connection,
    asset_ids: Sequence[int],
    then: date,
    now: date,
) -> dict[int, list[Reason]]:
    """The links of these machines that are in force on one of the two days only, by machine: a
    record that answers to it, or its own record that answers to another machine."""
    link = asset_links.c
    begun = and_(link.since > then, link.since <= now, link.until > now)
    ended = and_(link.since <= then, link.until > then, link.until <= now)
    ours = or_(link.asset_id.in_(asset_ids), link.device_id.in_(asset_ids))
    rows = connection.execute(
        select(asset_links).where(ours, or_(begun, ended)).order_by(link.since, link.device_id)
    ).all()
    called = _called(
        connection, {id for row in rows for id in (row.device_id, row.other_device_id)}
    )
    found: dict[int, list[Reason]] = defaultdict(list)
    for row in rows:
        code, day, by = "linked", row.since, row.decided_by
        if row.until <= now:
            code, day, by = "unlinked", row.until, row.undone_by
        pairs = ((row.asset_id, row.device_id), (row.device_id, row.other_device_id))
        for machine, other in pairs:
            source, name = called.get(other, (None, str(other)))
            values = {"source": source, "name": name, "evidence": row.evidence}
            found[machine].append(Reason(code, day, values, by is not None))
    return found


def _called(
    connection: Connection, device_ids: Iterable[int]
) -> dict[int, tuple[str | None, str | None]]:
    """The source and the newest name of each device."""
    said = device_snapshots.c
    found: dict[int, tuple[str | None, str | None]] = {}
    for chunk in chunks(sorted(device_ids)):
        rows = connection.execute(
            select(
                said.device_id, said.source, said.hostname, said.display_name, devices.c.source_key
            )
            .join(devices, devices.c.device_id == said.device_id)
            .where(said.device_id.in_(chunk))
            .order_by(said.valid_from)
        )
        for device_id, source, hostname, display_name, source_key in rows:
            found[device_id] = source, hostname or display_name or source_key
    return found
