"""Matching in a publish and after decisions: which machine (asset) each record belongs to.

A record without a link in force is its own machine: its asset id is its device id. A link makes a
record part of another record's machine, from the day `since` up to, but not including, `until`.
Links form chains (`follow_links`); the end of a chain is the machine. When source S publishes day
D, `resolve_assets`:

1. decides which records to compare: those that changed and what the last matchings left pending
   (`etl.machines.pending`), with everything that shares a key or a machine with them
   (`connected_devices`); all records, if the changes are too many or cannot be known;
2. takes each compared record's machine from the chain of its links;
3. lets the rules end links whose real serial numbers contradict, and begin new ones
   (`match_records`, with the rules of `etl.rules.linking_rules`);
4. lists what the next matchings must compare again.

Comparing a part gives the same links as comparing everything: each matching begins every link that
the rules allow, so the next one can find new links only around records that changed.
"""

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
from etl.machines.match_keys import add_former_serials, add_keys, connected_devices
from etl.records.states import DeviceState
from etl.rules.evidence import Identity, contradicting_links, kind_of, real_serial
from etl.rules.linking_rules import link_all
from etl.rules.linking_state import Link, LinkingState

AUTOMATIC = "rule"
OpenStretches = Mapping[int, tuple[int, int, int]]
"""Device id -> state hash, site id and asset id of its open stretch."""


@dataclass
class MatchResult:
    """The result of a matching.

    Attributes:
        asset_of: device id -> asset id.
        begun: links to begin.
        ended: devices whose link ends.
        pending: records for the next matchings that may be linked just because time has passed.
        changed: records for the next matchings whose evidence changed; None: possibly all.
        limit: see `MatchScope`.
    """

    asset_of: dict[int, int]
    begun: list[Link] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    pending: set[int] = field(default_factory=set)
    changed: set[int] | None = None
    limit: int = 0


def resolve_assets(
    connection: Connection,
    source: str,
    day: date,
    states: Sequence[DeviceState],
    site_of: Mapping[int, int],
    open_stretches: OpenStretches,
    keep: Collection[int] = (),
    is_replaced: bool = False,
) -> MatchResult:
    """Match the records of `source` that are published for `day`.

    Args:
        site_of: device id -> site id on that day.
        open_stretches: the open stretches of the source.
        keep: devices whose row could not be read, and whose open stretch stays as it is.
        is_replaced: whether the day was published before and is being replaced.
    """
    scope = pending.match_scope(connection, source, day, len(states), is_replaced)
    by_id = {state.device_id: state for state in states}
    new, changed_states, asset_of = [], [], dict[int, int]()
    for device_id, state in by_id.items():
        stretch = open_stretches.get(device_id)
        if stretch is None:
            new.append(state)
            continue
        state_hash, site_id, asset_of[device_id] = stretch
        if state_hash != state.state_hash or site_id != site_of[device_id]:
            changed_states.append(state)

    def identity(state: DeviceState) -> Identity:
        device_id = state.device_id
        asset_id = asset_of.get(device_id, device_id)
        return identity_from_state(state, source, site_of[device_id], asset_id)

    changed: set[int] | None = None
    if len(new) + len(changed_states) <= scope.limit:
        changed = {state.device_id for state in new} | (
            open_stretches.keys() - by_id.keys() - set(keep)
        )
        changed |= _with_new_evidence(connection, [identity(state) for state in changed_states])
    add_keys(
        connection,
        map(identity, (*new, *changed_states) if source in scope.indexed_sources else states),
    )
    if source not in scope.indexed_sources:
        add_former_serials(connection, source)
    connected: set[int] | None = None
    if scope.device_ids is not None and changed is not None:
        connected = connected_devices(connection, scope.device_ids | changed, scope.limit)
    compared = by_id.keys() if connected is None else connected & by_id.keys()
    links = newest_links(connection, connected)
    chains = {device_id: follow_links(device_id, links.get) for device_id in compared}
    for device_id, chain in chains.items():
        asset_of[device_id] = chain[-1].asset_id if chain else device_id
    kept_open = set(keep) if connected is None else connected & set(keep)
    of_others = device_snapshots.c.source != source
    records = MatchInput(
        own=[
            *(identity(by_id[device_id]) for device_id in compared),
            *load_identities(connection, IS_OPEN, among=kept_open),
        ],
        others=load_identities(connection, as_of(day), of_others, among=connected),
        former=former_identities(connection, source, new, by_id.keys() | set(keep))
        if open_stretches
        else (),
    )
    if connected is None:
        add_keys(connection, (i for i in records.others if i.source not in scope.indexed_sources))
    later_targets = later_link_targets(connection, day) if scope.is_late else set[int]()
    assets = match_records(connection, records, unchanged=set(keep), later_targets=later_targets)
    asset_of |= {key: asset for key, asset in assets.asset_of.items() if key in by_id}
    assets.asset_of, assets.limit = asset_of, scope.limit
    for link in _direct_links(chains.get(state.device_id, ()) for state in new):
        if link.device_id not in assets.ended:
            assets.ended.append(link.device_id)
            assets.begun.append(link)
    if changed is not None and not is_replaced:
        assets.changed = _with_machines(changed, assets, open_stretches)
    return assets


