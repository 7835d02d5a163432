"""Which asset each record of a publishing source answers to: links that stand, that end because
two real serials contradict, and that begin because the rules find them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, case, delete, select, update

from db.bulk import chunks, insert_many
from db.keys import as_of
from db.tables import NO_SITE_ID, OPEN_END, asset_links, collection_runs, device_snapshots
from etl.machines import pending
from etl.machines.identities import (
    IS_OPEN,
    MatchInput,
    distinct_pairs,
    follow_links,
    former_identities,
    identity_from_state,
    later_link_targets,
    load_identities,
    newest_links,
    sort_by_first_seen,
)
from etl.machines.match_keys import add_keys, connected_devices
from etl.records.states import DeviceState
from etl.rules.assets import link_all
from etl.rules.evidence import Identity, contradicting_links, real_serial
from etl.rules.linking import Link, LinkingState

AUTOMATIC = "rule"
OpenStretches = Mapping[int, tuple[int, int, int]]
"""Device -> the hash, site and asset of its standing stretch."""


@dataclass
class MatchResult:
    """The asset of every state of a publish, and what it takes to write the links down. What the
    next matchings look at: `waiting` records, and which ones `changed`, None for any."""

    asset_of: dict[int, int]
    begun: list[Link] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    waiting: set[int] = field(default_factory=set)
    changed: set[int] | None = None
    most: int = 0


def resolve_assets(
    connection: Connection,
    source: str,
    day: date,
    states: Sequence[DeviceState],
    site_of: Mapping[int, int],
    have: OpenStretches,
    keep: Collection[int] = (),
    again: bool = False,
) -> MatchResult:
    """The asset of each state of `source` on `day`.

    Args:
        site_of: device id -> its site on that day.
        have: what stands of the source.
        keep: devices that keep their standing state, of which nothing was read.
        again: whether the day was published before and is being replaced.
    """
    look = pending.match_scope(connection, source, day, len(states), again)
    come = {state.device_id: state for state in states}
    new, touched, asset_of = [], [], dict[int, int]()
    for device_id, state in come.items():
        known = have.get(device_id)
        if known is None:
            new.append(state)
            continue
        state_hash, site_id, asset_of[device_id] = known
        if state_hash != state.state_hash or site_id != site_of[device_id]:
            touched.append(state)

    def identity(state: DeviceState) -> Identity:
        device_id = state.device_id
        asset_id = asset_of.get(device_id, device_id)
        return identity_from_state(state, source, site_of[device_id], asset_id)

    changed: set[int] | None = None
    if len(new) + len(touched) <= look.most:
        changed = {state.device_id for state in new} | (have.keys() - come.keys() - set(keep))
        changed |= _retold(connection, [identity(state) for state in touched])
    add_keys(connection, map(identity, (*new, *touched) if source in look.noted else states))
    near: set[int] | None = None
    if look.device_ids is not None and changed is not None:
        near = connected_devices(connection, look.device_ids | changed, look.most)
    looked_at = come.keys() if near is None else near & come.keys()
    links = newest_links(connection, near)
    chains = {device_id: follow_links(device_id, links.get) for device_id in looked_at}
    for device_id, chain in chains.items():
        asset_of[device_id] = chain[-1].asset_id if chain else device_id
    kept = set(keep) if near is None else near & set(keep)
    elsewhere = device_snapshots.c.source != source
    world = MatchInput(
        own=[
            *(identity(come[device_id]) for device_id in looked_at),
            *load_identities(connection, IS_OPEN, among=kept),
        ],
        others=load_identities(connection, as_of(day), elsewhere, among=near),
        former=former_identities(connection, source, new, come.keys() | set(keep)) if have else (),
    )
    if near is None:
        add_keys(connection, (one for one in world.others if one.source not in look.noted))
    later = later_link_targets(connection, day) if look.late else set[int]()
    assets = match_records(connection, world, still=set(keep), named=later)
    asset_of |= {key: asset for key, asset in assets.asset_of.items() if key in come}
    assets.asset_of, assets.most = asset_of, look.most
    for link in _straightened(chains.get(state.device_id, ()) for state in new):
        if link.device_id not in assets.ended:
            assets.ended.append(link.device_id)
            assets.begun.append(link)
    if changed is not None and not again:
        assets.changed = _with_machines(changed, assets, have)
    return assets


def _with_machines(changed: set[int], assets: MatchResult, have: OpenStretches) -> set[int]:
    """Records whose evidence or machine changed, with the machines that they had and have."""
    changed = {*changed, *assets.ended, *(link.device_id for link in assets.begun)}
    machines = {assets.asset_of.get(device_id, device_id) for device_id in changed}
    return changed | machines | {have[device_id][2] for device_id in changed & have.keys()}


def _straightened(chains: Iterable[Sequence[Row[Any]]]) -> Iterator[Link]:
    """Links of devices that came back, straight to the machine that theirs has become meanwhile:
    should that one be its own again, they are none of its business."""
    for chain in chains:
        if len(chain) > 1 and all(link.author == AUTOMATIC for link in chain):
            first, last = chain[0], chain[-1]
            yield Link(first.device_id, last.asset_id, last.device_id, first.method, first.evidence)


def _retold(connection: Connection, told: Sequence[Identity]) -> set[int]:
    """Those of a source's records that tell another thing about their machine than they did."""
    was = {
        identity.device_id: _evidence(identity)
        for identity in load_identities(
            connection, IS_OPEN, among={identity.device_id for identity in told}
        )
    }
    return {
        identity.device_id
        for identity in told
        if was.get(identity.device_id) != _evidence(identity)
    }


