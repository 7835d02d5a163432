"""Which records are one machine: two records of one site are if the first of these that applies to
them says so:

1. their serial numbers are equal and real;
2. hardware addresses of an agent's record are equal to the other's;
3. their hostnames are equal in comparable form (in one source only what a host reports of a guest,
   and the guest's own record);
4. one hostname is the first 15 characters of the other (a probable link).

`etl.rules.evidence` says which serial numbers and hostnames identify a machine. Equal names of a
computer and a mobile or network device, or of two domains, say nothing. Equal serial numbers of
records of two sources whose hostnames have no word in common wait for a person.

What is ambiguous stays apart, and so do records that a person declared to be two machines. Two
different real serial numbers rule out any link. A record without a site may be linked to the only
candidate in the whole fleet.

The rules link the records of one source, the one that is being published; `LinkingState` holds the
records and the links so far. Each rule proposes links from the present state; those that are still
possible are accepted in the order of device ids. The rules are applied in the order above, first
within each site, then in the whole fleet, again and again until none proposes another link. The
outcome is therefore a fixed point: matching the same records again begins nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import combinations

from etl.rules.evidence import (
    AGENT,
    PREFIX_LENGTH,
    Identity,
    domain_of,
    host_key,
    hostnames_differ,
    identifying_host,
    kind_of,
    names_contradict,
    names_share_no_word,
)
from etl.rules.linking_state import (
    Link,
    LinkingState,
    Proposal,
    Scope,
    is_placeholder,
    same_site,
    whole_fleet,
)
from etl.rules.macs import split_macs


def find_links(
    own: Iterable[Identity],
    unlinked: Set[int],
    others: Iterable[Identity],
    former: Iterable[Identity] = (),
    distinct: Set[tuple[int, int]] = frozenset(),
) -> list[Link]:
    """Links for the unlinked records of one source, at most one each.

    Args:
        own: every present record of the source; of equal ones the first seen comes first.
        unlinked: ids of those that are the only record of their machine.
        others: every present record of the other sources.
        former: records of the source that are gone; a present one may have their serial number.
        distinct: pairs of ids that are two machines, in both orders.
    """
    return link_all(LinkingState(own, unlinked, others, list(former), distinct))


def link_all(state: LinkingState) -> list[Link]:
    """Apply the rules until none of them begins another link."""
    links: list[Link] = []
    while True:
        begun = [
            link
            for scope in (same_site, whole_fleet)
            for rule in _RULES
            for link in state.accept(list(rule(state, scope)))
        ]
        if not begun:
            return links
        links += begun


def _by_serial(state: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """Equal real serial numbers: in another source, or in the same source if the machine was
    enrolled again. Where there are several candidates, linked records of the source decide, then
    records of other sources, then former records of the source."""
    for serial, holders, group in state.groups(state.serials, scope):
        own = state.own_records(group)
        if is_placeholder(holders, state.former):
            continue
        if not any(record.device_id in state.unlinked for record in own):
            continue
        clusters = _cluster_reenrolled(state, own)
        others = state.other_records(group) if len(clusters) == 1 else []
        former = [i for i in group if i.device_id in state.former and len(clusters) == 1]
        for cluster in clusters:
            target = _target(state, cluster, others, former)
            if target is None:
                continue
            reenrolled = "enrolled again" if target.source == state.source else None
            evidence = f"serial {serial} {reenrolled or _where(scope)}"
            for record in cluster:
                if _may_be_by_serial(state, record, target, others):
                    yield Proposal(
                        record.device_id,
                        target.device_id,
                        "serial",
                        evidence,
                        allowed_siblings=None,
                    )


def _may_be_by_serial(
    state: LinkingState, record: Identity, target: Identity, others: Sequence[Identity]
) -> bool:
    """Whether a record of a cluster is unlinked and may belong to the target's machine: a record of
    another source there, with the same serial number, must share a word of its name."""
    if record.device_id not in state.unlinked or record.device_id == target.device_id:
        return False
    return target.source == state.source or any(
        not names_share_no_word(record, other)
        for other in others
        if state.asset_of(other) == state.asset_of(target)
    )


def _cluster_reenrolled(state: LinkingState, records: list[Identity]) -> list[list[Identity]]:
    """Group records of one source with the same serial number by which may be the same machine.

    A record that may be the same machine as two that cannot be the same is in one cluster with
    both; `_target` rejects such clusters.
    """
    clusters: list[list[Identity]] = []
    for record in records:
        related = [
            c for c in clusters if any(state.may_be_reenrolled(record, member) for member in c)
        ]
        clusters = [c for c in clusters if c not in related]
        clusters.append([*(member for c in related for member in c), record])
    return clusters


def _target(
    state: LinkingState,
    cluster: list[Identity],
    others: Sequence[Identity],
    former: Sequence[Identity],
) -> Identity | None:
    """The record whose machine the unlinked records of a cluster are; None if it is ambiguous."""
    if not any(record.device_id in state.unlinked for record in cluster):
        return None
    if not all(
        state.may_be_reenrolled(record, other) for record, other in combinations(cluster, 2)
    ):
        return None
    linked = [record for record in cluster if record.device_id not in state.unlinked]
    if linked:
        return min(linked) if len(state.machines(linked)) == 1 else None
    other = state.single_machine(others, names_share_no_word)
    if other is not None and not any(
        _may_be_by_serial(state, record, other, others) for record in cluster
    ):
        other = None
    if other is None and len(state.machines(former)) == 1:
        other = min(former)
    return other or cluster[0]


def _by_mac(state: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """Two equal hardware addresses, or all of them, if one of the two is an agent's record, no
    other machine has them, and no hostname points to another machine."""
    usable = {
        mac for mac, holders in state.macs.items() if not _is_shared_by_machines(state, holders)
    }

    def addresses(identity: Identity) -> frozenset[str]:
        return split_macs(identity.macs) & usable

    def with_shared_address(identity: Identity) -> list[Identity]:
        holders = {
            holder.device_id: holder for mac in addresses(identity) for holder in state.macs[mac]
        }
        holders[identity.device_id] = identity
        groups = [group for group in scope(list(holders.values())) if identity in group]
        return groups[0] if groups else []

    for device_id in sorted(state.unlinked):
        record = state.records[device_id]
        if not addresses(record):
            continue
        others = state.other_records(with_shared_address(record))
        if len(state.machines(others)) != 1:
            continue
        rivals = [
            rival for other in others for rival in state.own_records(with_shared_address(other))
        ]
        if any(rival.device_id != device_id for rival in rivals):
            continue
        for other in sorted(others):
            shared = addresses(record) & addresses(other)
            enough = len(shared) > 1 or addresses(record) == addresses(other)
            if (
                enough
                and AGENT in (record.source, other.source)
                and not _name_points_elsewhere(state, record, other)
            ):
                evidence = f"mac {', '.join(sorted(shared))} {_where(scope)}"
                yield Proposal(device_id, other.device_id, "mac", evidence)
                break


def _is_shared_by_machines(state: LinkingState, holders: list[Identity]) -> bool:
    """Whether two machines of one source have the address, which then is a dock's or a dongle's."""
    machines = {(holder.source, state.asset_of(holder)) for holder in holders}
    return len(machines) != len({source for source, _ in machines})


def _name_points_elsewhere(state: LinkingState, record: Identity, other: Identity) -> bool:
    """Whether the hostnames of two records differ, and one of them is that of a third machine's
    record in another source at one of their sites."""
    if not hostnames_differ(record, other):
        return False
    machines = state.machines((record, other))
    return any(
        holder.source != named.source
        and holder.site_id in (record.site_id, other.site_id)
        and state.asset_of(holder) not in machines
        for named in (record, other)
        for holder in state.hosts.get(identifying_host(named.hostname) or "", ())
    )


def _by_hostname(state: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """Equal hostnames, if only one machine on either side has it."""
    for host, _, group in state.groups(state.hosts, scope):
        for record, others in _only_candidates(state, group):
            other = state.single_machine(others, names_contradict)
            if other is not None:
                evidence = f"hostname {host} {_where(scope)}"
                yield Proposal(record.device_id, other.device_id, "hostname", evidence)


def _by_guest(state: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """What a host reports of a guest, and the guest's own record in the same source."""
    for host, _, group in state.groups(state.hosts, scope):
        own = sorted(state.own_records(group), key=lambda record: (not record.is_guest, record))
        if len(own) != 2 or not own[0].is_guest or own[1].is_guest or names_contradict(*own):
            continue
        if own[0].device_id not in state.unlinked:
            own.reverse()
        device_id, other_id = (record.device_id for record in own)
        evidence = f"hostname {host} of a guest and of its own record {_where(scope)}"
        yield Proposal(device_id, other_id, "hostname", evidence, allowed_siblings={other_id})


