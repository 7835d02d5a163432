"""The standing records of a fleet while links begin for those of one source: who bears which key,
and which machine each record answers to by now."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import combinations
from operator import attrgetter
from typing import NamedTuple

from etl.rules.evidence import (
    MAX_SAME_SERIAL,
    NO_SITE,
    Identity,
    both_active,
    host_key,
    prefix_key,
    real_serial,
    serials_contradict,
)
from etl.rules.macs import split_macs

SCORES = {"serial": 98, "mac": 95, "hostname": 90, "prefix": 75}
"""How sure a link of each method is, of 100."""

Groups = Iterator[list[Identity]]
Scope = Callable[[list[Identity]], Groups]
"""Which bearers of one key are looked at together."""


class Link(NamedTuple):
    """`device_id` is the machine `asset_id`: it shares `evidence` with `other_device_id`."""

    device_id: int
    asset_id: int
    other_device_id: int
    method: str
    evidence: str

    @property
    def score(self) -> int:
        """How sure it is, of 100."""
        return SCORES[self.method]


class Proposal(NamedTuple):
    """A link that a rule would begin. `twins`: the machine may have records of the same source,
    any (None), or those with these ids only."""

    device_id: int
    other_device_id: int
    method: str
    evidence: str
    twins: Set[int] | None = frozenset()


def in_site(bearers: list[Identity]) -> Groups:
    """Those of each site together."""
    if len({bearer.site_id for bearer in bearers}) == 1:
        yield from (bearers,) if bearers[0].site_id != NO_SITE else ()
        return
    sites: dict[int, list[Identity]] = {}
    for bearer in bearers:
        if bearer.site_id != NO_SITE:
            sites.setdefault(bearer.site_id, []).append(bearer)
    yield from sites.values()


def in_fleet(bearers: list[Identity]) -> Groups:
    """All together, when some have no site and the others one and the same."""
    sites = {bearer.site_id for bearer in bearers}
    if NO_SITE in sites and len(sites) <= 2:
        yield bearers


class LinkingState:
    """The records, and how far linking got. `alone`: ids of those that may still be linked."""

    def __init__(
        self,
        mine: Iterable[Identity],
        alone: Set[int],
        others: Iterable[Identity],
        former: Iterable[Identity],
        apart: Set[tuple[int, int]],
    ) -> None:
        mine, others = list(mine), list(others)
        self.source = mine[0].source if mine else ""
        self.unlinked = set(alone)
        self.distinct = apart
        self.pending: set[int] = set()
        self.former = {identity.device_id for identity in former}
        self.records = {identity.device_id: identity for identity in (*mine, *others, *former)}
        self._asset = {key: identity.asset_id for key, identity in self.records.items()}
        self._members: dict[int, list[int]] = {}
        for identity in (*mine, *others):
            self._members.setdefault(identity.asset_id, []).append(identity.device_id)
        self._gone_of: dict[int, list[int]] = {}
        for identity in former:
            self._gone_of.setdefault(identity.asset_id, []).append(identity.device_id)
        everybody = [*mine, *others]
        seeking = [identity for identity in mine if identity.device_id in self.unlinked]
        told = attrgetter("serial")
        self.serials = _index([*everybody, *former], seeking, told, real_serial)
        self.prefixes = _index(everybody, seeking, attrgetter("hostname"), prefix_key)
        with_macs = [identity for identity in everybody if identity.macs]
        near = _index_macs(with_macs, seeking)
        # Those that may become partners: do their addresses and names mean somebody else as well?
        partners = [bearer for bearers in near.values() for bearer in bearers]
        self.macs = _index_macs(with_macs, partners)
        self.hosts = _index(everybody, [*seeking, *partners], attrgetter("hostname"), host_key)

    def groups(
        self, index: dict[str, list[Identity]], scope: Scope
    ) -> Iterator[tuple[str, list[Identity], list[Identity]]]:
        """The keys that an unlinked record bears: with everybody who does, and those of them that
        are looked at together."""
        for key, bearers in index.items():
            if any(bearer.device_id in self.unlinked for bearer in bearers):
                for group in scope(bearers):
                    yield key, bearers, group

    def asset_of(self, identity: Identity) -> int:
        """The machine that a record answers to by now."""
        return self._asset[identity.device_id]

    def machines(self, identities: Iterable[Identity]) -> set[int]:
        """The machines that some records answer to by now."""
        return {self._asset[identity.device_id] for identity in identities}

    def single_machine(self, found: Sequence[Identity]) -> Identity | None:
        """Who of several records stands for their machine; None when they may be several. A machine
        that each of the other sources knows once is one, also before these are linked."""
        machines: dict[int, list[Identity]] = {}
        for identity in found:
            machines.setdefault(self.asset_of(identity), []).append(identity)
        if len(machines) > 1:
            told = {(identity.source, self.asset_of(identity)) for identity in found}
            if len(told) != len({source for source, _ in told}):
                return None
            for one, other in combinations(found, 2):
                if (
                    serials_contradict(one, other)
                    or (one.device_id, other.device_id) in self.distinct
                ):
                    return None
        # The largest one: the others may still answer to it.
        return min(
            found,
            key=lambda i: (-len(self._members.get(self.asset_of(i), ())), i.device_id),
            default=None,
        )

    def own_records(self, identities: Iterable[Identity]) -> list[Identity]:
        """Those of the source whose records are being linked."""
        return [i for i in identities if i.source == self.source and i.device_id not in self.former]

    def other_records(self, identities: Iterable[Identity]) -> list[Identity]:
        """Those of the other sources."""
        return [identity for identity in identities if identity.source != self.source]

    def may_be_reenrolled(self, one: Identity, other: Identity) -> bool:
        """Whether two records of one source with one serial number may be one machine."""
        if both_active(one, other):
            # Tomorrow one of them may have gone silent.
            self.pending |= {one.device_id, other.device_id} & self.unlinked
            return False
        return (one.device_id, other.device_id) not in self.distinct

    def accept(self, proposals: Iterable[Proposal]) -> Iterator[Link]:
        """Begin the proposed links, in the order of their devices, as long as each still may."""
        for proposal in sorted(proposals, key=lambda proposed: proposed[:2]):
            device_id, other_id, method, evidence, _ = proposal
            asset_id = self._asset[other_id]
            if device_id not in self.unlinked or not self._may_join(proposal, asset_id):
                continue
            self._asset[device_id] = asset_id
            # Who answered to this record and is gone: should it come again, it is the same machine.
            followers = self._gone_of.pop(device_id, [])
            self._asset |= dict.fromkeys(followers, asset_id)
            self._gone_of.setdefault(asset_id, []).extend(followers)
            self._members.setdefault(asset_id, []).append(device_id)
            self.unlinked -= {device_id, asset_id}
            yield Link(device_id, asset_id, other_id, method, evidence[:400])

    def _may_join(self, proposal: Proposal, asset_id: int) -> bool:
        one = self.records[proposal.device_id]
        members = [self.records[member] for member in self._members.get(asset_id, ())]
        company = {asset_id, proposal.other_device_id, *(member.device_id for member in members)}
        if one.device_id in company or any(
            (one.device_id, known) in self.distinct for known in company
        ):
            return False
        if any(serials_contradict(one, member) for member in members):
            return False
        twins = self.own_records(members)
        if proposal.twins is None:
            return all(self.may_be_reenrolled(one, twin) for twin in twins)
        return all(twin.device_id in proposal.twins for twin in twins)


def is_placeholder(bearers: Sequence[Identity], gone: Set[int]) -> bool:
    """Whether more standing records of one source bear a serial number than one machine can have:
    a maker's placeholder that we do not know yet."""
    if len(bearers) <= MAX_SAME_SERIAL:
        return False
    n: dict[str, int] = {}
    for bearer in bearers:
        if bearer.device_id not in gone:
            n[bearer.source] = n.get(bearer.source, 0) + 1
    return max(n.values(), default=0) > MAX_SAME_SERIAL


def _index(
    everybody: Sequence[Identity],
    seeking: Iterable[Identity],
    told: Callable[[Identity], str | None],
    key: Callable[[str | None], str | None],
) -> dict[str, list[Identity]]:
    """Who bears each of the keys that somebody who seeks a partner bears."""
    found: dict[str, list[Identity]] = {k: [] for k in map(key, map(told, seeking)) if k}
    for identity, borne in zip(everybody, map(key, map(told, everybody)), strict=True):
        if borne in found:
            found[borne].append(identity)
    return found


def _index_macs(
    everybody: Iterable[Identity], seeking: Iterable[Identity]
) -> dict[str, list[Identity]]:
    found: dict[str, list[Identity]] = {mac: [] for one in seeking for mac in split_macs(one.macs)}
    for identity in everybody if found else ():
        for mac in split_macs(identity.macs):
            if mac in found:
                found[mac].append(identity)
    return found
