"""Decisions about machines: link two, split one, keep two apart (docs/rules.md, 12).

A decision applies to every day after the newest closed month. It is one transaction, which writes
an entry to the audit log and restates those days.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, and_, case, delete, func, insert, select, update

from db import audit
from db.bulk import chunks, insert_many
from db.decisions import KeepApart, LinkDevices, SplitDevice
from db.engine import writing
from db.tables import OPEN_END, asset_links, device_snapshots, devices, kept_apart
from etl.decisions.registry import DecisionContext, DecisionRefused, Reversal, handles, undoes
from etl.decisions.restate import restate
from etl.machines.identities import distinct_pairs
from etl.rules.evidence import real_serial
from etl.snapshots.apply_decisions import restatement_start

MANUAL = "manual"
MANUAL_SCORE = 100


@handles(LinkDevices)
def _link_devices(context: DecisionContext, decision: LinkDevices) -> str:
    link_devices(context, decision.device_id, decision.other_device_id)
    return "They are one machine, from the day after the newest closed month on."


@handles(SplitDevice)
def _split_device(context: DecisionContext, decision: SplitDevice) -> str:
    split_device(context, decision.device_id)
    return "It is a machine of its own, from the day after the newest closed month on."


@handles(KeepApart)
def _keep_apart(context: DecisionContext, decision: KeepApart) -> str:
    keep_apart(context, decision.device_id, decision.other_device_id)
    return "They are two machines, and no rule will link them."


@dataclass(frozen=True)
class Member:
    """A device of a machine, as of its newest stretch."""

    device_id: int
    source: str
    name: str
    site_id: int
    serial: str | None
    first_seen: date


def link_devices(context: DecisionContext, device_id: int, other_id: int) -> int:
    """Make the machines of two devices one: link all records of the machine that was first seen
    later to the machine that was first seen earlier. Returns the id of the audit log's entry.

    Raises:
        DecisionRefused: they are one machine already, their serial numbers contradict each other,
            somebody decided that they are two machines, or a device does not exist.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        first = _first_day(connection)
        machine, other = machine_of(connection, device_id), machine_of(connection, other_id)
        if machine == other:
            raise DecisionRefused("These devices are one machine already.")
        records, other_records = members(connection, machine), members(connection, other)
        together = (*records, *other_records)
        _check_serials(together)
        earlier, later = sorted((machine, other), key=lambda each: _first_seen(connection, each))
        moving = records if later == machine else other_records
        linked_to = other_id if later == machine else device_id
        entry = context.write_entry(
            connection,
            LinkDevices,
            _names(together, device_id, other_id),
            device_id=str(device_id),
            other_device_id=str(other_id),
            before={"machines": [str(machine), str(other)]},
            after={"machines": [str(earlier)]},
        )
        pairs = distinct_pairs(connection)
        if any((a.device_id, b.device_id) in pairs for a in records for b in other_records):
            raise DecisionRefused(
                "Somebody decided that these are two machines. Undo that decision first, in "
                "Settings, Audit log."
            )
        _end_links(connection, [member.device_id for member in moving], first, entry)
        evidence = f"{context.actor} said so"
        _insert_links(context, connection, entry, first, earlier, linked_to, moving, evidence)
        restate(connection, entry, context.clock(), {member.device_id for member in together})
    return entry


