"""Coverage: where the sources that manage one machine disagree, and since when.

PRODUCT.md: the Coverage page, `GET /api/coverage`, rules 4 and 12. What it leaves open is decided
in DECISIONS 92 to 95.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

from tests.support.oracle import names
from tests.support.oracle.classify import Rules
from tests.support.oracle.hub import NO_SITE, SOURCES, Hub, Key, State, by_precedence, device_id
from tests.support.oracle.links import key_of, same_name

MANAGERS = ("ninja", "threatlocker")
"""The sources of which coverage asks whether they have a machine."""


@dataclass(frozen=True)
class Finding:
    """What disagrees; it is the same one for as long as all of this stays so.

    Args:
        record: the record that it is about. other: the one that disagrees with it.
    """

    kind: str
    machine: object
    record: Key
    other: Key | None
    facts: tuple[object, ...]


@dataclass
class Coverage:
    """The findings of a hub.

    Args:
        machines: says for a day which machine a record belongs to.
    """

    hub: Hub
    machines: Callable[[date], dict[Key, object]]

    def on(self, day: date) -> set[Finding]:
        """An excluded record is no coverage: managed records only."""
        rules = self.hub.rules_on(day)
        machine_of = self.machines(day)
        managed = [s for s in self.hub.records(day).values() if s.status != "excluded"]
        together: dict[object, list[State]] = {}
        for state in managed:
            together.setdefault(machine_of[key_of(state)], []).append(state)
        found: set[Finding] = set()
        for machine, states in together.items():
            ordered = by_precedence(states, rules)
            found.update(self.gaps(machine, ordered, day))
            found.update(self.twice(machine, states))
            found.update(self.disagreements(machine, ordered, rules))
        found.update(self.one_name(managed, machine_of))
        found.update(self.one_serial(managed, machine_of))
        return found

    def gaps(self, machine: object, ordered: list[State], day: date) -> Iterable[Finding]:
        """A source that is not collected (yet, or any more) misses nothing. A licence of
        ThreatLocker is paid for each record; the others count machines."""
        have = {state.source for state in ordered}
        asked = {source for source in MANAGERS if self.collected(source, day)}
        ninja = [s for s in ordered if s.source == "ninja" and s.status == "billable"
                 and s.device_type in ("server", "workstation")]  # fmt: skip
        if "threatlocker" in asked - have:
            yield from (gap("ninja_without_threatlocker", machine, s) for s in ninja[:1])
        if "ninja" in asked - have:
            yield from (gap("threatlocker_without_ninja", machine, s)
                        for s in ordered if s.source == "threatlocker")  # fmt: skip
        if asked and have == {"agent"}:
            yield gap("agent_only", machine, ordered[0])

    def collected(self, source: str, day: date) -> bool:
        snapshot = self.hub.standing(source, day)
        return snapshot is not None and not snapshot.ended

    def twice(self, machine: object, states: list[State]) -> Iterable[Finding]:
        for source in SOURCES:
            first, *rest = by_id(s for s in states if s.source == source) or [None]
            for other in rest:
                assert first and other
                yield pair("duplicate", machine, first, other, "machine")

    def disagreements(
        self, machine: object, ordered: list[State], rules: Rules
    ) -> Iterable[Finding]:
        """The primary record of those that can disagree stands for one side. A guest that is spare
        by its class disagrees with nobody, nor does a record without a site."""
        by_class = [s for s in ordered if s.status == "spare"
                    and s.row.node_class in rules.spare_node_classes]  # fmt: skip
        comparable = [s for s in ordered if s not in by_class]
        for other in comparable[1:]:
            if other.status != comparable[0].status:
                spare = next(s for s in (comparable[0], other) if s.status == "spare")
                yield pair("spare_mismatch", machine, comparable[0], other, spare.source)
        placed = [state for state in ordered if state.site != NO_SITE]
        for other in placed[1:]:
            if other.site != placed[0].site:
                yield pair("site_mismatch", machine, placed[0], other,
                           placed[0].row.org, other.row.org)  # fmt: skip
        named = [(state, name) for state in ordered if (name := own_name(state))]
        for other, name in named[1:]:
            if name != named[0][1]:
                yield pair("name_mismatch", machine, named[0][0], other, named[0][1], name)

    def one_name(self, managed: list[State], machine_of: dict[Key, object]) -> Iterable[Finding]:
        """One source has two machines of one name at one site."""
        groups: dict[object, list[State]] = {}
        for state in managed:
            name = names.hostname(state.row.hostname)
            if name is not None and state.site != NO_SITE:
                groups.setdefault((state.source, state.site, name), []).append(state)
        for group in groups.values():
            ordered = by_id(group)
            for number, other in enumerate(ordered):
                first = next((s for s in ordered[:number] if same_name(s, other)), other)
                machine = machine_of[key_of(first)]
                if machine != machine_of[key_of(other)]:
                    name = names.hostname(first.row.hostname)
                    yield pair("duplicate", machine, first, other, "hostname", name)

    def one_serial(self, managed: list[State], machine_of: dict[Key, object]) -> Iterable[Finding]:
        """Records of one serial number that are two machines, because their sites differ. More than
        three of one source show a maker's placeholder (DECISIONS 81 and 88)."""
        groups: dict[str, list[State]] = {}
        for state in managed:
            number = names.serial(state.row.serial)
            if number is not None:
                groups.setdefault(number, []).append(state)
        for number, group in groups.items():
            sources = [state.source for state in group]
            placed = by_id(s for s in group if s.site != NO_SITE)
            if any(sources.count(source) > 3 for source in SOURCES):
                continue
            for other in placed[1:]:
                first, machine = placed[0], machine_of[key_of(placed[0])]
                if machine != machine_of[key_of(other)] and first.site != other.site:
                    yield pair("site_mismatch", machine, first, other,
                               first.row.org, other.row.org, number)  # fmt: skip

    def since(self, day: date) -> dict[Finding, date]:
        """The findings of a day, each with the first day of its unbroken run."""
        found = dict.fromkeys(self.on(day), day)
        open_ones = set(found)
        edges = sorted(self.hub.days_of_change(), reverse=True)
        for edge in [edge for edge in edges if edge <= day]:
            open_ones &= self.on(edge)
            found |= dict.fromkeys(open_ones, edge)
        return found


def by_id(states: Iterable[State]) -> list[State]:
    """PRODUCT.md leaves open which of two alike records is named first: that of the lower id."""
    return sorted(states, key=device_id)


def gap(kind: str, machine: object, state: State) -> Finding:
    return Finding(kind, machine, key_of(state), None, (state.row.org,))


def pair(kind: str, machine: object, first: State, other: State, *facts: object) -> Finding:
    return Finding(kind, machine, key_of(first), key_of(other), facts)


def own_name(state: State) -> str | None:
    """What a source calls a machine, without case and spaces; None when that is its hostname."""
    name = state.row.display_name or ""
    if state.source == "threatlocker":
        name = name.split("|")[0]
    bare = "".join(name.split()).casefold()
    hostname = "".join((state.row.hostname or "").split()).casefold()
    repeats = bare == hostname or names.hostname(name) == names.hostname(hostname) is not None
    return None if repeats else bare or None