def _evidence(identity: Identity) -> tuple[object, ...]:
    return identity.site_id, identity.hostname, identity.serial, identity.guest, identity.macs


def match_records(
    connection: Connection,
    world: MatchInput,
    still: Collection[int] = (),
    named: Collection[int] = (),
) -> MatchResult:
    """What the rules end and begin among the records of a world.

    Args:
        still: records of the source whose links stay as they are.
        named: records that may not begin to answer to others, for others will answer to them.
    """
    ended = [i for i in contradicting_links(world.own, world.others) if i not in still]
    alone_again = set(ended)
    mine = [
        identity._replace(asset_id=identity.device_id)
        if identity.device_id in alone_again
        else identity
        for identity in world.own
    ]
    world = MatchInput(sort_by_first_seen(connection, mine), world.others, world.former)
    standing = LinkingState(
        world.own, world.unlinked() - {*still, *named}, world.others, world.former,
        distinct_pairs(connection),
    )  # fmt: skip
    begun = link_all(standing)
    asset_of = {identity.device_id: standing.asset_of(identity) for identity in world.own}
    # Who shares its serial number with a new record is no partner from the next day on.
    gone = {real_serial(one.serial) for one in world.former}
    waiting = {one.device_id for one in world.own if gone and real_serial(one.serial) in gone}
    return MatchResult(asset_of, begun, ended, standing.pending | waiting | set(still))


def rematch(
    connection: Connection, device_ids: Iterable[int], since: date, decided_by: int, now: datetime
) -> list[int]:
    """Let the rules look at the sites of `device_ids` again, after the decision `decided_by`: the
    devices whose link began (on day `since`) or ended.

    It looks at the standing stretches, whose sites and assets must be what the decision made of
    them, and writes the links alone: whoever calls resolves the devices of the answer.
    """
    here = rematch_scope(connection, device_ids)
    found: list[int] = []
    # In one order always: the outcome depends on which source's records look for a machine first.
    for source in sorted({identity.source for identity in here.values()}, reverse=True):
        mine = [identity for identity in here.values() if identity.source == source]
        others = [identity for identity in here.values() if identity.source != source]
        assets = match_records(connection, MatchInput(mine, others))
        for device_id, asset_id in assets.asset_of.items():
            here[device_id] = here[device_id]._replace(asset_id=asset_id)
        write_links(connection, assets, since, now, decided_by=decided_by)
        found += [*assets.ended, *(link.device_id for link in assets.begun)]
    return sorted(set(found))


def rematch_scope(connection: Connection, device_ids: Iterable[int]) -> dict[int, Identity]:
    """What `match_again` looks at: the standing records of the sites of some devices and of none,
    and whoever shares a key or a machine with one of these."""
    c = device_snapshots.c
    about = load_identities(connection, IS_OPEN, among=set(device_ids))
    sites = {identity.site_id for identity in about} | {NO_SITE_ID}
    here = load_identities(connection, IS_OPEN, column=c.site_id, among=sites)
    near = connected_devices(connection, {identity.device_id for identity in here}, most=10**9)
    found = load_identities(connection, IS_OPEN, among=near)
    return {identity.device_id: identity for identity in found}


def write_links(
    connection: Connection,
    assets: MatchResult,
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
                "score": link.score,
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
    """Take back what the runs of `source` on `day` did to the links; what was undone stays so."""
    runs = select(collection_runs.c.run_id).where(
        collection_runs.c.source == source, collection_runs.c.business_date == day
    )
    connection.execute(delete(asset_links).where(asset_links.c.opened_by.in_(runs)))
    connection.execute(
        update(asset_links)
        .where(asset_links.c.closed_by.in_(runs))
        .values(
            until=case((asset_links.c.undone_by.is_(None), OPEN_END), else_=asset_links.c.until),
            closed_by=None,
        )
    )
