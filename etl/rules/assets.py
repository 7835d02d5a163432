"""Two records are one machine when, inside one site, their serial numbers are equal and real, or
else their normalised hostnames are equal. What is ambiguous stays apart.

Two different real serials contradict any link.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Set
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

# What makers leave in the field, without spaces and punctuation.
_JUNK_SERIALS = frozenset(
    "none null unknown default defaultstring tobefilledbyoem systemserialnumber serialnumber "
    "notspecified notapplicable notavailable invalid oem na x xxxxxxxx 123456789 1234567890 "
    "0123456789".split()
)


MOST_TWINS = 3
"""How many standing records of one source may share a real serial number."""


class Identity(NamedTuple):
    """What a record tells about which machine it is."""

    device_id: int
    asset_id: int
    source: str
    site_id: int
    hostname: str | None
    serial: str | None


class Link(NamedTuple):
    """`device_id` is the machine `asset_id`: it shares `evidence` with `other_device_id`."""

    device_id: int
    asset_id: int
    other_device_id: int
    method: str
    evidence: str


@lru_cache(maxsize=1 << 17)
def real_serial(serial: str | None) -> str | None:
    """The serial number in comparable form; None for the junk that makers ship."""
    if not serial:
        return None
    text = re.sub(r"[^0-9a-z]", "", serial.casefold())
    if len(text) < 4 or text in _JUNK_SERIALS or text.startswith("vmware") or len(set(text)) == 1:
        return None
    return text


@lru_cache(maxsize=1 << 17)
def host_key(hostname: str | None) -> str | None:
    """A hostname as compared: trimmed, before `|`, before the first dot, case folded."""
    if not hostname:
        return None
    text = hostname.split("|")[0].strip().split(".")[0].strip().casefold()
    return text or None


Key = tuple[int, str]
"""A site, and a serial number or hostname in it."""
KeysOf = Callable[[Iterable[Identity]], Iterable[str | None]]
"""What tells the serial numbers, or the hostnames, of records in their order."""


def find_links(
    mine: Iterable[Identity],
    unlinked: Set[int],
    others: Iterable[Identity],
    former: Iterable[Identity] = (),
) -> list[Link]:
    """Links for the unlinked records of one source, at most one each.

    Args:
        mine: every standing record of the source; of equal ones the first seen comes first.
        unlinked: ids of those that are alone in their asset.
        others: every standing record of the other sources.
        former: records of the source that are gone, whose serial a standing one may bear again.
    """
    standing = {identity.device_id: identity for identity in mine}
    others = list(others)
    links: dict[int, Link] = {}
    for find in (_by_serial, _by_hostname):
        alone = unlinked - links.keys()
        for link in list(find(list(standing.values()), alone, others, former)):
            links[link.device_id] = link
            standing[link.device_id] = standing[link.device_id]._replace(asset_id=link.asset_id)
    return list(links.values())


def _by_serial(
    mine: list[Identity], alone: Set[int], others: list[Identity], former: Iterable[Identity]
) -> Iterator[Link]:
    """Equal real serials: in another source, or in the same one, where the machine was enrolled
    again. Who already answers to somebody decides, then the other sources, then who is gone."""
    wanted = _keys_of(mine, _serials, alone)
    theirs, gone = _by_key(others, _serials, wanted), _by_key(former, _serials, wanted)
    for key, twins in _by_key(mine, _serials, wanted).items():
        # More of them than that is a maker's placeholder that we do not know yet.
        if len(twins) > MOST_TWINS:
            continue
        linked = [twin for twin in twins if twin.device_id not in alone]
        elsewhere, before = theirs.get(key, []), gone.get(key, [])
        if linked:
            target = min(linked, key=_device_id)
        elif _machines(elsewhere) == 1:
            target = min(elsewhere, key=_device_id)
        elif _machines(before) == 1:
            target = min(before, key=_device_id)
        else:
            target = twins[0]
        where = "enrolled again" if target.source == twins[0].source else "at the same site"
        for twin in twins:
            if twin.device_id in alone and twin.asset_id != target.asset_id:
                yield _link(twin, target, "serial", key[1], where)


def _by_hostname(
    mine: list[Identity], alone: Set[int], others: list[Identity], _former: Iterable[Identity]
) -> Iterator[Link]:
    theirs = _by_key(others, _hostnames, _keys_of(mine, _hostnames, alone))
    machines = {identity.asset_id for identity in mine if identity.device_id not in alone}
    for key, group in _by_key(mine, _hostnames, theirs).items():
        if len(group) != 1:
            continue
        found = theirs[key]
        assets = {other.asset_id for other in found}
        sources = [other.source for other in found]
        # A machine that has a record of our source already is not this one.
        if len(assets) != 1 or len(set(sources)) != len(sources) or assets & machines:
            continue
        if not any(contradict(group[0], other) for other in found):
            yield _link(group[0], found[0], "hostname", key[1], "at the same site")


def _link(mine: Identity, other: Identity, method: str, key: str, where: str) -> Link:
    evidence = f"{method} {key} {where}"
    return Link(mine.device_id, other.asset_id, other.device_id, method, evidence[:400])


def contradict(one: Identity, other: Identity) -> bool:
    """Whether two real serial numbers say that these are two machines."""
    first, second = real_serial(one.serial), real_serial(other.serial)
    return first is not None and second is not None and first != second


def _serials(identities: Iterable[Identity]) -> Iterator[str | None]:
    return map(real_serial, map(attrgetter("serial"), identities))


def _hostnames(identities: Iterable[Identity]) -> Iterator[str | None]:
    return map(host_key, map(attrgetter("hostname"), identities))


def _device_id(identity: Identity) -> int:
    return identity.device_id


def _machines(identities: Iterable[Identity]) -> int:
    return len({identity.asset_id for identity in identities})


def _keys_of(mine: list[Identity], keys_of: KeysOf, alone: Set[int]) -> set[Key]:
    """The keys of the records that are alone: a group without one of them begins no link."""
    return {
        (identity.site_id, key)
        for identity, key in zip(mine, keys_of(mine), strict=True)
        if key is not None and identity.device_id in alone
    }


def _by_key(
    identities: Iterable[Identity], keys_of: KeysOf, wanted: Container[Key]
) -> dict[Key, list[Identity]]:
    identities = list(identities)
    groups: dict[Key, list[Identity]] = {}
    for identity, key in zip(identities, keys_of(identities), strict=True):
        if key is not None and (site_and_key := (identity.site_id, key)) in wanted:
            groups.setdefault(site_and_key, []).append(identity)
    return groups
