"""Loading what matching compares: the identities of stored records, and the links between them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, select
from sqlalchemy.sql import Select

from db.bulk import rows_where_in as rows_among
from db.tables import OPEN_END, asset_links, device_latest, device_snapshots, devices, kept_apart
from etl.machines.match_keys import devices_with_serials
from etl.records.states import DeviceState
from etl.rules.evidence import Identity, real_serial

_c = device_snapshots.c
_link = asset_links.c
IS_OPEN = _c.valid_to == OPEN_END
_LINKS: Select[Any] = (
    select(
        _link.link_id, _link.device_id, _link.asset_id, _link.method, _link.evidence, _link.author
    )
    .where(_link.until == OPEN_END)
    .order_by(_link.link_id)
)
_IDENTITIES: Select[Any] = select(
    _c.device_id,
    _c.asset_id,
    _c.source,
    _c.site_id,
    _c.hostname,
    _c.serial,
    _c.node_class,
    device_latest.c.macs,
    device_latest.c.last_contact,
    _c.device_type,
).outerjoin(device_latest, device_latest.c.device_id == _c.device_id)


@dataclass
class MatchInput:
    """The records that one matching compares: the present records of one source (of equal ones the
    first seen comes first), those of the other sources, and former records of the source."""

    own: Sequence[Identity]
    others: Sequence[Identity]
    former: Sequence[Identity] = ()

    def unlinked(self) -> set[int]:
        """The records of the source that are the only present record of their own machine."""
        members = Counter([identity.asset_id for identity in (*self.own, *self.others)])
        return {
            identity.device_id
            for identity in self.own
            if identity.asset_id == identity.device_id and members[identity.asset_id] == 1
        }


def load_identities(
    connection: Connection,
    *conditions: ColumnElement[bool],
    column: ColumnElement[int] = _c.device_id,
    among: Collection[int] | None = None,
) -> list[Identity]:
    """The identities of the stretches that meet the conditions.

    Args:
        among: only stretches whose `column` is one of these ids; None: any.
    """
    if among is None:
        return [Identity(*row) for row in connection.execute(_IDENTITIES.where(*conditions)).all()]
    statement = _IDENTITIES.where(*conditions)
    return [Identity(*row) for row in rows_among(connection, statement, column, among)]


def identity_from_state(state: DeviceState, source: str, site_id: int, asset_id: int) -> Identity:
    """The identity of a record that is about to be published."""
    return Identity(
        state.device_id,
        asset_id,
        source,
        site_id,
        state.hostname,
        state.serial,
        state.node_class,
        state.macs,
        state.last_contact,
        state.device_type,
    )


def newest_links(
    connection: Connection, device_ids: Collection[int] | None = None
) -> dict[int, Row[Any]]:
    """The newest link in force of each of these devices and of the devices that they lead to, by
    device; None: of all devices."""
    if device_ids is None:
        return {row.device_id: row for row in connection.execute(_LINKS)}
    links: dict[int, Row[Any]] = {}
    followed, remaining = set[int](), set(device_ids)
    while remaining:
        rows = rows_among(connection, _LINKS, _link.device_id, remaining)
        links.update((row.device_id, row) for row in rows)
        followed |= remaining
        remaining = {row.asset_id for row in links.values()} - followed
    return links


def later_link_targets(connection: Connection, day: date) -> set[int]:
    """The devices that links beginning after `day` lead to, directly or through other links.

    If matching for `day` linked one of them, the chain of links could become a circle on the later
    day. Needed when a source publishes an earlier day than another source already has.
    """
    later = select(_link.asset_id).where(_link.since > day, _link.until > _link.since)
    remaining = set(connection.scalars(later))
    targets: set[int] = set()
    while remaining:
        targets |= remaining
        next_link = select(_link.asset_id).where(_link.until > day, _link.until > _link.since)
        onwards = rows_among(connection, next_link, _link.device_id, remaining)
        remaining = {asset_id for (asset_id,) in onwards} - targets
    return targets


class LinkTarget(Protocol):
    """What `follow_links` needs of a link."""

    @property
    def link_id(self) -> int: ...
    @property
    def asset_id(self) -> int: ...


_L = TypeVar("_L", bound=LinkTarget)


def follow_links(device_id: int, link_of: Callable[[int], _L | None]) -> list[_L]:
    """The chain of links from a device: its link, the link of the device that this one leads to,
    and so on. The asset id of the last one is the device's machine.

    Links may form a circle: when a decision reverses a link that a run has ended since, both are in
    force on the days in between. The oldest link of the circle is then ignored, as the others were
    made with knowledge of it.
    """
    chain: list[_L] = []
    while (link := link_of(device_id)) is not None:
        if link in chain:
            circle = chain[chain.index(link) :]
            return chain[: chain.index(min(circle, key=attrgetter("link_id")))]
        chain.append(link)
        device_id = link.asset_id
    return chain


def distinct_pairs(connection: Connection) -> set[tuple[int, int]]:
    """Pairs of devices that a person declared to be two machines, in both orders."""
    rows = connection.execute(select(kept_apart.c.device_id, kept_apart.c.other_device_id)).all()
    return {pair for first, second in rows for pair in ((first, second), (second, first))}


def sort_by_first_seen(connection: Connection, own: Iterable[Identity]) -> list[Identity]:
    """The records of one source; those that share a serial number in the order in which they were
    first seen (new ones last, then by id)."""
    own = list(own)
    serials = {
        identity.device_id: serial for identity in own if (serial := real_serial(identity.serial))
    }
    counts = Counter(serials.values())
    shared = [device_id for device_id, serial in serials.items() if counts[serial] > 1]
    if not shared:
        return own
    d = devices.c
    rows = rows_among(connection, select(d.device_id, d.first_seen), d.device_id, shared)
    first_seen: dict[int, date] = {device_id: day for device_id, day in rows}
    return sorted(
        own, key=lambda identity: (first_seen.get(identity.device_id, date.max), identity.device_id)
    )


def former_identities(
    connection: Connection, source: str, new: Iterable[DeviceState], present: Collection[int]
) -> list[Identity]:
    """Former records of the source that had the serial number of a new one, however it was spelt,
    with their last state that had it and their present machine."""
    serials = {serial for state in new if (serial := real_serial(state.serial))}
    holders = devices_with_serials(connection, serials) - set(present)
    newest: dict[int, tuple[date, Identity]] = {}
    statement = _IDENTITIES.add_columns(_c.valid_from).where(_c.source == source)
    for *values, valid_from in rows_among(connection, statement, _c.device_id, holders):
        identity = Identity(*values)
        if real_serial(identity.serial) not in serials:
            continue
        known = newest.get(identity.device_id)
        if known is None or known[0] < valid_from:
            newest[identity.device_id] = (valid_from, identity)
    links = newest_links(connection, newest)
    return [
        identity._replace(asset_id=chain[-1].asset_id if chain else identity.device_id)
        for _, (_, identity) in sorted(newest.items())
        for chain in (follow_links(identity.device_id, links.get),)
    ]
