"""Which links begin and end on a day, found the plain way: every rule asks everybody, and again.

The rules are those of docs/rules.md, 12, without hardware addresses, which random histories do not
have.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations

from etl.rules.evidence import host_key, real_serial

Device = tuple[str, str]
NOWHERE = -2
"""The site of a record without one."""


@dataclass
class LinkRecord:
    """What a record tells, and the machine that it answers to. `turn` orders who came first."""

    device: Device
    number: int
    site: int
    hostname: str | None
    serial: str | None
    guest: bool
    contact: datetime | None
    asset: Device
    turn: object = None
    gone: bool = False

    @property
    def source(self) -> str:
        return self.device[0]


Key = Callable[[LinkRecord], str | None]
Scope = Callable[[list[LinkRecord]], Iterable[list[LinkRecord]]]
Proposal = tuple[LinkRecord, LinkRecord, list[LinkRecord] | None]


@dataclass
class Matching:
    """One source's records beside everybody else's."""

    mine: list[LinkRecord]
    others: list[LinkRecord]
    former: list[LinkRecord]
    still: set[Device]
    named: set[Device] = field(default_factory=set)
    """Those that links of later days lead to."""
    apart: set[tuple[Device, Device]] = field(default_factory=set)

    def contradicted(self) -> list[Device]:
        linked = sorted((t for t in self.mine if t.asset != t.device), key=lambda t: t.number)
        staying = [*self.others, *(t for t in self.mine if t.asset == t.device)]
        ended = []
        for record in linked:
            company = [other for other in staying if other.asset == record.asset]
            if any(differ(record.serial, other.serial) for other in company):
                ended.append(record)
            else:
                staying.append(record)
        ended = [record for record in ended if record.device not in self.still]
        for record in ended:
            record.asset = record.device
        return [record.device for record in ended]

    def begun(self) -> Iterator[tuple[Device, Device]]:
        found = True
        while found:
            found = False
            for scope in (self.sites, self.fleet):
                for rule in (self.serials, self.hostnames, self.guests, self.prefixes):
                    proposed = sorted(rule(scope), key=lambda p: (p[0].number, p[1].number))
                    for one, other, twins in proposed:
                        if self.alone(one) and self.may_join(one, other, twins):
                            one.asset = other.asset
                            found = True
                            yield one.device, other.asset

    def alone(self, one: LinkRecord) -> bool:
        company = [t for t in (*self.mine, *self.others) if t.asset == one.asset]
        fixed = self.still | self.named
        return one.asset == one.device and len(company) == 1 and one.device not in fixed

    def may_join(self, one: LinkRecord, other: LinkRecord, twins: list[LinkRecord] | None) -> bool:
        company = [t for t in (*self.mine, *self.others) if t.asset == other.asset]
        names = {other.asset, other.device, *(t.device for t in company)}
        if one.device in names or any((one.device, name) in self.apart for name in names):
            return False
        if any(differ(one.serial, t.serial) for t in company):
            return False
        mine = [t for t in company if t.source == one.source]
        if twins is None:
            return all(self.one_machine(one, t) for t in mine)
        return all(t in twins for t in mine)

    def one_machine(self, one: LinkRecord, other: LinkRecord) -> bool:
        names = {host_key(one.hostname), host_key(other.hostname)} - {None}
        known = one.contact and other.contact
        if len(names) == 2 and known and abs(one.contact - other.contact) <= timedelta(hours=24):
            return False
        return (one.device, other.device) not in self.apart

    # Who is looked at together.

    def sites(self, bearers: list[LinkRecord]) -> Iterable[list[LinkRecord]]:
        return [[t for t in bearers if t.site == site]
                for site in {t.site for t in bearers} - {NOWHERE}]  # fmt: skip

    def fleet(self, bearers: list[LinkRecord]) -> Iterable[list[LinkRecord]]:
        sites = {t.site for t in bearers}
        return [bearers] if NOWHERE in sites and len(sites - {NOWHERE}) <= 1 else []

    def groups(
        self, scope: Scope, key: Key, *more: LinkRecord
    ) -> Iterator[tuple[str, list[LinkRecord]]]:
        everybody = [*self.mine, *self.others, *more]
        for text in {key(t) for t in everybody} - {None}:
            for group in scope([t for t in everybody if key(t) == text]):
                yield text or "", group

    # The rules.

    def serials(self, scope: Scope) -> Iterator[Proposal]:
        everybody = [*self.mine, *self.others]
        bearers = Counter((t.source, real_serial(t.serial)) for t in everybody)
        for key, group in self.groups(scope, lambda t: real_serial(t.serial), *self.former):
            if any(n > 3 for (_, serial), n in bearers.items() if serial == key):
                continue
            twins = sorted((t for t in group if t in self.mine), key=lambda t: (t.turn, t.number))
            clusters = [[t] for t in twins]
            for one, other in combinations(twins, 2):
                if self.one_machine(one, other):
                    first = next(c for c in clusters if one in c)
                    second = next(c for c in clusters if other in c)
                    if first is not second:
                        clusters.remove(second)
                        first += second
            for cluster in clusters:
                if not all(self.one_machine(a, b) for a, b in combinations(cluster, 2)):
                    continue
                linked = [t for t in cluster if not self.alone(t)]
                only = len(clusters) == 1
                elsewhere = [t for t in group if t in self.others and only]
                machines = self.single_machine(elsewhere, share_a_word)
                elsewhere = [t for t in elsewhere if t.asset in {m.asset for m in machines}]
                if not any(share_a_word(t, o) for t in cluster for o in elsewhere):
                    machines = []
                gone = [t for t in group if t.gone and only]
                if len({t.asset for t in linked}) > 1:
                    continue
                targets = [min(linked, key=lambda t: t.number)] if linked else []
                targets += machines
                if len({t.asset for t in gone}) == 1:
                    targets.append(min(gone, key=lambda t: t.number))
                targets.append(min(cluster, key=lambda t: (t.turn, t.number)))
                target = targets[0]
                for t in cluster:
                    near = [o for o in elsewhere if target in machines]
                    if t is not target and (not near or any(share_a_word(t, o) for o in near)):
                        yield t, target, None

    def hostnames(self, scope: Scope) -> Iterator[Proposal]:
        for _, group in self.groups(scope, lambda t: host_key(t.hostname)):
            one, found = self.only(group)
            yield from ((one, target, []) for target in self.single_machine(found) if one)

    def guests(self, scope: Scope) -> Iterator[Proposal]:
        for _, group in self.groups(scope, lambda t: host_key(t.hostname)):
            mine = [t for t in group if t in self.mine]
            guests, plain = [t for t in mine if t.guest], [t for t in mine if not t.guest]
            if len(guests) == len(plain) == 1:
                one, other = guests[0], plain[0]
                if not self.alone(one):
                    one, other = other, one
                yield one, other, [other]

    def prefixes(self, scope: Scope) -> Iterator[Proposal]:
        def prefix(record: LinkRecord) -> str | None:
            host = host_key(record.hostname) or ""
            return host[:15] if len(host) >= 15 else None

        for _, group in self.groups(scope, prefix):
            one, found = self.only(group)
            if len({t.asset for t in found}) != 1:
                continue
            for other in sorted(found, key=lambda t: t.number):
                lengths = sorted(len(host_key(t.hostname) or "") for t in (one, other) if t)
                if one and lengths[0] == 15 and lengths[1] > 15:
                    yield one, other, []
                    break

    def single_machine(
        self,
        found: list[LinkRecord],
        evident: Callable[[LinkRecord, LinkRecord], bool] = lambda one, other: True,
    ) -> list[LinkRecord]:
        """Whom to link with, at most one: the machine that every source knows once. Two machines
        are one if they may link: what they have in common must be `evident`."""
        machines = {(t.source, t.asset) for t in found}
        if len({t.asset for t in found}) > 1:
            if len(machines) != len({source for source, _ in machines}):
                return []
            for one, other in combinations(found, 2):
                if differ(one.serial, other.serial) or (one.device, other.device) in self.apart:
                    return []
                if one.asset != other.asset and not evident(one, other):
                    return []
        size = Counter(t.asset for t in (*self.mine, *self.others))
        return sorted(found, key=lambda t: (-size[t.asset], t.number))[:1]

    def only(self, group: list[LinkRecord]) -> tuple[LinkRecord | None, list[LinkRecord]]:
        rivals = [
            t for t in group
            if not t.guest or all(o.guest for o in group if o.source == t.source)
        ]  # fmt: skip
        mine = [t for t in rivals if t in self.mine]
        found = [t for t in rivals if t in self.others]
        if len(mine) == 1 and self.alone(mine[0]):
            return mine[0], found
        return None, []


def differ(one: str | None, other: str | None) -> bool:
    first, second = real_serial(one), real_serial(other)
    return bool(first and second and first != second)


def share_a_word(one: LinkRecord, other: LinkRecord) -> bool:
    first, second = (
        set(re.findall(r"[a-z0-9]+", host_key(t.hostname) or "")) for t in (one, other)
    )
    return not first or not second or bool(first & second)
