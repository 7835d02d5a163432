"""Two records are one machine when, inside one site, their serial numbers are equal and real; else
an agent's hardware addresses are the other's; else their normalised hostnames are equal; else one
hostname is the first 15 characters of the other. What is ambiguous stays apart, and so does what
somebody keeps apart.

A record without a site may be the machine of the only candidate of the whole fleet. Two different
real serials contradict any link.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import combinations

from etl.rules.evidence import AGENT, PREFIX_LENGTH, Identity, host_key, hostnames_differ
from etl.rules.linking import (
    Link,
    LinkingState,
    Proposal,
    Scope,
    in_fleet,
    in_site,
    is_placeholder,
)
from etl.rules.macs import split_macs


def find_links(
    mine: Iterable[Identity],
    unlinked: Set[int],
    others: Iterable[Identity],
    former: Iterable[Identity] = (),
    apart: Set[tuple[int, int]] = frozenset(),
) -> list[Link]:
    """Links for the unlinked records of one source, at most one each.

    Args:
        mine: every standing record of the source; of equal ones the first seen comes first.
        unlinked: ids of those that are alone in their asset.
        others: every standing record of the other sources.
        former: records of the source that are gone, whose serial a standing one may bear again.
        apart: pairs of ids that are two machines, both ways round.
    """
    return link_all(LinkingState(mine, unlinked, others, list(former), apart))


def link_all(standing: LinkingState) -> list[Link]:
    """Begin links until no rule finds another one."""
    links: list[Link] = []
    while True:
        begun = [
            link
            for scope in (in_site, in_fleet)
            for rule in _RULES
            for link in standing.accept(list(rule(standing, scope)))
        ]
        if not begun:
            return links
        links += begun


def _by_serial(standing: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """Equal real serials: in another source, or in the same one, where the machine was enrolled
    again. Who already answers to somebody decides, then the other sources, then who is gone."""
    for serial, bearers, group in standing.groups(standing.serials, scope):
        twins = standing.own_records(group)
        if is_placeholder(bearers, standing.former):
            continue
        if not any(twin.device_id in standing.unlinked for twin in twins):
            continue
        clusters = _clusters(standing, twins)
        elsewhere = standing.other_records(group) if len(clusters) == 1 else []
        before = [i for i in group if i.device_id in standing.former and len(clusters) == 1]
        for cluster in clusters:
            target = _target(standing, cluster, elsewhere, before)
            if target is None:
                continue
            again = "enrolled again" if target.source == standing.source else None
            evidence = f"serial {serial} {again or _where(scope)}"
            for twin in cluster:
                if twin.device_id in standing.unlinked and twin.device_id != target.device_id:
                    yield Proposal(twin.device_id, target.device_id, "serial", evidence, twins=None)


def _clusters(standing: LinkingState, twins: list[Identity]) -> list[list[Identity]]:
    """Records of one source with one serial number, those together that may be one machine. Who
    may be the machine of two that are not one is a cluster with them that `_target` leaves."""
    clusters: list[list[Identity]] = []
    for twin in twins:
        near = [c for c in clusters if any(standing.may_be_reenrolled(twin, one) for one in c)]
        clusters = [c for c in clusters if c not in near]
        clusters.append([*(one for c in near for one in c), twin])
    return clusters


def _target(
    standing: LinkingState,
    cluster: list[Identity],
    elsewhere: Sequence[Identity],
    before: Sequence[Identity],
) -> Identity | None:
    """Whose machine the unlinked records of a cluster are; None when that is not clear."""
    if not any(twin.device_id in standing.unlinked for twin in cluster):
        return None
    if not all(standing.may_be_reenrolled(one, other) for one, other in combinations(cluster, 2)):
        return None
    linked = [twin for twin in cluster if twin.device_id not in standing.unlinked]
    if linked:
        return min(linked) if len(standing.machines(linked)) == 1 else None
    other = standing.single_machine(elsewhere)
    if other is None and len(standing.machines(before)) == 1:
        other = min(before)
    return other or cluster[0]


def _by_mac(standing: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """Two shared addresses, or all of them, with an agent on one side: nobody else has them, and
    no hostname points to another machine."""
    usable = {mac for mac, bearers in standing.macs.items() if not _has_doubles(standing, bearers)}

    def addresses(identity: Identity) -> frozenset[str]:
        return split_macs(identity.macs) & usable

    def near(identity: Identity) -> list[Identity]:
        found = {
            bearer.device_id: bearer for mac in addresses(identity) for bearer in standing.macs[mac]
        }
        found[identity.device_id] = identity
        groups = [group for group in scope(list(found.values())) if identity in group]
        return groups[0] if groups else []

    for device_id in sorted(standing.unlinked):
        one = standing.records[device_id]
        if not addresses(one):
            continue
        found = standing.other_records(near(one))
        if len(standing.machines(found)) != 1:
            continue
        rivals = [rival for other in found for rival in standing.own_records(near(other))]
        if any(rival.device_id != device_id for rival in rivals):
            continue
        for other in sorted(found):
            shared = addresses(one) & addresses(other)
            enough = len(shared) > 1 or addresses(one) == addresses(other)
            if enough and AGENT in (one.source, other.source) and not _named(standing, one, other):
                evidence = f"mac {', '.join(sorted(shared))} {_where(scope)}"
                yield Proposal(device_id, other.device_id, "mac", evidence)
                break


def _has_doubles(standing: LinkingState, bearers: list[Identity]) -> bool:
    """Whether two machines of one source bear an address: a dock or a dongle."""
    told = {(bearer.source, standing.asset_of(bearer)) for bearer in bearers}
    return len(told) != len({source for source, _ in told})


def _named(standing: LinkingState, one: Identity, other: Identity) -> bool:
    """Whether a hostname says that two records with other names are other machines."""
    if not hostnames_differ(one, other):
        return False
    machines = standing.machines((one, other))
    return any(
        bearer.source != named.source
        and bearer.site_id in (one.site_id, other.site_id)
        and standing.asset_of(bearer) not in machines
        for named in (one, other)
        for bearer in standing.hosts[host_key(named.hostname) or ""]
    )


def _by_hostname(standing: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """Equal names, of one machine on either side."""
    for host, _, group in standing.groups(standing.hosts, scope):
        one, found = _only_one(standing, group)
        other = standing.single_machine(found)
        if one is not None and other is not None:
            evidence = f"hostname {host} {_where(scope)}"
            yield Proposal(one.device_id, other.device_id, "hostname", evidence)


def _by_guest(standing: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """What a host tells of a virtual machine, and that one's own record in the same source."""
    for host, _, group in standing.groups(standing.hosts, scope):
        mine = sorted(standing.own_records(group), key=lambda one: (not one.guest, one))
        if len(mine) != 2 or not mine[0].guest or mine[1].guest:
            continue
        if mine[0].device_id not in standing.unlinked:
            mine.reverse()
        one, other = (identity.device_id for identity in mine)
        evidence = f"hostname {host} of a guest and of its own record {_where(scope)}"
        yield Proposal(one, other, "hostname", evidence, twins={other})


