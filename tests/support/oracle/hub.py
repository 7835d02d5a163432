"""Rules 4 to 6, 10, 13 and 14: what stands on which day, whatever happened.

Nothing derived is stored: the raw rows of every published day are, and every decision with the
day from which it holds. All answers are made anew from these.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import blake2b

from tests.support.oracle import classify, names
from tests.support.oracle.classify import Row, Rules

SOURCES = ("ninja", "threatlocker", "agent")
NO_SITE = 0
DAY = timedelta(days=1)
Key = tuple[str, str]


@dataclass(frozen=True)
class Snapshot:
    """What a source said on one business day; a quarantined row says what stood before."""

    rows: dict[str, Row]
    ended: bool = False


@dataclass(frozen=True)
class Held:
    day: date
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Decision:
    """What people decided; it holds from `first` on, the day after the border of then, and until
    the same day of when it was undone."""

    first: date
    kind: str
    arguments: tuple[object, ...]
    number: int
    undone: date = date.max

    def holds(self, day: date) -> bool:
        return self.first <= day < self.undone or (day == date.max == self.undone)


@dataclass(frozen=True)
class State:
    """A record on one day."""

    source: str
    key: str
    site: int
    device_type: str
    status: str
    row: Row
    first_seen: date


@dataclass
class Hub:
    """Everything that was told, and what stands because of it.

    Args:
        retention: kept days (rule 10). close_days: after how many days a month closes alone.
    """

    retention: int = 65
    month_ends: int = 24
    close_days: int = 3
    rules: Rules = field(default_factory=Rules)
    published: dict[str, dict[date, Snapshot]] = field(
        default_factory=lambda: {source: {} for source in SOURCES}
    )
    complete_runs: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SOURCES, 0))
    held: dict[str, Held] = field(default_factory=dict)
    site_names: dict[int, str] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    merges: dict[int, int] = field(default_factory=dict)
    purged: set[date] = field(default_factory=set)
    aliases: dict[tuple[str, str], int] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    imports: dict[tuple[str, str], list[tuple[int, str, str, int]]] = field(default_factory=dict)

    # Days.

    def newest(self, source: str | None = None) -> date | None:
        chosen = [source] if source else SOURCES
        return max((day for each in chosen for day in self.published[each]), default=None)

    def first(self, source: str | None = None) -> date | None:
        """The day of the first snapshot of a source, or of any."""
        chosen = [source] if source else SOURCES
        return min((day for each in chosen for day in self.published[each]), default=None)

    def border(self) -> date | None:
        """Rule 6: the last day of the newest closed month."""
        return last_day(self.closed[-1]) if self.closed else None

    def after_border(self) -> date:
        border = self.border()
        return border + DAY if border else date.min

    def kept(self, day: date) -> bool:
        """Rule 10: the last 65, every day after the border, the last day of 24 months. While no
        month is closed there is no border (DECISIONS 110)."""
        today = self.newest()
        if today is None or day > today:
            return True
        if day in self.purged:
            return False
        month_ends = (today.year - day.year) * 12 + today.month - day.month
        return (
            day > today - timedelta(days=self.retention)
            or day >= self.after_border() > date.min
            or (day == last_day(f"{day:%Y-%m}") and month_ends <= self.month_ends)
        )

    def resolve(self, day: date) -> date:
        """Rule 7: the nearest earlier kept day; where there is none, the day before the first, on
        which nothing is known."""
        first = self.first() or date.max
        while not self.kept(day) and day >= first:
            day -= DAY
        return day

    def standing_day(self, source: str, day: date) -> date | None:
        """Rule 4: the latest published snapshot on or before the day."""
        return max((past for past in self.published[source] if past <= day), default=None)

    def standing(self, source: str, day: date) -> Snapshot | None:
        found = self.standing_day(source, day)
        return self.published[source][found] if found else None

    # Collections (rule 5).

    def collect(self, source: str, day: date, rows: Iterable[Row], *, fails: bool = False) -> str:
        """One attempt; `complete`, `suspicious`, `failed` or `refused`."""
        if self.refuses(source, day):
            return "refused"
        told = tuple(rows)
        standing = self.standing(source, day)
        if fails or not any(row.readable and row.id_readable for row in told):  # no records
            return "failed"
        doubts = self.doubts(source, day, standing, told)
        if doubts and self.confirmed(source, day, standing, told):
            doubts = set()
        if doubts:
            self.held[source] = Held(day, told)
            return "suspicious"
        self.publish(source, day, told)
        self.held.pop(source, None)
        return "complete"

    def refuses(self, source: str, day: date) -> bool:
        """Rules 6 and 14: not before the last published day, nor on or before the border."""
        newest = self.newest(source)
        return (newest is not None and day < newest) or day < self.after_border()

    def publish(self, source: str, day: date, rows: Iterable[Row]) -> None:
        snapshot = Snapshot(self.accepted_rows(self.standing(source, day), rows))
        self.published[source][day] = snapshot
        self.complete_runs[source] += 1
        # PRODUCT.md leaves open which of two new organizations comes first: the first key does.
        for row in sorted(snapshot.rows.values(), key=lambda row: row.org or ""):
            self.meet_alias(source, day, row)

    def accepted_rows(self, standing: Snapshot | None, rows: Iterable[Row]) -> dict[str, Row]:
        """Rule 5: a quarantined row of a known device keeps its standing state."""
        known = standing.rows if standing else {}
        accepted = {}
        for row in rows:
            if not row.id_readable:
                continue
            if row.readable:
                accepted[row.key] = row
            elif row.key in known:
                accepted[row.key] = known[row.key]
        return accepted

    def doubts(
        self, source: str, day: date, standing: Snapshot | None, rows: tuple[Row, ...],
        *, grows: bool = True,
    ) -> set[str]:  # fmt: skip
        """Rule 5: why a run is suspicious against what stands."""
        found = set()
        if any(not row.id_readable for row in rows):
            found.add("id")
        if standing is None or not standing.rows:
            before: dict[str, Row] = {}
        else:
            before = standing.rows
        now = self.accepted_rows(standing, rows)
        total, gone = len(before), before.keys() - now.keys()
        if (len(gone) > 10 and len(gone) > 0.05 * total) or (total and 2 * len(gone) >= total):
            found.add("vanished")
        if self.sites_gone(source, day, before, now):
            found.add("site gone")
        changed = [key for key in before.keys() & now.keys()
                   if self.differs(source, day, before[key], now[key])]  # fmt: skip
        if len(changed) > 10 and len(changed) > 0.05 * total:
            found.add("changed")
        grown = len(now) - total
        if grows and self.complete_runs[source] >= 7 and grown >= 50 and grown >= 0.25 * total:
            found.add("grown")
        return found

    def sites_gone(
        self, source: str, day: date, before: dict[str, Row], now: dict[str, Row]
    ) -> set[int]:
        def places(rows: dict[str, Row]) -> list[int]:
            return [self.expected_site(source, row, day) for row in rows.values()]

        old, new = places(before), places(now)
        return {site for site in set(old) if old.count(site) >= 5 and site not in new}

    def expected_site(self, source: str, row: Row, day: date) -> int:
        """The site of a row; one whose alias is new is in none that stands."""
        if row.org is None:
            return NO_SITE
        if (source, row.org) not in self.aliases:
            return -1 - abs(hash((source, row.org)))
        return self.site_of(source, row.org, day)

    def differs(self, source: str, day: date, old: Row, new: Row) -> bool:
        """Rule 5: another site, billing status (under one rule version) or real serial."""
        rules = self.rules_on(day)
        sites = [self.expected_site(source, row, day) for row in (old, new)]
        serials = [names.serial(row.serial) for row in (old, new)]
        statuses = [
            classify.billing_status(row, self.site_names.get(site, ""), rules)
            for row, site in zip((old, new), sites, strict=True)
        ]
        return (
            sites[0] != sites[1]
            or statuses[0] != statuses[1]
            or (None not in serials and serials[0] != serials[1])
        )

    def confirmed(
        self, source: str, day: date, standing: Snapshot | None, rows: tuple[Row, ...]
    ) -> bool:
        """Rule 5: a later day that agrees with the held run accepts itself, with two exceptions."""
        held = self.held.get(source)
        if held is None or day <= held.day:
            return False
        as_held = Snapshot(self.accepted_rows(self.standing(source, held.day), held.rows))
        if self.doubts(source, day, as_held, rows):
            return False
        before = standing.rows if standing else {}
        now = self.accepted_rows(standing, rows)
        gone = len(before.keys() - now.keys())
        big = len(self.sites_gone(source, day, before, now)) >= 2
        return not big and not (before and gone >= 0.2 * len(before))

    # Decisions about runs (rule 5).

    def accept(self, source: str) -> bool:
        held = self.held.get(source)
        if held is None or self.refuses(source, held.day):
            return False
        self.publish(source, held.day, held.rows)
        del self.held[source]
        return True

    def reject(self, source: str) -> bool:
        return self.held.pop(source, None) is not None

    def withdraw(self, source: str) -> bool:
        newest = self.newest(source)
        if newest is None or newest < self.after_border():
            return False
        del self.published[source][newest]
        return True

    def end(self, source: str, day: date) -> bool:
        newest = self.newest(source)
        if newest is None or day < newest or day < self.after_border():
            return False
        if self.published[source][newest].ended:
            return False
        self.published[source][day] = Snapshot({}, ended=True)
        self.held.pop(source, None)
        return True

    # Sites (rule 13).

    def meet_alias(self, source: str, day: date, row: Row) -> None:
        """A new alias joins a site whose name is equal, else makes a new one."""
        if row.org is None or (source, row.org) in self.aliases:
            return
        wanted = names.site(row.org_name or "")
        live = {self.site_of(source, other.org, day)
                for other in self.published[source][day].rows.values()
                if other.org is not None and (source, other.org) in self.aliases}  # fmt: skip
        known = [
            (site, name) for site, name in self.site_names.items()
            if names.site(name) == wanted and self.standing_site(site) not in live
        ]  # fmt: skip
        meant = self.meant(row.org_name or "", known)
        if len(meant) == 1:  # two wait for a person, as a new site
            self.aliases[source, row.org] = meant.pop()
            return
        site = len(self.site_names) + 1
        self.site_names[site] = row.org_name or ""
        self.aliases[source, row.org] = site

    def meant(self, name: str, equal: list[tuple[int, str]]) -> set[int]:
        """Of sites of equal normalised name those that are spelt exactly so; else what one spelt
        exactly so was merged into; else all (decided in DECISIONS.md)."""
        exact = [site for site, other in equal if other == name]
        standing = {site for site in exact if site not in self.merged}
        return standing or {self.standing_site(site) for site in exact} or {
            self.standing_site(site) for site, _ in equal
        }  # fmt: skip

    def standing_site(self, site: int) -> int:
        """The site that a merged one became."""
        while site in self.merged:
            site = self.merged[site]
        return site

    def site_of(self, source: str, org: str | None, day: date) -> int:
        """Where an organization belongs on a day, as people decided since: at the site that it was
        moved to, or at the one that this was merged into."""
        if org is None:
            return NO_SITE
        site = self.aliases[source, org]
        merged: dict[int, int] = {}
        for decision in self.decisions:
            if not decision.holds(day):
                continue
            if decision.kind == "alias" and decision.arguments[:2] == (source, org):
                site = decision.arguments[2]  # type: ignore[assignment]
            elif decision.kind == "merge":
                merged[decision.arguments[0]] = decision.arguments[1]  # type: ignore[index, assignment]
        while site in merged:
            site = merged[site]
        return site

    def current_site(self, source: str, org: str) -> int:
        return self.site_of(source, org, date.max)

    def move_alias(self, source: str, org: str, site: int) -> bool:
        if self.current_site(source, org) == site:
            return False
        self.decide("alias", source, org, site)
        return True

    def merge(self, site: int, into: int) -> bool:
        if site == into or NO_SITE in (site, into) or site in self.merged or into in self.merged:
            return False
        self.merges[site] = self.decided
        self.merged[site] = into
        self.decide("merge", site, into)
        return True

    # Rules (rule 15).

    def save_rules(self, rules: Rules) -> None:
        self.decide("rules", rules)

    def rules_on(self, day: date) -> Rules:
        rules = self.rules
        for decision in self.decisions:
            if decision.kind == "rules" and decision.holds(day):
                rules = decision.arguments[0]  # type: ignore[assignment]
        return rules

    def decide(self, kind: str, *arguments: object) -> None:
        self.decisions.append(Decision(self.after_border(), kind, arguments, self.decided))

    @property
    def decided(self) -> int:
        """How many decisions there were; the number of the next one."""
        return len(self.decisions)

    def undo(self, number: int) -> None:
        """Rule 6: an undoing is a decision too, it holds from the day after the border on."""
        self.decisions = [
            replace(each, undone=max(each.first, self.after_border()))
            if each.number == number and each.undone == date.max else each
            for each in self.decisions
        ]  # fmt: skip
        for site in [site for site, merge in self.merges.items() if merge == number]:
            del self.merged[site], self.merges[site]

    # Months (rule 6).

    def close(self, month: str) -> bool:
        """Oldest first; the month must be over by the newest published business date."""
        today, first = self.newest(), self.first()
        if today is None or first is None or last_day(month) >= today:
            return False
        if month != (next_month(self.closed[-1]) if self.closed else f"{first:%Y-%m}"):
            return False
        self.closed.append(month)
        return True

    def reopen(self) -> bool:
        if not self.closed:
            return False
        self.closed.pop()
        # What was decided while it was closed restates it too: it is after the border now.
        first = self.after_border()
        self.decisions = [
            replace(
                each, first=min(each.first, first),
                undone=each.undone if each.undone == date.max else min(each.undone, first),
            )
            for each in self.decisions
        ]  # fmt: skip
        return True

    def follow_collection(self) -> None:
        """What follows every collection: months close (rule 6), days go (rule 10)."""
        while month := self.closes_alone():
            self.closed.append(month)
        today, first = self.newest(), self.first()
        while today and first and first < today:
            if not self.kept(first):
                self.purged.add(first)
            first += DAY

    def closes_alone(self) -> str | None:
        """Rule 6: the oldest open month, when nothing hinders that it closes by itself."""
        today, first = self.newest(), self.first()
        if today is None or first is None:
            return None
        month = next_month(self.closed[-1]) if self.closed else f"{first:%Y-%m}"
        end = last_day(month)
        if today <= end or today < end + timedelta(days=self.close_days) or self.held:
            return None
        for source in SOURCES:
            newest = self.newest(source)
            begun = (self.first(source) or date.max) <= end
            active = newest and begun and not self.published[source][newest].ended
            ran = any(end - timedelta(days=2) <= day <= end for day in self.published[source])
            if active and not ran:
                return None
        return month

    # Imports (rule 6).

    def import_counts(
        self, month: str, source: str, counts: list[tuple[str, str, str, int]]
    ) -> bool:
        """Month-end counts of one source by name of site, type and status; they replace what was
        imported of it. Only for months before the month of the source's first snapshot."""
        first = self.first(source)
        if first is not None and month >= f"{first:%Y-%m}" or month in self.closed:
            return False
        meant = {name: self.imported_site(name) for name, *_ in counts}
        if any(len(found) > 1 for found in meant.values()):
            return False
        self.imports[month, source] = [
            (min(meant[name]), kind, status, n) for name, kind, status, n in counts
        ]
        return True

    def remove_import(self, month: str) -> bool:
        if month in self.closed:
            return False
        known = [each for each in self.imports if each[0] == month]
        for each in known:
            del self.imports[each]
        return bool(known)

    def imported_site(self, name: str) -> set[int]:
        """Those that the name may mean; a new one when there is none."""
        wanted = names.site(name)
        equal = [(site, n) for site, n in self.site_names.items() if names.site(n) == wanted]
        if not equal:
            site = len(self.site_names) + 1
            self.site_names[site] = name
            return {site}
        return self.meant(name, equal)

    # What stands.

    def days_of_change(self) -> set[date]:
        """The days on which anything can differ from the day before."""
        published = {day for days in self.published.values() for day in days}
        decided = {day for each in self.decisions for day in (each.first, each.undone)}
        return published | (decided - {date.min, date.max})

    def first_seen(self, source: str, key: str) -> date:
        return min(day for day, said in self.published[source].items() if key in said.rows)

    def records(self, day: date) -> dict[Key, State]:
        """Every record that stands on the day, by source and key."""
        rules = self.rules_on(day)
        found = {}
        for source in SOURCES:
            snapshot = self.standing(source, day)
            for key, row in (snapshot.rows if snapshot else {}).items():
                site = self.site_of(source, row.org, day)
                status = classify.billing_status(row, self.site_names.get(site, ""), rules)
                found[source, key] = State(
                    source, key, site, classify.device_type(row), status, row,
                    self.first_seen(source, key),
                )  # fmt: skip
        return found

    def assets(self, day: date, machines: dict[Key, object]) -> dict[object, State]:
        """Rule 4: each machine once, as the record that speaks for it has it."""
        together: dict[object, list[State]] = {}
        for key, state in self.records(day).items():
            together.setdefault(machines[key], []).append(state)
        rules = self.rules_on(day)
        return {machine: speaker(states, rules) for machine, states in together.items()}


