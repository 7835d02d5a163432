"""Rules 2, 4, 6 to 8, 11 and 15: the numbers that people are shown."""

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tests.support.oracle.hub import DAY, SOURCES, Hub, Key, State, last_day, next_month

BARS = ("added", "removed", "moved_in", "moved_out", "reclassified_in", "reclassified_out")


@dataclass(frozen=True)
class Question:
    """A basis and the filters; an empty filter lets all pass."""

    basis: str
    sites: frozenset[int] = field(default=frozenset())
    types: frozenset[str] = field(default=frozenset())
    statuses: frozenset[str] = field(default=frozenset({"billable"}))

    def in_sites(self, state: State) -> bool:
        return not self.sites or state.site in self.sites

    def in_others(self, state: State) -> bool:
        return (not self.types or state.device_type in self.types) and (
            state.status in self.statuses
        )

    def counts(self, state: State | None) -> bool:
        """Rule 8: present, in the site filter and in all other filters."""
        return state is not None and self.in_sites(state) and self.in_others(state)


Machines = dict[date, dict[Key, object]]


@dataclass
class Answers:
    """The numbers of a hub that nothing more happens to. `machines` says for each day which machine
    a record belongs to."""

    hub: Hub
    machines: Machines
    presences: dict[tuple[str, date], dict[object, State]] = field(default_factory=dict)

    def sources(self, basis: str) -> tuple[str, ...]:
        return SOURCES if basis in ("records", "assets") else (basis,)

    def known(self, basis: str, day: date) -> bool:
        """Rule 7: whether the basis has a snapshot on or before the day."""
        return any(self.hub.standing_day(source, day) for source in self.sources(basis))

    def present(self, basis: str, day: date) -> dict[object, State]:
        """Rule 4: what a basis counts on a day, by what makes it the same on another day."""
        if (basis, day) not in self.presences:
            self.presences[basis, day] = self.find_present(basis, day)
        return self.presences[basis, day]

    def find_present(self, basis: str, day: date) -> dict[object, State]:
        if basis == "assets":
            return dict(self.hub.assets(day, self.machines[day]))
        return {
            key: state
            for key, state in self.hub.records(day).items()
            if state.source in self.sources(basis)
        }

    def count(self, question: Question, day: date) -> int | None:
        if not self.known(question.basis, day):
            return None
        states = self.present(question.basis, day).values()
        return sum(question.counts(state) for state in states)

    # Rule 8.

    def changes(self, question: Question, before: date, after: date) -> "Changes":
        if not self.known(question.basis, before):
            closing = self.count(question, after)
            return Changes(None, closing, dict.fromkeys(BARS), {})
        old = self.present(question.basis, before)
        new = self.present(question.basis, after)
        stood = {}
        for who in old.keys() | new.keys():
            bar = bar_of(question, old.get(who), new.get(who))
            if bar:
                stood[who] = bar
        bars: dict[str, int | None] = {
            bar: sum(each == bar for each in stood.values()) for bar in BARS
        }
        return Changes(self.count(question, before), self.count(question, after), bars, stood)

    # Rules 6 and 11.

    def months(self, question: Question, as_of: date) -> dict[str, int | None]:
        """The count at each month-end up to `as_of`; None: not known."""
        imported = [month for month, _ in self.hub.imports]
        first = self.hub.first()
        begins = min([*imported, *([f"{first:%Y-%m}"] if first else [])], default=None)
        found: dict[str, int | None] = {}
        month = begins
        while month is not None and month <= f"{as_of:%Y-%m}":
            found[month] = self.month_end(question, month, as_of)
            month = next_month(month)
        return found

    def month_end(self, question: Question, month: str, as_of: date) -> int | None:
        """Rule 6: the latest snapshot of each source; an import only before its first one."""
        day = min(last_day(month), as_of)
        if question.basis == "assets":
            return self.count(question, day)
        parts = []
        for source in self.sources(question.basis):
            if self.hub.standing_day(source, day):
                parts.append(self.count(Question(source, question.sites, question.types,
                                                 question.statuses), day))  # fmt: skip
            elif (month, source) in self.hub.imports and self.import_counts(month, source):
                parts.append(sum(
                    n for site, kind, status, n in self.hub.imports[month, source]
                    if (not question.sites or site in question.sites)
                    and (not question.types or kind in question.types)
                    and status in question.statuses
                ))  # fmt: skip
        known = [part for part in parts if part is not None]
        return sum(known) if known else None

    def import_counts(self, month: str, source: str) -> bool:
        first = self.hub.first(source)
        return first is None or month < f"{first:%Y-%m}"

    # Rule 15.

    def bases(self, question: Question, month: str, as_of: date) -> "dict[int | None, Bases]":
        """By site, None: the total; every calendar day with its standing state."""
        day, last = date.fromisoformat(f"{month}-01"), min(last_day(month), as_of)
        daily: dict[int | None, dict[date, int]] = {None: {}}
        members: dict[int | None, set[object]] = {None: set()}
        days = []
        while day <= last:
            if self.known(question.basis, day):
                days.append(day)
                for who, state in self.present(question.basis, day).items():
                    if question.counts(state):
                        for place in (None, state.site):
                            counted = daily.setdefault(place, {})
                            counted[day] = counted.get(day, 0) + 1
                            members.setdefault(place, set()).add(who)
            day += DAY
        found = {}
        for place, counted in daily.items():
            total = sum(counted.values())
            peak = max((counted.get(day, 0) for day in days), default=0)
            found[place] = Bases(
                month_end=counted.get(last, 0), device_days=total, days=len(days),
                average=rounded(Fraction(total, len(days)), 2) if days else None,
                peak=peak, present=len(members[place]),
            )  # fmt: skip
        return found


@dataclass(frozen=True)
class Changes:
    opening: int | None
    closing: int | None
    bars: dict[str, int | None]
    stood: dict[object, str]


@dataclass(frozen=True)
class Bases:
    month_end: int
    device_days: int
    days: int
    average: float | None
    peak: int
    present: int


def bar_of(question: Question, old: State | None, new: State | None) -> str | None:
    """Rule 8: the bar in which a device stands between two days."""
    counted_before, counted_now = question.counts(old), question.counts(new)
    if counted_before == counted_now:
        return None
    other = old if counted_now else new
    if other is None:
        return "added" if counted_now else "removed"
    way = "in" if counted_now else "out"
    return f"reclassified_{way}" if question.in_sites(other) else f"moved_{way}"


def rounded(value: Fraction, places: int) -> float:
    """Rule 11: half away from zero."""
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return float(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def percent_change(before: int | None, now: int | None) -> float | None:
    """Rule 11: from zero "new", from unknown "no data", both None."""
    if not before or now is None:
        return None
    return rounded(Fraction((now - before) * 100, before), 1)