def _with_machines(
    changed: set[int], assets: MatchResult, open_stretches: OpenStretches
) -> set[int]:
    """The records with changed evidence or a changed link, and their machines before and after."""
    changed = {*changed, *assets.ended, *(link.device_id for link in assets.begun)}
    machines = {assets.asset_of.get(device_id, device_id) for device_id in changed}
    return (
        changed
        | machines
        | {open_stretches[device_id][2] for device_id in changed & open_stretches.keys()}
    )


def _direct_links(chains: Iterable[Sequence[Row[Any]]]) -> Iterator[Link]:
    """Replacements for the chains of devices that came back: one link directly to the chain's end.

    While a device was absent, the machine that it was linked to may have become part of another
    machine. With a direct link the device stays there if the machine in between is separated again.
    Chains with a link that a person made are not replaced.
    """
    for chain in chains:
        if len(chain) > 1 and all(link.author == AUTOMATIC for link in chain):
            first, last = chain[0], chain[-1]
            yield Link(first.device_id, last.asset_id, last.device_id, first.method, first.evidence)


def _with_new_evidence(connection: Connection, identities: Sequence[Identity]) -> set[int]:
    """The records of a source whose evidence differs from that of their open stretch."""
    before = {
        identity.device_id: _evidence(identity)
        for identity in load_identities(
            connection, IS_OPEN, among={identity.device_id for identity in identities}
        )
    }
    return {
        identity.device_id
        for identity in identities
        if before.get(identity.device_id) != _evidence(identity)
    }


def _evidence(identity: Identity) -> tuple[object, ...]:
    return (
        identity.site_id,
        identity.hostname,
        identity.serial,
        identity.is_guest,
        identity.macs,
        kind_of(identity.device_type),
    )


def match_records(
    connection: Connection,
    records: MatchInput,
    unchanged: Collection[int] = (),
    later_targets: Collection[int] = (),
) -> MatchResult:
    """Determine which links the rules end and begin among `records`.

    Args:
        unchanged: records of the source whose links must stay as they are.
        later_targets: records that must not be linked, because links of later days lead to them.
    """
    ended = [i for i in contradicting_links(records.own, records.others) if i not in unchanged]
    unlinked_again = set(ended)
    own = [
        identity._replace(asset_id=identity.device_id)
        if identity.device_id in unlinked_again
        else identity
        for identity in records.own
    ]
    records = MatchInput(sort_by_first_seen(connection, own), records.others, records.former)
    state = LinkingState(
        records.own,
        records.unlinked() - {*unchanged, *later_targets},
        records.others,
        records.former,
        distinct_pairs(connection),
    )
    begun = link_all(state)
    asset_of = {identity.device_id: state.asset_of(identity) for identity in records.own}
    # Former records are compared only on the day on which a record with their serial number is new,
    # so the next matching may come to another result for that record.
    former_serials = {real_serial(identity.serial) for identity in records.former}
    compared_with_former = {
        identity.device_id
        for identity in records.own
        if former_serials and real_serial(identity.serial) in former_serials
    }
    return MatchResult(
        asset_of, begun, ended, state.pending | compared_with_former | set(unchanged)
    )


def rematch(
    connection: Connection, device_ids: Iterable[int], since: date, decided_by: int, now: datetime
) -> list[int]:
    """Match the records around `device_ids` again after the decision `decided_by`.

    Compares the open stretches, which must already have the sites and assets that the decision gave
    them. Writes only links, from day `since` on. Returns the devices whose link began or ended; the
    caller applies the links to their stretches.
    """
    in_scope = rematch_scope(connection, device_ids)
    changed: list[int] = []
    # In a fixed order: the result depends on which source's records are linked first.
    for source in sorted({identity.source for identity in in_scope.values()}, reverse=True):
        own = [identity for identity in in_scope.values() if identity.source == source]
        others = [identity for identity in in_scope.values() if identity.source != source]
        assets = match_records(connection, MatchInput(own, others))
        for device_id, asset_id in assets.asset_of.items():
            in_scope[device_id] = in_scope[device_id]._replace(asset_id=asset_id)
        write_links(connection, assets, since, now, decided_by=decided_by)
        changed += [*assets.ended, *(link.device_id for link in assets.begun)]
    return sorted(set(changed))


def rematch_scope(connection: Connection, device_ids: Iterable[int]) -> dict[int, Identity]:
    """The records that `rematch` compares: the open stretches at the sites of these devices and
    those without a site, and everything that shares a key or a machine with them."""
    c = device_snapshots.c
    requested = load_identities(connection, IS_OPEN, among=set(device_ids))
    sites = {identity.site_id for identity in requested} | {NO_SITE_ID}
    at_sites = load_identities(connection, IS_OPEN, column=c.site_id, among=sites)
    connected = connected_devices(
        connection, {identity.device_id for identity in at_sites}, limit=10**9
    )
    in_scope = load_identities(connection, IS_OPEN, among=connected)
    return {identity.device_id: identity for identity in in_scope}


def write_links(
    connection: Connection,
    assets: MatchResult,
    day: date,
    now: datetime,
    *,
    run_id: int | None = None,
    decided_by: int | None = None,
) -> None:
    """Store the links that a matching ended and began, in the run `run_id` or after the decision
    `decided_by`."""
    for chunk in chunks(assets.ended):
        connection.execute(
            update(asset_links)
            .where(asset_links.c.device_id.in_(chunk), asset_links.c.until == OPEN_END)
            .values(
                # A decision may apply from a day before the link began: the link then has no days.
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
    """Undo what the runs of `source` on `day` did to links; what decisions ended stays ended."""
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