def _by_prefix(state: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """A hostname of exactly 15 characters with which one longer hostname begins, and no other."""
    for prefix, _, group in state.groups(state.prefixes, scope):
        for record, others in _only_candidates(state, group):
            if len(state.machines(others)) != 1:
                continue
            for other in sorted(others):
                short, long = sorted(
                    (host_key(record.hostname) or "", host_key(other.hostname) or ""), key=len
                )
                if len(short) == PREFIX_LENGTH < len(long):
                    evidence = f"prefix {prefix} of {long} {_where(scope)}"
                    yield Proposal(record.device_id, other.device_id, "prefix", evidence)
                    break


def _only_candidates(
    state: LinkingState, group: list[Identity]
) -> Iterator[tuple[Identity, list[Identity]]]:
    """Each unlinked record of the source among those with a key, with the records of other sources
    that do not contradict it, if it is the only one of the source that may be one machine with
    them. Guests do not count where their source has another record with the key."""
    plain = {record.source for record in group if not record.is_guest}
    rivals = [record for record in group if not record.is_guest or record.source not in plain]
    own, others = state.own_records(rivals), state.other_records(rivals)
    # Records of equal name and type have the same candidates: neither of two is the only one.
    alike = Counter(map(_domain_and_kind, own))
    for record in own:
        if record.device_id not in state.unlinked or alike[_domain_and_kind(record)] > 1:
            continue
        candidates = [other for other in others if not names_contradict(record, other)]
        is_only = not any(
            rival is not record and any(not names_contradict(rival, each) for each in candidates)
            for rival in own
        )
        if candidates and is_only:
            yield record, candidates


def _domain_and_kind(record: Identity) -> tuple[str | None, str | None]:
    return domain_of(record.hostname), kind_of(record.device_type)


def _where(scope: Scope) -> str:
    return "at the same site" if scope is same_site else "of no other machine in the fleet"


_RULES = (_by_serial, _by_mac, _by_hostname, _by_guest, _by_prefix)
