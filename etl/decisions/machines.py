"""What people decide about machines: which records are one, and which are not (PRODUCT.md rule 12).

A decision holds from the day after the border on. Each is one transaction with its entry in the
audit log, and restates every day after the border.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, and_, func, select, update

from db import jobs
from db.bulk import chunks, insert_many
from db.engine import writing
from db.tables import OPEN_END, asset_links, device_snapshots, devices, kept_apart
from etl.decisions.restate import restate
from etl.decisions.runs import Decider
from etl.machines.identities import distinct_pairs
from etl.rules.evidence import real_serial
from etl.snapshots.apply_decisions import restatement_start
from etl.snapshots.publish import PublishRefused

MANUAL = "manual"
SURE = 100


@dataclass(frozen=True)
class Member:
    """A device of a machine: its standing or newest stretch."""

    device_id: int
    source: str
    name: str
    site_id: int
    serial: str | None
    first_seen: date


def link_devices(by: Decider, device_id: int, other_id: int) -> int:
    """Make the machines of two devices one; the entry's id. All records of the machine that was
    seen later answer to the one that was seen earlier.

    Raises:
        Refused: they are one already, two real serials contradict, or one is not known.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        first = _first(connection)
        one, other = machine_of(connection, device_id), machine_of(connection, other_id)
        if one == other:
            raise PublishRefused("These devices are one machine already.")
        here, there = members(connection, one), members(connection, other)
        _check_serials((*here, *there))
        earlier, later = sorted((one, other), key=lambda root: _age(connection, root))
        moving = here if later == one else there
        pointed = other_id if later == one else device_id
        named = {member.device_id: member.name for member in (*here, *there)}
        entry = by.note(
            connection, jobs.LINK_DEVICES, _pair(named, device_id, other_id),
            device_id=str(device_id), other_device_id=str(other_id),
            before={"machines": [str(one), str(other)]}, after={"machines": [str(earlier)]},
        )  # fmt: skip
        lifted = _lift_apart(connection, here, there)
        if lifted:
            raise PublishRefused(
                "Somebody decided that these are two machines. Undo that decision first, in "
                "Settings, Audit log."
            )
        _end(connection, [member.device_id for member in moving], first, entry)
        evidence = f"{by.actor} said so"
        _begin(by, connection, entry, first, earlier, pointed, moving, evidence)
        ids = {member.device_id for member in (*here, *there)}
        restate(connection, entry, by.clock(), ids)
    return entry


def split_device(by: Decider, device_id: int) -> int:
    """Take a device out of its machine: it is another one than the rest; the entry's id.

    Raises:
        Refused: it is the only record of its machine.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        first = _first(connection)
        root = machine_of(connection, device_id)
        together = members(connection, root)
        rest = [member for member in together if member.device_id != device_id]
        if not rest:
            raise PublishRefused(
                "This device is the only record of its machine: there is nothing to do."
            )
        name = next(member.name for member in together if member.device_id == device_id)
        entry = by.note(
            connection, jobs.SPLIT_DEVICE, name, device_id=str(device_id),
            before={"machine": [str(member.device_id) for member in together]},
            after={"machine": [str(member.device_id) for member in rest]},
        )  # fmt: skip
        _keep_apart(connection, entry, ((device_id, member.device_id) for member in rest))
        if device_id == root:
            _end(connection, [member.device_id for member in rest], first, entry)
            head = min(rest, key=lambda member: (member.first_seen, member.device_id))
            others = [member for member in rest if member != head]
            evidence = f"stayed together when {name} was taken out"[:400]
            _begin(by, connection, entry, first, head.device_id, head.device_id, others, evidence)
        else:
            _end(connection, [device_id], first, entry)
        _restate_sites(by, connection, entry, first, [member.device_id for member in together])
    return entry


def keep_apart(by: Decider, device_id: int, other_id: int) -> int:
    """Write down that two devices are two machines, which no rule may link; the entry's id.

    Raises:
        Refused: they are one machine now, or it is written down already.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        one, other = machine_of(connection, device_id), machine_of(connection, other_id)
        if one == other:
            raise PublishRefused(
                "These devices are one machine now: take one of them out of it instead."
            )
        if (device_id, other_id) in distinct_pairs(connection):
            raise PublishRefused("It is written down already that these are two machines.")
        named = {
            m.device_id: m.name for m in (*members(connection, one), *members(connection, other))
        }
        entry = by.note(
            connection, jobs.KEEP_APART, _pair(named, device_id, other_id),
            device_id=str(device_id), other_device_id=str(other_id),
            before={"kept_apart": False}, after={"kept_apart": True},
        )  # fmt: skip
        _keep_apart(connection, entry, [(device_id, other_id)])
    return entry


