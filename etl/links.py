"""Which asset each record of a publishing source answers to: links that stand, that end because
two real serials contradict, and that begin because the rule finds them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.sql import Select

from db.asof import as_of
from db.chunks import chunks
from db.tables import OPEN_END, asset_links, collection_runs, device_snapshots, devices
from db.upsert import insert_many
from etl.rules.assets import Identity, Link, contradict, find_links, real_serial
from etl.states import State

AUTOMATIC = "rule"


@dataclass
class Assets:
    """The asset of every state of a publish, and what it takes to write the links down."""

    asset_of: dict[int, int]
    begun: list[Link] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)


def resolve_assets(
    connection: Connection,
    source: str,
    day: date,
    states: Sequence[State],
    site_of: Mapping[int, int],
    standing: Mapping[int, int],
) -> Assets:
    """The asset of each state of `source` on `day`.

    Args:
        site_of: device id -> its site on that day.
        standing: device id -> its asset in the standing snapshot.
    """
    ids = [state.device_id for state in states]
    new = [device_id for device_id in ids if device_id not in standing]
    linked = _links_of(connection, new)
    answering = {**standing, **{device_id: linked.get(device_id, device_id) for device_id in new}}
    asset_of = {device_id: answering[device_id] for device_id in ids}
    others = list(_identities(connection, _OTHERS.where(as_of(day), _snapshots.source != source)))
    former = _former(connection, source, new, states) if standing else []
    serials = [serial for state in states if (serial := real_serial(state.serial))]
    linked_now = ids != list(asset_of.values())
    if not others and not former and not linked_now and len(set(serials)) == len(serials):
        return Assets(asset_of)

    mine = [
        Identity(
            state.device_id, asset_of[state.device_id], source, site_of[state.device_id],
            state.hostname, state.serial,
        )
        for state in states
    ]  # fmt: skip
    assets = Assets(asset_of, ended=_contradicted(mine, others))
    for device_id in assets.ended:
        asset_of[device_id] = device_id
    if assets.ended:
        mine = [identity._replace(asset_id=asset_of[identity.device_id]) for identity in mine]
    if len(set(serials)) != len(serials):
        mine = _first_seen_first(connection, mine)
    company = Counter([identity.asset_id for identity in (*mine, *others)])
    alone = {
        identity.device_id
        for identity in mine
        if identity.asset_id == identity.device_id and company[identity.asset_id] == 1
    }
    assets.begun = find_links(mine, alone, others, former)
    for link in assets.begun:
        asset_of[link.device_id] = link.asset_id
    return assets


def write_links(
    connection: Connection, assets: Assets, day: date, run_id: int, now: datetime
) -> None:
    """End and begin the links that `resolve_assets` decided on."""
    for chunk in chunks(assets.ended):
        connection.execute(
            update(asset_links)
            .where(asset_links.c.device_id.in_(chunk), asset_links.c.until == OPEN_END)
            .values(until=day, closed_by=run_id)
        )
    insert_many(
        connection,
        asset_links,
        [
            {
                "device_id": link.device_id,
                "since": day,
                "until": OPEN_END,
                "asset_id": link.asset_id,
                "other_device_id": link.other_device_id,
                "method": link.method,
                "evidence": link.evidence,
                "author": AUTOMATIC,
                "created_at": now,
                "opened_by": run_id,
                "closed_by": None,
            }
            for link in assets.begun
        ],
    )


def undo_links(connection: Connection, source: str, day: date) -> None:
    """Take back what the runs of `source` on `day` did to the links."""
    runs = select(collection_runs.c.run_id).where(
        collection_runs.c.source == source, collection_runs.c.business_date == day
    )
    connection.execute(delete(asset_links).where(asset_links.c.opened_by.in_(runs)))
    connection.execute(
        update(asset_links)
        .where(asset_links.c.closed_by.in_(runs))
        .values(until=OPEN_END, closed_by=None)
    )


_snapshots = device_snapshots.c
_OTHERS: Select[Any] = select(
    _snapshots.device_id, _snapshots.asset_id, _snapshots.source, _snapshots.site_id,
    _snapshots.hostname, _snapshots.serial,
)  # fmt: skip


def _identities(connection: Connection, statement: Select[Any]) -> Iterator[Identity]:
    return (Identity(*row) for row in connection.execute(statement).all())


def _first_seen_first(connection: Connection, mine: Iterable[Identity]) -> list[Identity]:
    """The records of one source, those that share a serial in the order they were first seen; new
    ones last, equal ones by id."""
    mine = list(mine)
    serials = {m.device_id: serial for m in mine if (serial := real_serial(m.serial))}
    bearers = Counter(serials.values())
    twins = [device_id for device_id, serial in serials.items() if bearers[serial] > 1]
    first_seen: dict[int, date] = {}
    for chunk in chunks(twins):
        rows = connection.execute(
            select(devices.c.device_id, devices.c.first_seen).where(devices.c.device_id.in_(chunk))
        )
        first_seen.update((device_id, day) for device_id, day in rows)
    return sorted(mine, key=lambda m: (first_seen.get(m.device_id, date.max), m.device_id))


def _links_of(connection: Connection, device_ids: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for chunk in chunks(device_ids):
        rows = connection.execute(
            select(asset_links.c.device_id, asset_links.c.asset_id).where(
                asset_links.c.device_id.in_(chunk), asset_links.c.until == OPEN_END
            )
        )
        found.update((device_id, asset_id) for device_id, asset_id in rows)
    return found


def _former(
    connection: Connection, source: str, new: Sequence[int], states: Iterable[State]
) -> list[Identity]:
    """Records of the source that are gone and bore the serial of a new one."""
    fresh = set(new)
    wanted = {state.serial for state in states if state.device_id in fresh}
    standing = {state.device_id for state in states}
    newest: dict[int, tuple[date, Identity]] = {}
    for chunk in chunks(sorted(serial for serial in wanted if serial)):
        # Not by their source: a database would look through all of its records for the serials.
        statement = select(*_OTHERS.selected_columns, _snapshots.valid_from).where(
            _snapshots.serial.in_(chunk)
        )
        for *values, valid_from in connection.execute(statement):
            identity = Identity(*values)
            if identity.source != source or identity.device_id in standing:
                continue
            kept = newest.get(identity.device_id)
            if kept is None or kept[0] < valid_from:
                newest[identity.device_id] = (valid_from, identity)
    return [identity for _, identity in newest.values()]


def _contradicted(mine: Sequence[Identity], others: Iterable[Identity]) -> list[int]:
    """Records that answer to another record's asset although two real serials say no."""
    linked = [identity for identity in mine if identity.asset_id != identity.device_id]
    if not linked:
        return []
    by_asset: dict[int, list[Identity]] = {identity.asset_id: [] for identity in linked}
    heads = (identity for identity in mine if identity.asset_id == identity.device_id)
    for identity in chain(others, heads):
        if identity.asset_id in by_asset:
            by_asset[identity.asset_id].append(identity)
    return [
        identity.device_id
        for identity in linked
        if any(contradict(identity, other) for other in by_asset[identity.asset_id])
    ]
