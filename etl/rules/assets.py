"""Two records are one machine when, inside one site, their serial numbers are equal and real, or
else their normalised hostnames are equal. What is ambiguous stays apart.

Two different real serials contradict any link.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, replace
from functools import lru_cache

# What makers leave in the field, without spaces and punctuation.
_JUNK_SERIALS = frozenset(
    "none null unknown default defaultstring tobefilledbyoem systemserialnumber serialnumber "
    "notspecified notapplicable notavailable invalid oem na x xxxxxxxx 123456789 1234567890 "
    "0123456789".split()
)


MOST_TWINS = 3
"""How many standing records of one source may share a real serial number."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a record tells about which machine it is."""

    device_id: int
    asset_id: int
    source: str
    site_id: int
    hostname: str | None
    serial: str | None


@dataclass(frozen=True, slots=True)
class Link:
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


def find_links(
    mine: Iterable[Identity],
    unlinked: Set[int],
    others: Iterable[Identity],
    former: Iterable[Identity] = (),
) -> list[Link]:
    """Links for the unlinked records of one source, at most one each.

    Args:
        mine: every standing record of the source.
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
            standing[link.device_id] = replace(standing[link.device_id], asset_id=link.asset_id)
    return list(links.values())


def _by_serial(
    mine: list[Identity], alone: Set[int], others: list[Identity], former: Iterable[Identity]
) -> Iterator[Link]:
    """Equal real serials: in another source, or in the same one, where the machine was enrolled
    again. Who already answers to somebody decides, then the other sources, then who is gone."""
    theirs, gone = _by_site_and_key(others, _serial), _by_site_and_key(former, _serial)
    for key, twins in _by_site_and_key(mine, _serial).items():
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
            target = min(twins, key=_device_id)
        where = "enrolled again" if target.source == twins[0].source else "at the same site"
        for twin in twins:
            if twin.device_id in alone and twin.asset_id != target.asset_id:
                yield _link(twin, target, "serial", key[1], where)


def _by_hostname(
    mine: list[Identity], alone: Set[int], others: list[Identity], _former: Iterable[Identity]
) -> Iterator[Link]:
    ours, theirs = _by_site_and_key(mine, _hostname), _by_site_and_key(others, _hostname)
    machines = {identity.asset_id for identity in mine if identity.device_id not in alone}
    for key, group in ours.items():
        if len(group) != 1 or group[0].device_id not in alone:
            continue
        found = theirs.get(key, [])
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


def _serial(identity: Identity) -> str | None:
    return real_serial(identity.serial)


def _hostname(identity: Identity) -> str | None:
    return host_key(identity.hostname)


def _device_id(identity: Identity) -> int:
    return identity.device_id


def _machines(identities: Iterable[Identity]) -> int:
    return len({identity.asset_id for identity in identities})


def _by_site_and_key(
    identities: Iterable[Identity], key_of: Callable[[Identity], str | None]
) -> dict[tuple[int, str], list[Identity]]:
    groups: dict[tuple[int, str], list[Identity]] = defaultdict(list)
    for identity in identities:
        key = key_of(identity)
        if key is not None:
            groups[identity.site_id, key].append(identity)
    return groups