def split_device(context: DecisionContext, device_id: int) -> int:
    """Take a device out of its machine, and keep it apart from the rest. Returns the id of the
    audit log's entry.

    Raises:
        DecisionRefused: it is the only record of its machine.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        first = _first_day(connection)
        root = machine_of(connection, device_id)
        together = members(connection, root)
        rest = [member for member in together if member.device_id != device_id]
        if not rest:
            raise DecisionRefused(
                "This device is the only record of its machine: there is nothing to do."
            )
        name = next(member.name for member in together if member.device_id == device_id)
        entry = context.write_entry(
            connection,
            SplitDevice,
            name,
            device_id=str(device_id),
            before={"machine": [str(member.device_id) for member in together]},
            after={"machine": [str(member.device_id) for member in rest]},
        )
        _insert_kept_apart(connection, entry, ((device_id, member.device_id) for member in rest))
        if device_id == root:
            _end_links(connection, [member.device_id for member in rest], first, entry)
            head = min(rest, key=lambda member: (member.first_seen, member.device_id))
            others = [member for member in rest if member != head]
            evidence = f"stayed together when {name} was taken out"[:400]
            head_id = head.device_id
            _insert_links(context, connection, entry, first, head_id, head_id, others, evidence)
        else:
            _end_links(connection, [device_id], first, entry)
        ids = {member.device_id for member in together}
        # The rules may now link them with other records of their sites.
        c = device_snapshots.c
        places = select(c.site_id).where(c.device_id.in_(sorted(ids)), c.valid_to > first)
        ids |= devices_of_sites(connection, first, connection.scalars(places.distinct()))
        restate(connection, entry, context.clock(), ids, match=True)
    return entry


def keep_apart(context: DecisionContext, device_id: int, other_id: int) -> int:
    """Record that two devices are two machines, which no rule may link. Returns the id of the audit
    log's entry.

    Raises:
        DecisionRefused: they are one machine now, or kept apart already.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        machine, other = machine_of(connection, device_id), machine_of(connection, other_id)
        if machine == other:
            raise DecisionRefused(
                "These devices are one machine now: take one of them out of it instead."
            )
        if (device_id, other_id) in distinct_pairs(connection):
            raise DecisionRefused("These are recorded as two machines already.")
        records = (*members(connection, machine), *members(connection, other))
        entry = context.write_entry(
            connection,
            KeepApart,
            _names(records, device_id, other_id),
            device_id=str(device_id),
            other_device_id=str(other_id),
            before={"kept_apart": False},
            after={"kept_apart": True},
        )
        _insert_kept_apart(connection, entry, [(device_id, other_id)])
    return entry


def machine_of(connection: Connection, device_id: int) -> int:
    """The machine that a device belongs to now, or belonged to last.

    Raises:
        DecisionRefused: there is no such device.
    """
    c = device_snapshots.c
    asset_id: int | None = connection.scalar(
        select(c.asset_id).where(c.device_id == device_id).order_by(c.valid_from.desc()).limit(1)
    )
    if asset_id is None:
        raise DecisionRefused(f"There is no device {device_id}: its days may no longer be kept.")
    return asset_id


def members(connection: Connection, asset_id: int) -> list[Member]:
    """The devices that belong to a machine now, or did when they were last seen."""
    c, newer = device_snapshots.c, device_snapshots.alias("newer").c
    of_machine = select(c.device_id).where(c.asset_id == asset_id)
    rows = connection.execute(
        select(
            c.device_id,
            c.source,
            func.coalesce(c.hostname, c.display_name, devices.c.source_key),
            c.site_id,
            c.serial,
            devices.c.first_seen,
        )
        .join(devices, devices.c.device_id == c.device_id)
        .where(
            c.device_id.in_(of_machine),
            c.asset_id == asset_id,
            ~select(newer.device_id)
            .where(newer.device_id == c.device_id, newer.valid_from > c.valid_from)
            .exists(),
        )
        .order_by(c.device_id)
    )
    return [Member(*row) for row in rows]


def devices_of_sites(connection: Connection, first: date, site_ids: Iterable[int]) -> set[int]:
    """The devices that were at one of these sites on any day from `first` on."""
    c = device_snapshots.c
    at_sites = select(c.device_id).where(c.site_id.in_(sorted(site_ids)), c.valid_to > first)
    return set(connection.scalars(at_sites.distinct()))


def _first_day(connection: Connection) -> date:
    first = restatement_start(connection)
    assert first is not None, "a device has been published"
    return first


def _first_seen(connection: Connection, device_id: int) -> tuple[date, int]:
    day = connection.scalar(select(devices.c.first_seen).where(devices.c.device_id == device_id))
    return day or date.min, device_id


def _check_serials(records: Iterable[Member]) -> None:
    serials = {serial: member for member in records if (serial := real_serial(member.serial))}
    if len(serials) > 1:
        first, second = list(serials.values())[:2]
        raise DecisionRefused(
            f"{first.name} ({first.source}) has the serial number {first.serial}, {second.name} "
            f"({second.source}) has {second.serial}: two real serial numbers are two machines. "
            "Correct the number where it is wrong; the next collection brings it."
        )


