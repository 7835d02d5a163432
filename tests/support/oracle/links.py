"""Rule 12: which records of one day are one machine, when nobody decided anything yet."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from tests.support.oracle import names
from tests.support.oracle.hub import NO_SITE, Key, State

COMPUTERS = {"server", "workstation", "vm_guest"}
NO_COMPUTERS = {"mobile", "network"}
PREFIX = 15
GIVEN_MACS = {
    "00:a0:c6:00:00:00", "20:41:53:59:4e:ff", "24:b6:20:52:41:53", "ac:de:48:00:11:22",
}  # fmt: skip


def real_macs(row_macs: Iterable[str]) -> set[str]:
    """MACs that drivers give to everyone are no evidence."""
    return {mac for mac in row_macs if mac not in GIVEN_MACS and not mac.endswith(":00:00:00")}


@dataclass
class Machines:
    """Groups of records, joined by ever weaker evidence; a link that was made stands."""

    states: dict[Key, State] = field(default_factory=dict)
    group: dict[Key, Key] = field(default_factory=dict)

    def match(self, states: dict[Key, State]) -> set[frozenset[Key]]:
        """The machines after a collection, which left the records `states` standing."""
        self.states = states
        self.group = {key: self.group.get(key, key) for key in states}
        self.by_serial()
        self.by_mac()
        self.by_hostname()
        self.by_prefix()
        groups: dict[Key, set[Key]] = {}
        for key, head in self.group.items():
            groups.setdefault(head, set()).add(key)
        return {frozenset(group) for group in groups.values()}

    def of(self, head: Key) -> list[State]:
        return [self.states[key] for key, other in self.group.items() if other == head]

    def join(self, left: Key, right: Key) -> None:
        old, new = self.group[right], self.group[left]
        for state in self.of(old):
            self.group[key_of(state)] = new

    def compatible(self, left: Key, right: Key, *, by_mac: bool = False) -> bool:
        """Two real serial numbers contradict, and types and domains; a second record of a source
        waits for a person."""
        ones, others = self.of(left), self.of(right)
        serials = {names.serial(state.row.serial) for state in ones + others} - {None}
        domains = {names.domain(state.row.hostname) for state in ones + others} - {""}
        twice = {state.source for state in ones} & {state.source for state in others}
        if by_mac:
            return len(serials) <= 1 and not twice
        return not (
            len(serials) > 1 or len(domains) > 1 or twice or types_contradict(ones + others)
        )

    def pairs(self) -> list[tuple[State, State]]:
        """Inside one site only."""
        return [
            (left, right) for left, right in combinations(self.states.values(), 2)
            if left.site == right.site != NO_SITE
            and (left.source == right.source or not self.doubtful(left, right))
        ]  # fmt: skip

    def by_serial(self) -> None:
        """Inside a source too: re-enrolled. Of two sources only when a word of the names agrees."""
        equal = [
            (left, right) for left, right in self.pairs()
            if len({names.serial(left.row.serial), names.serial(right.row.serial)} - {None}) == 1
            and None not in (names.serial(left.row.serial), names.serial(right.row.serial))
        ]  # fmt: skip
        for left, right in equal:
            self.join(key_of(left), key_of(right))

    def doubtful(self, left: State, right: State) -> bool:
        """Equal serials of two sources whose names share no word wait for a person, and so do those
        of a third source: the number is in doubt."""
        number = names.serial(left.row.serial)
        if number is None or number != names.serial(right.row.serial):
            return False
        told: dict[str, str] = {}
        for state in self.states.values():
            if state.site == left.site and names.serial(state.row.serial) == number:
                told[state.source] = f"{told.get(state.source, '')} {state.row.hostname or ''}"
        return any(not names.share_a_word(*two) for two in combinations(told.values(), 2))

    def by_mac(self) -> None:
        """An agent's address equal to the other record's, and to nobody's else in the whole fleet.
        Types that contradict stop links by name only."""
        holders: dict[str, list[State]] = {}
        for state in self.states.values():
            for mac in real_macs(state.row.macs):
                holders.setdefault(mac, []).append(state)
        pairs = []
        for left, right in self.pairs():
            macs = real_macs(left.row.macs) & real_macs(right.row.macs)
            macs = {mac for mac in macs if len(holders[mac]) == 2}
            if macs and (left.source == "agent") != (right.source == "agent"):
                pairs.append((left, right))
        self.join_unique(pairs, by_mac=True)

    def by_hostname(self) -> None:
        """Each name by itself: a machine that two sources call differently may have a record of
        either name."""
        by_name: dict[str | None, list[tuple[State, State]]] = {}
        for left, right in self.pairs():
            if left.source != right.source and same_name(left, right):
                name = names.hostname(left.row.hostname)
                by_name.setdefault(name, []).append((left, right))
        for name in sorted(by_name, key=str):
            self.join_unique(by_name[name])

    def by_prefix(self) -> None:
        """One name is the other, cut; unique on both sides: no third record begins like that."""
        begins: dict[tuple[int, str, str], int] = {}
        for state in self.states.values():
            begin = (names.hostname(state.row.hostname) or "")[:PREFIX]
            begins[state.site, state.source, begin] = (
                begins.get((state.site, state.source, begin), 0) + 1
            )

        def unique(state: State) -> bool:
            begin = (names.hostname(state.row.hostname) or "")[:PREFIX]
            return begins[state.site, state.source, begin] == 1

        self.join_unique([
            (left, right) for left, right in self.pairs()
            if left.source != right.source and same_prefix(left, right)
            and unique(left) and unique(right)
        ])  # fmt: skip

    def join_unique(self, pairs: list[tuple[State, State]], *, by_mac: bool = False) -> None:
        """Pairs of which either side has one candidate in each source, where all that fit one of
        them fit each other; the rest is ambiguous and waits."""
        heads = dict(self.group)
        candidates: dict[tuple[Key, str], set[Key]] = {}
        for pair in pairs:
            for left, right in (pair, pair[::-1]):
                there = candidates.setdefault((heads[key_of(left)], right.source), set())
                there.add(heads[key_of(right)])
        near: dict[Key, set[Key]] = {head: {head} for head in heads.values()}
        doubtful = set()
        for left, right in pairs:
            one, other = heads[key_of(left)], heads[key_of(right)]
            if len(candidates[one, right.source]) > 1 or len(candidates[other, left.source]) > 1:
                doubtful |= {one, other}
            elif one != other and self.compatible(one, other, by_mac=by_mac):
                near[one].add(other)
                near[other].add(one)
        for head, others in near.items():
            for other in others - doubtful:
                if near[other] == others and not others & doubtful:
                    self.join(head, other)


def key_of(state: State) -> Key:
    return state.source, state.key


def types_contradict(states: list[State]) -> bool:
    """Mobile or network against computer."""
    types = {state.device_type for state in states}
    return bool(types & COMPUTERS) and bool(types & NO_COMPUTERS)


def same_name(left: State, right: State) -> bool:
    name = names.hostname(left.row.hostname)
    domains = {names.domain(state.row.hostname) for state in (left, right)} - {""}
    return (
        name is not None
        and name == names.hostname(right.row.hostname)
        and len(domains) <= 1
        and not types_contradict([left, right])
    )


def same_prefix(left: State, right: State) -> bool:
    """One name is the other, cut after 15 characters."""
    short, long = sorted(
        (names.hostname(state.row.hostname) or "" for state in (left, right)), key=len
    )
    cut = len(short) == PREFIX < len(long) and long.startswith(short)
    return cut and not types_contradict([left, right])