def machine_of(connection: Connection, device_id: int) -> int:
    """The machine that a device answers to now, or answered to last.

    Raises:
        Refused: there is no such device.
    """
    c = device_snapshots.c
    found: int | None = connection.scalar(
        select(c.asset_id).where(c.device_id == device_id).order_by(c.valid_from.desc()).limit(1)
    )
    if found is None:
        raise PublishRefused(f"There is no device {device_id}: it may have been purged.")
    return found


def members(connection: Connection, asset_id: int) -> list[Member]:
    """The devices that answer to a machine now, or did when they were last seen."""
    c, newest = device_snapshots.c, device_snapshots.alias("newer").c
    mine = select(c.device_id).where(c.asset_id == asset_id)
    rows = connection.execute(
        select(
            c.device_id, c.source, func.coalesce(c.hostname, c.display_name, devices.c.source_key),
            c.site_id, c.serial, devices.c.first_seen,
        )
        .join(devices, devices.c.device_id == c.device_id)
        .where(
            c.device_id.in_(mine),
            c.asset_id == asset_id,
            ~select(newest.device_id)
            .where(newest.device_id == c.device_id, newest.valid_from > c.valid_from)
            .exists(),
        )
        .order_by(c.device_id)
    )  # fmt: skip
    return [Member(*row) for row in rows]


def devices_of_sites(connection: Connection, first: date, site_ids: Iterable[int]) -> set[int]:
    """The devices that were at one of these sites on any day from `first` on."""
    c = device_snapshots.c
    there = select(c.device_id).where(c.site_id.in_(sorted(site_ids)), c.valid_to > first)
    return set(connection.scalars(there.distinct()))


def _restate_sites(
    by: Decider, connection: Connection, entry: int, first: date, device_ids: Collection[int]
) -> None:
    """Restate these devices, and all at their sites: the rules may link them to one there."""
    c = device_snapshots.c
    here = select(c.site_id).where(c.device_id.in_(sorted(device_ids)), c.valid_to > first)
    ids = devices_of_sites(connection, first, connection.scalars(here.distinct()))
    restate(connection, entry, by.clock(), ids | set(device_ids), match=True)


def _first(connection: Connection) -> date:
    first = restatement_start(connection)
    assert first is not None, "a device has been published"
    return first


def _age(connection: Connection, device_id: int) -> tuple[date, int]:
    seen = connection.scalar(select(devices.c.first_seen).where(devices.c.device_id == device_id))
    return seen or date.min, device_id


def _check_serials(together: Iterable[Member]) -> None:
    serials = {real: member for member in together if (real := real_serial(member.serial))}
    if len(serials) > 1:
        one, other = list(serials.values())[:2]
        raise PublishRefused(
            f"{one.name} ({one.source}) has the serial number {one.serial}, {other.name} "
            f"({other.source}) has {other.serial}: two real serial numbers are two machines. "
            "Correct the number where it is wrong; the next collection brings it."
        )


def _lift_apart(
    connection: Connection, here: Iterable[Member], there: Collection[Member]
) -> list[tuple[int, int]]:
    pairs = distinct_pairs(connection)
    every = ((one.device_id, other.device_id) for one in here for other in there)
    return [pair for pair in every if pair in pairs]


def _pair(named: dict[int, str], one: int, other: int) -> str:
    return f"{named.get(one, one)} and {named.get(other, other)}"[:255]


def _keep_apart(connection: Connection, entry: int, pairs: Iterable[tuple[int, int]]) -> None:
    rows = [
        {"decided_by": entry, "device_id": min(pair), "other_device_id": max(pair)}
        for pair in pairs
    ]
    insert_many(connection, kept_apart, rows)


def _end(connection: Connection, device_ids: Collection[int], first: date, entry: int) -> None:
    """End the links in force of these devices; those after the border never were."""
    c = asset_links.c
    for chunk in chunks(sorted(device_ids)):
        mine = and_(c.device_id.in_(chunk), c.until == OPEN_END)
        connection.execute(
            update(asset_links).where(mine, c.since >= first).values(until=c.since, undone_by=entry)
        )
        connection.execute(
            update(asset_links).where(mine, c.since < first).values(until=first, undone_by=entry)
        )


def _begin(
    by: Decider,
    connection: Connection,
    entry: int,
    first: date,
    asset_id: int,
    other_id: int,
    moving: Iterable[Member],
    evidence: str,
) -> None:
    rows = [
        {
            "device_id": member.device_id,
            "since": first,
            "until": OPEN_END,
            "asset_id": asset_id,
            "other_device_id": other_id,
            "method": MANUAL,
            "evidence": evidence[:400],
            "score": SURE,
            "author": by.actor,
            "created_at": by.clock(),
            "decided_by": entry,
        }
        for member in moving
    ]
    insert_many(connection, asset_links, rows)