def _names(records: Iterable[Member], device_id: int, other_id: int) -> str:
    names = {member.device_id: member.name for member in records}
    return f"{names.get(device_id, device_id)} and {names.get(other_id, other_id)}"[:255]


def _insert_kept_apart(
    connection: Connection, entry: int, pairs: Iterable[tuple[int, int]]
) -> None:
    rows = [
        {"decided_by": entry, "device_id": min(pair), "other_device_id": max(pair)}
        for pair in pairs
    ]
    insert_many(connection, kept_apart, rows)


def _end_links(
    connection: Connection, device_ids: Collection[int], first: date, entry: int
) -> None:
    """End the open links of these devices on `first`. A link that began later gets no days."""
    c = asset_links.c
    for chunk in chunks(sorted(device_ids)):
        links = update(asset_links).where(c.device_id.in_(chunk), c.until == OPEN_END)
        connection.execute(links.where(c.since >= first).values(until=c.since, undone_by=entry))
        connection.execute(links.where(c.since < first).values(until=first, undone_by=entry))


def _insert_links(
    context: DecisionContext,
    connection: Connection,
    entry: int,
    first: date,
    asset_id: int,
    other_id: int,
    records: Iterable[Member],
    evidence: str,
) -> None:
    """Link records to the machine `asset_id` from `first` on. `other_id` is stored
    with each link as the device that it leads to."""
    rows = [
        {
            "device_id": member.device_id,
            "since": first,
            "until": OPEN_END,
            "asset_id": asset_id,
            "other_device_id": other_id,
            "method": MANUAL,
            "evidence": evidence[:400],
            "score": MANUAL_SCORE,
            "author": context.actor,
            "created_at": context.clock(),
            "decided_by": entry,
        }
        for member in records
    ]
    insert_many(connection, asset_links, rows)


@undoes(LinkDevices, SplitDevice, KeepApart)
def _undo(context: DecisionContext, reversal: Reversal) -> None:
    connection = reversal.connection
    ids = undo_links(context, reversal, _first_day(connection))
    connection.execute(delete(kept_apart).where(kept_apart.c.decided_by == reversal.undone_entry))
    restate(connection, reversal.entry, context.clock(), ids)


def undo_links(context: DecisionContext, reversal: Reversal, first: date) -> set[int]:
    """End the links that the undone decision began, and restore those that it ended. Returns the
    devices of both.

    Raises:
        DecisionRefused: a later decision links one of the devices otherwise.
    """
    c, connection = asset_links.c, reversal.connection
    end = case((c.since < first, first), else_=c.since)
    # Links that are open, and links that a run ended on a day from `first` on.
    begun = and_(c.decided_by == reversal.undone_entry, c.until > end)
    of_ended = c.undone_by == reversal.undone_entry
    ended = connection.execute(select(asset_links).where(of_ended).order_by(c.link_id)).all()
    ids = {*connection.scalars(select(c.device_id).where(begun)), *(row.device_id for row in ended)}
    connection.execute(update(asset_links).where(begun).values(until=end, undone_by=reversal.entry))
    for link in ended:
        if link.decided_by is not None and audit.is_undone(connection, link.decided_by):
            continue
        open_link = select(c.link_id).where(c.device_id == link.device_id, c.until == OPEN_END)
        if connection.execute(open_link).first():
            raise DecisionRefused(
                "A later decision links these devices otherwise. Undo that one first."
            )
        if link.until >= first:
            reopened = {"until": OPEN_END, "undone_by": None}
            connection.execute(
                update(asset_links).where(c.link_id == link.link_id).values(reopened)
            )
        else:
            # Closed months must not change: the link stays ended, and a new one begins after them.
            values = {name: value for name, value in link._mapping.items() if name != "link_id"}
            values |= {
                "since": first,
                "until": OPEN_END,
                "undone_by": None,
                "decided_by": reversal.entry,
                "opened_by": None,
                "created_at": context.clock(),
            }
            connection.execute(insert(asset_links).values(values))
    return ids