def device_id(state: State) -> int:
    """The id by which a device is known: 63 bits of blake2b of source, a zero byte and its key."""
    text = f"{state.source}\0{state.key}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1


def by_precedence(states: list[State], rules: Rules) -> list[State]:
    """Rule 4: by the order of sources; in one, the record first seen last, a spare-class guest
    never while another exists. Which of two first seen together is left open: the higher id."""

    def rank(state: State) -> tuple[object, ...]:
        return (
            rules.source_order.index(state.source),
            state.row.node_class in rules.spare_node_classes,
            -state.first_seen.toordinal(),
            -device_id(state),
        )

    return sorted(states, key=rank)


def speaker(states: list[State], rules: Rules) -> State:
    """Rule 4: who speaks for a machine: a managed record before excluded ones, the first in the
    order of precedence; the first known type."""
    candidates = [state for state in states if state.status != "excluded"] or states
    ordered = by_precedence(candidates, rules)
    known = [state.device_type for state in ordered if state.device_type != "unknown"]
    return replace(ordered[0], device_type=known[0] if known else "unknown")


def last_day(month: str) -> date:
    return date(int(month[:4]) + int(month[5:]) // 12, int(month[5:]) % 12 + 1, 1) - DAY


def next_month(month: str) -> str:
    return f"{last_day(month) + DAY:%Y-%m}"