def _by_prefix(standing: LinkingState, scope: Scope) -> Iterator[Proposal]:
    """A name of exactly 15 characters that begins one longer name, and no other."""
    for prefix, _, group in standing.groups(standing.prefixes, scope):
        one, found = _only_one(standing, group)
        if one is None or len(standing.machines(found)) != 1:
            continue
        for other in sorted(found):
            short, long = sorted(
                (host_key(one.hostname) or "", host_key(other.hostname) or ""), key=len
            )
            if len(short) == PREFIX_LENGTH < len(long):
                evidence = f"prefix {prefix} of {long} {_where(scope)}"
                yield Proposal(one.device_id, other.device_id, "prefix", evidence)
                break


def _only_one(
    standing: LinkingState, group: list[Identity]
) -> tuple[Identity | None, list[Identity]]:
    """The one record of ours among the bearers of a key, if it is unlinked, and those of the
    others. A guest does not compete with a record of its source that is none."""
    plain = {bearer.source for bearer in group if not bearer.guest}
    rivals = [bearer for bearer in group if not bearer.guest or bearer.source not in plain]
    mine, found = standing.own_records(rivals), standing.other_records(rivals)
    if len(mine) != 1 or mine[0].device_id not in standing.unlinked:
        return None, []
    return mine[0], found


def _where(scope: Scope) -> str:
    return "at the same site" if scope is in_site else "of no other machine in the fleet"


_RULES = (_by_serial, _by_mac, _by_hostname, _by_guest, _by_prefix)
