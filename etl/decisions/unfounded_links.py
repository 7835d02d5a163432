"""Ending links that the rules made by what is no evidence any more (`etl.rules.past_links`): once
after an upgrade to another version of `etl.rules.evidence`.

Such links end on the first day after the newest closed month; each gets an entry in the audit log.
A record whose own evidence leads to one that leaves the machine goes with it, and the rules match
all of them again. Links that persons made stand.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, bindparam, case, func, select, update

from db import audit
from db.bulk import chunks, insert_many, rows_where_in, upsert
from db.decisions import UNDO_UNFOUNDED_LINKS
from db.engine import writing
from db.tables import OPEN_END, asset_links, device_latest, device_snapshots, devices, meta
from etl.decisions.restate import restate
from etl.machines.identities import follow_links
from etl.machines.links import AUTOMATIC
from etl.rules.evidence import VERSION
from etl.rules.past_links import NamedRecord, PastLink, why_unfounded
from etl.runtime.lease import Lease
from etl.snapshots.apply_decisions import restatement_start

META_NAME = "evidence"
"""The entry of `meta` that holds the version of the rules by which all links were examined."""

AT_ONCE = 2000
"""Links whose records are loaded together."""

_c = asset_links.c


def undo_unfounded_links(engine: Engine, lease: Lease, now: datetime) -> int:
    """End the links without evidence, unless this version of the rules did so already; how many."""
    with writing(engine) as connection:
        lease.hold(connection)
        examined = select(meta.c.value).where(meta.c.name == META_NAME)
        if connection.scalar(examined) == str(VERSION):
            return 0
        first = restatement_start(connection)
        ended = 0 if first is None else _undo(connection, first, now)
        upsert(connection, meta, [{"name": META_NAME, "value": str(VERSION)}])
    return ended


class _Edge(NamedTuple):
    """A record that is one machine with `parent` by the evidence of `link`; None: the head of its
    machine."""

    device_id: int
    parent: int | None
    link: Row[Any] | None


def _undo(connection: Connection, first: date, now: datetime) -> int:
    unfounded = {link.link_id: (link, why) for link, why in _unfounded(connection, first)}
    if not unfounded:
        return 0
    entries = _write_entries(connection, list(unfounded.values()), now)
    entry = max(entries.values())
    if len(entries) > 1:
        detail = {"links": len(entries), "entries": [str(each) for each in entries.values()]}
        entry = audit.write_entry(
            connection,
            audit.AUTOMATIC,
            UNDO_UNFOUNDED_LINKS,
            f"{len(entries)} links",
            now,
            detail,
        )
    open_links = select(asset_links).where(_c.until == OPEN_END).order_by(_c.link_id)
    in_force = {link.device_id: link for link in connection.execute(open_links)}
    affected = {link.device_id for link, _ in unfounded.values()}
    ended, begun = dict(entries), list[dict[str, Any]]()
    for root, members in _machines(in_force, affected):
        affected |= members
        for component in _components(members, root, in_force, unfounded.keys()):
            head = _head(connection, component, root)
            for edge in _tree(component, head):
                chain = follow_links(edge.device_id, in_force.get)
                leads_to = chain[-1].asset_id if chain else edge.device_id
                if leads_to == head and not any(link.link_id in unfounded for link in chain):
                    continue
                if chain and chain[0].link_id not in ended:
                    ended[chain[0].link_id] = entry
                if edge.link is not None:
                    begun.append(_direct_link(edge, head, first, entry, now))
    _end_links(connection, ended, first)
    insert_many(connection, asset_links, begun)
    restate(connection, entry, now, affected, match=True)
    return len(unfounded)


def _unfounded(connection: Connection, first: date) -> Iterator[tuple[Row[Any], str]]:
    """The links by rule that are in force on `first` or later although their evidence is none, each
    with the reason."""
    by_rule = select(asset_links).where(
        _c.author == AUTOMATIC, _c.until > first, _c.until > _c.since
    )
    links = list(connection.execute(by_rule.order_by(_c.link_id)))
    for start in range(0, len(links), AT_ONCE):
        part = links[start : start + AT_ONCE]
        named = {
            device_id
            for link in part
            if link.method in ("hostname", "prefix")
            for device_id in (link.device_id, link.other_device_id)
        }
        stretches = _stretches(connection, named)
        with_macs = {
            device_id
            for link in part
            if link.method == "mac"
            for device_id in (link.device_id, link.other_device_id)
        }
        latest = select(device_latest.c.device_id, device_latest.c.macs)
        rows = rows_where_in(connection, latest, device_latest.c.device_id, with_macs)
        macs = {device_id: text for device_id, text in rows}
        for link in part:
            why = why_unfounded(
                PastLink(
                    link.method,
                    link.evidence,
                    _record_on(stretches[link.device_id], link.since),
                    _record_on(stretches[link.other_device_id], link.since),
                    macs.get(link.device_id),
                    macs.get(link.other_device_id),
                )
            )
            if why is not None:
                yield link, why


_Stretches = list[tuple[date, NamedRecord]]


def _stretches(connection: Connection, device_ids: Collection[int]) -> dict[int, _Stretches]:
    """The days on which stretches end, oldest first, with what they say, by device."""
    c = device_snapshots.c
    stretches: dict[int, _Stretches] = defaultdict(list)
    columns = select(c.device_id, c.valid_to, c.hostname, c.device_type)
    for device_id, valid_to, *record in rows_where_in(connection, columns, c.device_id, device_ids):
        stretches[device_id].append((valid_to, NamedRecord(*record)))
    for of_device in stretches.values():
        of_device.sort(key=lambda stretch: stretch[0])
    return stretches


def _record_on(stretches: _Stretches, day: date) -> NamedRecord | None:
    """A record on a day; if that is not kept, as it was next."""
    return next((record for valid_to, record in stretches if valid_to > day), None)


def _write_entries(
    connection: Connection, unfounded: Collection[tuple[Row[Any], str]], now: datetime
) -> dict[int, int]:
    """Write an entry of the audit log for each link; their ids by link."""
    ids = {id for link, _ in unfounded for id in (link.device_id, link.other_device_id)}
    names = _names(connection, ids)
    entries = {}
    for link, why in unfounded:
        subject = " and ".join(
            names.get(id, str(id)) for id in (link.device_id, link.other_device_id)
        )
        detail = {
            "device_id": str(link.device_id),
            "other_device_id": str(link.other_device_id),
            "method": link.method,
            "evidence": link.evidence,
            "because": why,
            "linked_since": link.since.isoformat(),
        }
        entries[link.link_id] = audit.write_entry(
            connection, audit.AUTOMATIC, UNDO_UNFOUNDED_LINKS, subject[:255], now, detail
        )
    return entries


def _names(connection: Connection, device_ids: Iterable[int]) -> dict[int, str]:
    """The newest name of each device: hostname, else display name, else key."""
    c = device_snapshots.c
    statement = (
        select(
            c.device_id,
            c.valid_from,
            func.coalesce(c.hostname, c.display_name, devices.c.source_key),
        )
        .join(devices, devices.c.device_id == c.device_id)
        .order_by(c.valid_from)
    )
    rows = rows_where_in(connection, statement, c.device_id, device_ids)
    return {device_id: name for device_id, _, name in rows}


def _machines(
    in_force: Mapping[int, Row[Any]], device_ids: Collection[int]
) -> Iterator[tuple[int, set[int]]]:
    """The machines that these devices belong to by the links in force: the device at the end of the
    chains, and all devices whose chains end there."""
    root_of = {}
    for device_id in in_force:
        chain = follow_links(device_id, in_force.get)
        root_of[device_id] = chain[-1].asset_id if chain else device_id
    roots = {root_of[device_id] for device_id in device_ids if device_id in root_of}
    machines: dict[int, set[int]] = {root: {root} for root in sorted(roots)}
    for device_id, root in root_of.items():
        if root in machines:
            machines[root].add(device_id)
    yield from machines.items()


_Neighbours = dict[int, list[tuple[int, Row[Any]]]]


def _components(
    members: set[int],
    root: int,
    in_force: Mapping[int, Row[Any]],
    unfounded: Collection[int],
) -> Iterator[_Neighbours]:
    """The parts into which a machine falls without its unfounded links: for each device of a part
    those that it is linked with by evidence, and the links."""
    neighbours: _Neighbours = {device_id: [] for device_id in sorted(members)}
    for device_id in sorted(members):
        link = in_force.get(device_id)
        if link is None or link.link_id in unfounded or device_id == root:
            continue
        # The record with the evidence may have left the machine since: the link stands.
        other = link.other_device_id if link.other_device_id in members else link.asset_id
        if other in members and other != device_id:
            neighbours[device_id].append((other, link))
            neighbours[other].append((device_id, link))
    remaining = set(members)
    while remaining:
        part, fresh = set[int](), [min(remaining)]
        while fresh:
            device_id = fresh.pop()
            if device_id not in part:
                part.add(device_id)
                fresh += [other for other, _ in neighbours[device_id]]
        remaining -= part
        yield {device_id: neighbours[device_id] for device_id in sorted(part)}


def _head(connection: Connection, component: _Neighbours, root: int) -> int:
    """The device that the others of a part answer to: that of the machine, else the one that was
    seen first."""
    if root in component:
        return root
    d = devices.c
    rows = rows_where_in(connection, select(d.first_seen, d.device_id), d.device_id, component)
    head: int = min(tuple(row) for row in rows)[1]
    return head


def _tree(component: _Neighbours, head: int) -> Iterator[_Edge]:
    """The devices of a part from its head on, each with the one through which it is connected."""
    seen, edges = {head}, [_Edge(head, None, None)]
    for edge in edges:
        yield edge
        for other, link in component[edge.device_id]:
            if other not in seen:
                seen.add(other)
                edges.append(_Edge(other, edge.device_id, link))


def _direct_link(edge: _Edge, head: int, first: date, entry: int, now: datetime) -> dict[str, Any]:
    """A link of a device to its head, with the evidence that it has for it. What a person said
    stays that person's."""
    assert edge.link is not None
    values = {name: value for name, value in edge.link._mapping.items() if name != "link_id"}
    by_rule = edge.link.author == AUTOMATIC
    return values | {
        "device_id": edge.device_id,
        "asset_id": head,
        "other_device_id": edge.parent,
        "since": max(first, edge.link.since),
        "until": OPEN_END,
        "created_at": now if by_rule else edge.link.created_at,
        "opened_by": None,
        "closed_by": None,
        "decided_by": entry if by_rule else edge.link.decided_by,
        "undone_by": None,
    }


def _end_links(connection: Connection, entries: Mapping[int, int], first: date) -> None:
    """End links on `first`, by the entries of the audit log. A link that began later gets no
    days."""
    ending = (
        update(asset_links)
        .where(_c.link_id == bindparam("ended_link"))
        .values(
            until=case((_c.since > first, _c.since), else_=first),
            undone_by=bindparam("ended_by"),
        )
    )
    rows = [{"ended_link": link_id, "ended_by": entry} for link_id, entry in entries.items()]
    for chunk in chunks(rows):
        connection.execute(ending, chunk)
