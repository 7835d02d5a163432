"""The identities of stored records: what the rules of matching look at."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, select
from sqlalchemy.sql import Select

from db.bulk import chunks
from db.bulk import rows_where_in as rows_among
from db.tables import OPEN_END, asset_links, device_latest, device_snapshots, devices, kept_apart
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
    _c.device_id, _c.asset_id, _c.source, _c.site_id, _c.hostname, _c.serial, _c.node_class,
    device_latest.c.macs, device_latest.c.last_contact,
).outerjoin(device_latest, device_latest.c.device_id == _c.device_id)  # fmt: skip


@dataclass
class MatchInput:
    """The standing records of one source, the first seen of equal ones first, those of the others,
    and records of the source that are gone."""

    own: Sequence[Identity]
    others: Sequence[Identity]
    former: Sequence[Identity] = ()

    def unlinked(self) -> set[int]:
        """The records of the source to whose machine no other standing record answers."""
        company = Counter([identity.asset_id for identity in (*self.own, *self.others)])
        return {
            identity.device_id
            for identity in self.own
            if identity.asset_id == identity.device_id and company[identity.asset_id] == 1
        }


def load_identities(
    connection: Connection,
    *conditions: ColumnElement[bool],
    column: ColumnElement[int] = _c.device_id,
    among: Collection[int] | None = None,
) -> list[Identity]:
    """The stretches that meet the conditions, of those whose `column` is `among` some ids."""
    if among is None:
        return [Identity(*row) for row in connection.execute(_IDENTITIES.where(*conditions)).all()]
    statement = _IDENTITIES.where(*conditions)
    return [Identity(*row) for row in rows_among(connection, statement, column, among)]


def identity_from_state(state: DeviceState, source: str, site_id: int, asset_id: int) -> Identity:
    """What a state tells about its machine."""
    return Identity(
        state.device_id, asset_id, source, site_id, state.hostname, state.serial,
        state.node_class, state.macs, state.last_contact,
    )  # fmt: skip


def newest_links(
    connection: Connection, device_ids: Collection[int] | None = None
) -> dict[int, Row[Any]]:
    """The newest link of each of these devices and of whom they answer to; None: of all."""
    if device_ids is None:
        return {row.device_id: row for row in connection.execute(_LINKS)}
    found: dict[int, Row[Any]] = {}
    asked, wanted = set[int](), set(device_ids)
    while wanted:
        rows = rows_among(connection, _LINKS, _link.device_id, wanted)
        found.update((row.device_id, row) for row in rows)
        asked |= wanted
        wanted = {row.asset_id for row in found.values()} - asked
    return found


def later_link_targets(connection: Connection, day: date) -> set[int]:
    """The devices that links which begin after `day` make answers lead to: were one of them linked
    on `day`, the answers could lead in a circle from the later day on."""
    later = select(_link.asset_id).where(_link.since > day, _link.until > _link.since)
    wanted = set(connection.scalars(later))
    found: set[int] = set()
    while wanted:
        found |= wanted
        named = select(_link.asset_id).where(_link.until > day, _link.until > _link.since)
        onwards = rows_among(connection, named, _link.device_id, wanted)
        wanted = {asset_id for (asset_id,) in onwards} - found
    return found


class LinkTarget(Protocol):
    """A link, as far as following it needs."""

    @property
    def link_id(self) -> int: ...
    @property
    def asset_id(self) -> int: ...


_L = TypeVar("_L", bound=LinkTarget)


def follow_links(device_id: int, link_of: Callable[[int], _L | None]) -> list[_L]:
    """A device's link, that of the device which it names, and so on; the last names its machine.

    A decision may turn around a link that a run ended: on the days in between both are in force,
    and lead in a circle. The oldest link of a circle then is void, for the newer ones came after
    it.
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
    """Pairs of devices that somebody said are two machines, both ways round."""
    rows = connection.execute(select(kept_apart.c.device_id, kept_apart.c.other_device_id)).all()
    return {pair for one, other in rows for pair in ((one, other), (other, one))}


def sort_by_first_seen(connection: Connection, mine: Iterable[Identity]) -> list[Identity]:
    """The records of one source, those that share a serial in the order they were first seen; new
    ones last, equal ones by id."""
    mine = list(mine)
    serials = {m.device_id: serial for m in mine if (serial := real_serial(m.serial))}
    bearers = Counter(serials.values())
    twins = [device_id for device_id, serial in serials.items() if bearers[serial] > 1]
    if not twins:
        return mine
    d = devices.c
    rows = rows_among(connection, select(d.device_id, d.first_seen), d.device_id, twins)
    first_seen: dict[int, date] = {device_id: day for device_id, day in rows}
    return sorted(mine, key=lambda m: (first_seen.get(m.device_id, date.max), m.device_id))


def former_identities(
    connection: Connection, source: str, new: Iterable[DeviceState], standing: Collection[int]
) -> list[Identity]:
    """Records of the source that are gone and bore the serial of a new one."""
    wanted = {state.serial for state in new if real_serial(state.serial)}
    newest: dict[int, tuple[date, Identity]] = {}
    for chunk in chunks(sorted(serial for serial in wanted if serial)):
        # Not by their source: a database would look through all of its records for the serials.
        statement = _IDENTITIES.add_columns(_c.valid_from).where(_c.serial.in_(chunk))
        for *values, valid_from in connection.execute(statement):
            identity = Identity(*values)
            if identity.source != source or identity.device_id in standing:
                continue
            kept = newest.get(identity.device_id)
            if kept is None or kept[0] < valid_from:
                newest[identity.device_id] = (valid_from, identity)
    links = newest_links(connection, newest)
    return [
        identity._replace(asset_id=chain[-1].asset_id if chain else identity.device_id)
        for _, identity in newest.values()
        for chain in (follow_links(identity.device_id, links.get),)
    ]
