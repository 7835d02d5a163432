"""Which asset each record of a publishing source answers to: links that stand, that end because
two real serials contradict, and that begin because the rule finds them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, case, delete, select, update
from sqlalchemy.sql import Select

from db.asof import as_of
from db.chunks import chunks
from db.tables import OPEN_END, asset_links, collection_runs, device_snapshots, devices, kept_apart
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
    assets = _match(connection, mine, others, former)
    assets.asset_of = {**asset_of, **assets.asset_of}
    return assets


def match_again(
    connection: Connection, device_ids: Iterable[int], since: date, decided_by: int, now: datetime
) -> list[int]:
    """Let the rule look at the sites of `device_ids` again, after the decision `decided_by`: the
    devices whose link began (on day `since`) or ended.

    It looks at the standing stretches, whose sites and assets must be what the decision made of
    them, and writes the links alone: whoever calls resolves the devices of the answer.
    """
    here = _at_sites_of(connection, device_ids)
    found: list[int] = []
    # ThreatLocker before Ninja: its records answer to machines of Ninja.
    for source in sorted({identity.source for identity in here.values()}, reverse=True):
        mine = [identity for identity in here.values() if identity.source == source]
        others = [identity for identity in here.values() if identity.source != source]
        assets = _match(connection, mine, others, ())
        for device_id, asset_id in assets.asset_of.items():
            here[device_id] = here[device_id]._replace(asset_id=asset_id)
        write_links(connection, assets, since, now, decided_by=decided_by)
        found += [*assets.ended, *(link.device_id for link in assets.begun)]
    return sorted(set(found))


def _at_sites_of(connection: Connection, device_ids: Iterable[int]) -> dict[int, Identity]:
    """The standing records of the sites of some devices, and what else answers to their assets."""
    found: dict[int, Identity] = {}
    wanted: dict[Any, set[int]] = {_snapshots.device_id: set(device_ids)}
    for column, following in (
        (_snapshots.device_id, _snapshots.site_id),
        (_snapshots.site_id, _snapshots.asset_id),
        (_snapshots.asset_id, None),
    ):
        for chunk in chunks(sorted(wanted[column])):
            rows = _identities(
                connection, _OTHERS.where(column.in_(chunk), _snapshots.valid_to == OPEN_END)
            )
            found.update((identity.device_id, identity) for identity in rows)
        if following is not None:
            wanted[following] = {getattr(identity, following.name) for identity in found.values()}
    return found


def _match(
    connection: Connection,
    mine: Sequence[Identity],
    others: Sequence[Identity],
    former: Iterable[Identity],
) -> Assets:
    """What the rule ends and begins among the standing records of one source and the others."""
    asset_of = {identity.device_id: identity.asset_id for identity in mine}
    assets = Assets(asset_of, ended=_contradicted(mine, others))
    for device_id in assets.ended:
        asset_of[device_id] = device_id
    if assets.ended:
        mine = [identity._replace(asset_id=asset_of[identity.device_id]) for identity in mine]
    serials = [serial for identity in mine if (serial := real_serial(identity.serial))]
    if len(set(serials)) != len(serials):
        mine = _first_seen_first(connection, mine)
    company = Counter([identity.asset_id for identity in (*mine, *others)])
    alone = {
        identity.device_id
        for identity in mine
        if identity.asset_id == identity.device_id and company[identity.asset_id] == 1
    }
    apart = kept_apart_pairs(connection)
    members: dict[int, set[int]] = {}
    if apart:
        for identity in (*mine, *others):
            members.setdefault(identity.asset_id, {identity.asset_id}).add(identity.device_id)
    for link in find_links(mine, alone, others, former):
        company_there = members.setdefault(link.asset_id, {link.asset_id})
        if apart.isdisjoint((link.device_id, other) for other in company_there):
            company_there.add(link.device_id)
            assets.begun.append(link)
            asset_of[link.device_id] = link.asset_id
    return assets


def kept_apart_pairs(connection: Connection) -> set[tuple[int, int]]:
    """Pairs of devices that somebody said are two machines, both ways round."""
    rows = connection.execute(select(kept_apart.c.device_id, kept_apart.c.other_device_id)).all()
    return {pair for one, other in rows for pair in ((one, other), (other, one))}


def write_links(
    connection: Connection,
    assets: Assets,
    day: date,
    now: datetime,
    *,
    run_id: int | None = None,
    decided_by: int | None = None,
) -> None:
    """End and begin the links that the rule decided on, in a run or after a decision."""
    for chunk in chunks(assets.ended):
        connection.execute(
            update(asset_links)
            .where(asset_links.c.device_id.in_(chunk), asset_links.c.until == OPEN_END)
            .values(
                # A decision may reach back before the link: then it never was.
                until=case((asset_links.c.since > day, asset_links.c.since), else_=day),
                closed_by=run_id,
                undone_by=decided_by,
            )
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
                "decided_by": decided_by,
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
