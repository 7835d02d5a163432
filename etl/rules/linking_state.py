"""The state of matching while links begin for the records of one source: which records have which
key, and which machine each record belongs to so far."""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import combinations
from operator import attrgetter
from typing import NamedTuple

from etl.rules.evidence import (
    MAX_SAME_SERIAL,
    NO_SITE,
    Identity,
    both_active,
    identifying_host,
    names_contradict,
    prefix_key,
    real_serial,
    serials_contradict,
)
from etl.rules.macs import split_macs

SCORES = {"serial": 98, "mac": 95, "hostname": 90, "prefix": 75}
"""How sure a link of each method is, of 100."""

Groups = Iterator[list[Identity]]
Scope = Callable[[list[Identity]], Groups]
"""Splits the records that have one key into groups to be compared."""


class Link(NamedTuple):
    """`device_id` belongs to the machine `asset_id`, by the evidence that it has in common with
    `other_device_id`."""

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
    """A link that a rule proposes. It is possible only if all records of the same source that
    belong to the machine are among `allowed_siblings`; None: any that may be enrolled again."""

    device_id: int
    other_device_id: int
    method: str
    evidence: str
    allowed_siblings: Set[int] | None = frozenset()


def same_site(records: list[Identity]) -> Groups:
    """A group for each site; records without a site are in none."""
    if len({record.site_id for record in records}) == 1:
        yield from (records,) if records[0].site_id != NO_SITE else ()
        return
    sites: dict[int, list[Identity]] = {}
    for record in records:
        if record.site_id != NO_SITE:
            sites.setdefault(record.site_id, []).append(record)
    yield from sites.values()


def whole_fleet(records: list[Identity]) -> Groups:
    """All of them as one group, if some have no site and the others are at the same site."""
    sites = {record.site_id for record in records}
    if NO_SITE in sites and len(sites) <= 2:
        yield records


class LinkingState:
    """The records of a matching, and the links so far.

    `unlinked`: ids of the source's records that may still be linked. `pending`: ids of those that
    were not linked only because of the time, and that the next matching must compare again.
    `serials`, `prefixes`, `macs`, `hosts`: the records by key, for the keys that matter.
    """

    def __init__(
        self,
        own: Iterable[Identity],
        unlinked: Set[int],
        others: Iterable[Identity],
        former: Iterable[Identity],
        distinct: Set[tuple[int, int]],
    ) -> None:
        own, others = list(own), list(others)
        self.source = own[0].source if own else ""
        self.unlinked = set(unlinked)
        self.distinct = distinct
        self.pending: set[int] = set()
        self.former = {identity.device_id for identity in former}
        self.records = {identity.device_id: identity for identity in (*own, *others, *former)}
        self._asset = {key: identity.asset_id for key, identity in self.records.items()}
        self._members: dict[int, list[int]] = {}
        for identity in (*own, *others):
            self._members.setdefault(identity.asset_id, []).append(identity.device_id)
        self._former_of: dict[int, list[int]] = {}
        for identity in former:
            self._former_of.setdefault(identity.asset_id, []).append(identity.device_id)
        present = [*own, *others]
        to_link = [identity for identity in own if identity.device_id in self.unlinked]
        serial = attrgetter("serial")
        self.serials = _index([*present, *former], to_link, serial, real_serial)
        self.prefixes = _index(present, to_link, attrgetter("hostname"), prefix_key)
        with_macs = [identity for identity in present if identity.macs]
        by_mac = _index_macs(with_macs, to_link)
        # Whether a link is ambiguous depends on who else has the partner's addresses and name.
        partners = [holder for holders in by_mac.values() for holder in holders]
        self.macs = _index_macs(with_macs, partners)
        self.hosts = _index(
            present, [*to_link, *partners], attrgetter("hostname"), identifying_host
        )

    def groups(
        self, index: dict[str, list[Identity]], scope: Scope
    ) -> Iterator[tuple[str, list[Identity], list[Identity]]]:
        """The keys of unlinked records: the key, all records with it, and a group to compare."""
        for key, holders in index.items():
            if any(holder.device_id in self.unlinked for holder in holders):
                for group in scope(holders):
                    yield key, holders, group

    def asset_of(self, identity: Identity) -> int:
        """The machine that the record belongs to so far."""
        return self._asset[identity.device_id]

    def machines(self, identities: Iterable[Identity]) -> set[int]:
        """The machines that the records belong to so far."""
        return {self._asset[identity.device_id] for identity in identities}

    def single_machine(
        self, identities: Sequence[Identity], are_apart: Callable[[Identity, Identity], bool]
    ) -> Identity | None:
        """One of the records if they are one machine; None if they may be several.

        Records of different machines are taken as one if no source has two of them and nothing
        contradicts: their own matching will link them. The record of the largest machine is chosen.

        Args:
            are_apart: whether what they have in common does not link two of them.
        """
        machines: dict[int, list[Identity]] = {}
        for identity in identities:
            machines.setdefault(self.asset_of(identity), []).append(identity)
        if len(machines) > 1:
            source_machines = {
                (identity.source, self.asset_of(identity)) for identity in identities
            }
            if len(source_machines) != len({source for source, _ in source_machines}):
                return None
            for record, other in combinations(identities, 2):
                if (
                    serials_contradict(record, other)
                    or (record.device_id, other.device_id) in self.distinct
                    or (self.asset_of(record) != self.asset_of(other) and are_apart(record, other))
                ):
                    return None
        return min(
            identities,
            key=lambda i: (-len(self._members.get(self.asset_of(i), ())), i.device_id),
            default=None,
        )

    def own_records(self, identities: Iterable[Identity]) -> list[Identity]:
        """Those of the source that is being matched, without former ones."""
        return [i for i in identities if i.source == self.source and i.device_id not in self.former]

    def other_records(self, identities: Iterable[Identity]) -> list[Identity]:
        """Those of other sources."""
        return [identity for identity in identities if identity.source != self.source]

    def may_be_reenrolled(self, record: Identity, other: Identity) -> bool:
        """Whether two records of the source with the same serial number may be one machine that was
        enrolled again. If they are both active now, they become pending."""
        if both_active(record, other):
            # One of them may have become inactive by tomorrow.
            self.pending |= {record.device_id, other.device_id} & self.unlinked
            return False
        return (record.device_id, other.device_id) not in self.distinct

    def accept(self, proposals: Iterable[Proposal]) -> Iterator[Link]:
        """Begin the proposed links that are still possible, in the order of their device ids."""
        for proposal in sorted(proposals, key=lambda proposed: proposed[:2]):
            device_id, other_id, method, evidence, _ = proposal
            asset_id = self._asset[other_id]
            if device_id not in self.unlinked or not self._may_join(proposal, asset_id):
                continue
            self._asset[device_id] = asset_id
            # Former records of this machine follow: if one comes back, it is the same machine.
            followers = self._former_of.pop(device_id, [])
            self._asset |= dict.fromkeys(followers, asset_id)
            self._former_of.setdefault(asset_id, []).extend(followers)
            self._members.setdefault(asset_id, []).append(device_id)
            self.unlinked -= {device_id, asset_id}
            yield Link(device_id, asset_id, other_id, method, evidence[:400])

    def _may_join(self, proposal: Proposal, asset_id: int) -> bool:
        record = self.records[proposal.device_id]
        members = [self.records[member] for member in self._members.get(asset_id, ())]
        joined = {asset_id, proposal.other_device_id, *(member.device_id for member in members)}
        if record.device_id in joined or any(
            (record.device_id, known) in self.distinct for known in joined
        ):
            return False
        if any(serials_contradict(record, member) for member in members):
            return False
        if proposal.method in ("hostname", "prefix") and any(
            names_contradict(record, member) for member in members
        ):
            return False
        siblings = self.own_records(members)
        if proposal.allowed_siblings is None:
            return all(self.may_be_reenrolled(record, sibling) for sibling in siblings)
        return all(sibling.device_id in proposal.allowed_siblings for sibling in siblings)


def is_placeholder(holders: Sequence[Identity], former: Set[int]) -> bool:
    """Whether more records of one source have a serial number than one machine can have, which then
    is a maker's placeholder whose form does not say so."""
    if len(holders) <= MAX_SAME_SERIAL:
        return False
    count_of: dict[str, int] = {}
    for holder in holders:
        if holder.device_id not in former:
            count_of[holder.source] = count_of.get(holder.source, 0) + 1
    return max(count_of.values(), default=0) > MAX_SAME_SERIAL


def _index(
    records: Sequence[Identity],
    identities: Iterable[Identity],
    field: Callable[[Identity], str | None],
    key: Callable[[str | None], str | None],
) -> dict[str, list[Identity]]:
    """The records by key, for the keys that one of `identities` has."""
    index: dict[str, list[Identity]] = {k: [] for k in map(key, map(field, identities)) if k}
    for identity, value in zip(records, map(key, map(field, records)), strict=True):
        if value in index:
            index[value].append(identity)
    return index


def _index_macs(
    records: Iterable[Identity], identities: Iterable[Identity]
) -> dict[str, list[Identity]]:
    index: dict[str, list[Identity]] = {
        mac: [] for identity in identities for mac in split_macs(identity.macs)
    }
    for identity in records if index else ():
        for mac in split_macs(identity.macs):
            if mac in index:
                index[mac].append(identity)
    return index
