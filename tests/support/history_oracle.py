"""A plain-Python inventory hub: the rules of the numbers without a database.

It keeps every published day whole, as dictionaries, and answers what a day must show. It shares
with the product only the two name rules (`match_name`, `real_serial`/`host_key`), which have tests
of their own.
"""

import calendar
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from db.site_names import match_name
from etl.rules.evidence import real_serial
from tests.support.link_oracle import NOWHERE, LinkRecord, Matching, differ

ORDER = ("ninja", "threatlocker", "agent")


@dataclass(frozen=True)
class Row:
    """One device row of a simulated source."""

    key: str
    org: str | None
    org_name: str
    hostname: str | None
    serial: str | None
    node_class: str | None
    display_name: str | None
    managed: bool = True
    broken: bool = False
    contact: datetime | None = None


@dataclass(frozen=True)
class Known:
    """What a published day says of a device."""

    site: int
    device_type: str
    status: str
    hostname: str | None
    serial: str | None
    node_class: str | None
    display_name: str | None
    asset: tuple[str, str]
    version: int = 1
    contact: datetime | None = None


Device = tuple[str, str]


@dataclass
class LinkFact:
    device: Device
    asset: Device
    since: date
    by: tuple[str, date]
    until: date | None = None
    ended_by: tuple[str, date] | None = None


@dataclass
class Oracle:
    """The whole memory. `days[source][date]` is a published day that is needed; `published` names
    all of them."""

    retention: int
    months: int
    close_days: int = 3
    words: tuple[str, ...] = ("spare",)
    version: int = 1
    adopted: tuple[str, ...] = ()
    published: dict[str, set[date]] = field(default_factory=dict)
    ends: set[tuple[str, date]] = field(default_factory=set)
    withdrawn: set[tuple[str, date]] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)
    reopened: set[str] = field(default_factory=set)
    closings: list["Closing"] = field(default_factory=list)
    gone_days: date = date.min
    gone_months: str = ""
    days: dict[str, dict[date, dict[str, Known]]] = field(default_factory=dict)
    site_names: list[str] = field(default_factory=list)
    aliases: dict[tuple[str, str], int] = field(default_factory=dict)
    links: list[LinkFact] = field(default_factory=list)
    first_seen: dict[Device, date] = field(default_factory=dict)
    held: dict[str, tuple[date, dict[str, Row], set[str]]] = field(default_factory=dict)

    # What a run becomes.

    def run(self, source: str, day: date, rows: list[Row]) -> str:
        """Take one fetched fleet; answer the state of the run."""
        if not [row for row in rows if not row.broken]:
            return "failed"
        self.adopt()
        if not self.may_publish(source, day):
            return "refused"
        before = self.standing(source)
        broken = {row.key for row in rows if row.broken}
        good = {row.key: row for row in rows if not row.broken}
        places = self._places(source, day, good, broken)
        after = {key: self.seen(places, row) for key, row in good.items()}
        after |= {key: self._was(before[key]) for key in broken & before.keys()}
        old = {key: self._was(known) for key, known in before.items()}
        complete = {(source, day) for day in self.published.get(source, ())} - self.ends
        bad = suspicious(old, after, len(complete))
        if bad and not too_large(old, after) and source in self.held:
            held_day, held_rows, held_broken = self.held[source]
            if held_day < day:
                held = {key: old[key] for key in held_broken & old.keys()}
                held |= {key: self.seen(places, row) for key, row in held_rows.items()}
                bad = suspicious(held, after, len(complete))
        if bad:
            self.held[source] = (day, good, broken)
            return "suspicious"
        self._publish(source, day, good, broken & before.keys())
        return "complete"

    def adopt(self) -> None:
        """Rules that differ are another version."""
        if self.words != self.adopted:
            self.version += 1 if self.adopted else 0
            self.adopted = self.words

    def may_publish(self, source: str, day: date) -> bool:
        """Whether a day can be published; today is not before it."""
        newest = max(self.published.get(source, ()), default=date.min)
        if day < newest or day < self.gone_days or day <= self.border():
            return False
        return day > newest or self.may_undo(source, day)

    def may_undo(self, source: str, day: date) -> bool:
        """Whether what stood before a source's newest day is still there."""
        later = any(name == source and past > day for name, past in self.withdrawn)
        return day > self.gone_days or not later

    # What people decide; False when it is refused.

    def accept(self, source: str) -> bool:
        if source not in self.held or not self.may_publish(source, self.held[source][0]):
            return False
        self.adopt()
        day, rows, broken = self.held[source]
        self._publish(source, day, rows, broken)
        return True

    def reject(self, source: str) -> bool:
        return self.held.pop(source, None) is not None

    def withdraw(self, source: str) -> bool:
        newest = max(self.published.get(source, ()), default=date.min)
        if newest <= self.border() or not self.may_undo(source, newest):
            return False
        self._undo(source, newest)
        self.published[source].remove(newest)
        self.ends.discard((source, newest))
        self.withdrawn.add((source, newest))
        return True

    def end(self, source: str, today: date) -> bool:
        if not self.published.get(source) or self.ended(source):
            return False
        if not self.may_publish(source, today):
            return False
        self.adopt()
        self._publish(source, today, {}, set())
        self.ends.add((source, today))
        return True

    def ended(self, source: str) -> bool:
        return (source, max(self.published[source])) in self.ends

    # Months.

    def border(self) -> date:
        return month_end(max(self.closed)) if self.closed else date.min

    def next_month(self) -> str | None:
        """The oldest open month that is over."""
        if not any(self.published.values()):
            return None
        running = f"{self.today():%Y-%m}"
        if self.closed:
            month = month_after(max(self.closed))
        else:
            month = f"{min(min(days) for days in self.published.values() if days):%Y-%m}"
            while month < running and not self.keeps(month_end(month)):
                month = month_after(month)
        return month if month < running else None

    def hindered(self, month: str) -> bool:
        """Whether the oldest open month waits for a click."""
        end = month_end(month)
        if month in self.reopened or self.today() < end + timedelta(days=self.close_days):
            return True
        for source, days in self.published.items():
            standing = max((day for day in days if day <= end), default=None)
            if standing is None or (source, standing) in self.ends or self.ended(source):
                continue
            if standing < end - timedelta(days=2):
                return True
        return any(day <= end for day, _, _ in self.held.values())

    def close(self, month: str) -> bool:
        if month != self.next_month():
            return False
        self.closings.append(self._closing(month))
        self.closed.append(month)
        return True

    def reopen(self, month: str) -> bool:
        if not self.closed or month != max(self.closed) or not self.keeps(month_end(month)):
            return False
        self.closed.remove(month)
        self.reopened.add(month)
        return True

    def settle(self) -> None:
        """What follows every collection."""
        while (month := self.next_month()) and not self.hindered(month):
            self.close(month)
        if any(self.published.values()):
            self.purge()

    def _closing(self, month: str) -> "Closing":
        end = month_end(month)
        first = min(min(days) for days in self.published.values() if days)
        days = [end.replace(day=number) for number in range(1, end.day + 1)]
        known = [day for day in days if day >= first and self.keeps(day)]
        spoken = {day: self.machines(day) for day in known}
        billable: Counter[Device] = Counter()
        daily: dict[str, dict[date, Counter[int]]] = {}
        for day in known:
            for device, record in self.records(day).items():
                billable[device] += record.status == "billable"
            for source in self.published:
                if min(self.published[source], default=date.max) <= day:
                    counts = Counter(k.site for k in self.standing(source, day).values()
                                     if k.status == "billable")  # fmt: skip
                    daily.setdefault(source, {})[day] = with_all(counts)
                    records = daily.setdefault("records", {})
                    records[day] = records.get(day, Counter()) + with_all(counts)
            counts = Counter(v.site for v in spoken[day].values() if v.status == "billable")
            daily.setdefault("assets", {})[day] = with_all(counts)
        members = {}
        for device, record in self.records(end).items():
            voice = spoken[end][record.asset]
            told: tuple[object, ...] = (None, None, None)
            if voice.device == device:
                asset_days = sum(
                    record.asset in voices and voices[record.asset].status == "billable"
                    for voices in spoken.values()
                )
                told = (voice.kind, ", ".join(voice.sources), asset_days)
            members[device] = (
                self.called(record.site), record.device_type, record.status, record.hostname,
                billable[device], *told,
            )  # fmt: skip
        return Closing(month, members, self._all_counts(end), bases_of(daily, end))

    def _all_counts(self, day: date) -> Counter[tuple[str, ...]]:
        found = Counter({("assets", *key): n for key, n in self.asset_counts(day).items()})
        for source in self.published:
            found.update({(source, *key): n for key, n in self.counts(source, day).items()})
        return found

    def standing(self, source: str, day: date = date.max) -> dict[str, Known]:
        """The newest published day on or before `day`."""
        published = [d for d in self.days.get(source, {}) if d <= day]
        return self.days[source][max(published)] if published else {}

    @staticmethod
    def _was(known: Known) -> "Seen":
        return known.site, known.status, known.serial, known.version

    def called(self, site: int) -> str:
        return "(no site)" if site == NOWHERE else self.site_names[site]

    def seen(self, places: dict[str, int | None], row: Row) -> "Seen":
        """What suspicion looks at."""
        place: object = places.get(row.org) if row.org else NOWHERE
        site = f"new {row.org}" if place is None else place
        return site, status_of(row, self.words), row.serial, self.version

    def _places(
        self, source: str, day: date, rows: dict[str, Row], broken: set[str]
    ) -> dict[str, int | None]:
        """Where each organization belongs; None for one that gets a site of its own."""
        names = {row.org: row.org_name for row in rows.values() if row.org}
        places: dict[str, int | None] = {
            org: site for (name, org), site in self.aliases.items() if name == source
        }
        standing = self.standing(source, day - timedelta(days=1))
        taken = {standing[key].site for key in broken & standing.keys()}
        taken |= {place for org in names if (place := places.get(org)) is not None}
        for org in sorted(names.keys() - places.keys()):
            free = [
                site
                for site, known in enumerate(self.site_names)
                if match_name(known) == match_name(names[org]) and site not in taken
            ]
            exact = [site for site in free if self.site_names[site] == names[org]]
            meant = exact or free
            places[org] = meant[0] if len(meant) == 1 else None
            taken |= set(meant) if len(meant) == 1 else set()
        return places

    def _publish(self, source: str, day: date, rows: dict[str, Row], keep: set[str]) -> None:
        if day in self.days.get(source, {}):
            self._undo(source, day)
        self.held.pop(source, None)
        self.ends.discard((source, day))
        self.published.setdefault(source, set()).add(day)
        standing = self.standing(source)
        self._settle_sites(source, day, rows, keep)
        known: dict[str, Known] = {}
        for key in sorted(rows):
            row = rows[key]
            device = (source, key)
            asset = self.follow(device)[-1]
            known[key] = Known(
                self.aliases[source, row.org] if row.org else NOWHERE,
                type_of(row), status_of(row, self.words),
                row.hostname, row.serial, row.node_class, row.display_name, asset, self.version,
                row.contact,
            )  # fmt: skip
        kept = {key: standing[key] for key in keep if key in standing}
        here = known.keys() | kept.keys()
        former = self._former(source, day, here, set(rows) - standing.keys(), known)
        self._link(source, day, known, kept, former)
        known |= kept
        for key in known:
            self.first_seen.setdefault((source, key), day)
        self.days.setdefault(source, {})[day] = known

    def _settle_sites(self, source: str, day: date, rows: dict[str, Row], keep: set[str]) -> None:
        names = {row.org: row.org_name for row in rows.values() if row.org}
        for org, site in sorted(self._places(source, day, rows, keep).items()):
            if (source, org) not in self.aliases:
                if site is None:
                    self.site_names.append(names[org])
                    site = len(self.site_names) - 1
                self.aliases[source, org] = site

    def _undo(self, source: str, day: date) -> None:
        gone = self.days[source].pop(day)
        self.links = [link for link in self.links if link.by != (source, day)]
        for link in self.links:
            if link.ended_by == (source, day):
                link.until = link.ended_by = None
        for key in gone:
            if not any(key in known for known in self.days[source].values()):
                self.first_seen.pop((source, key), None)
                self.links = [link for link in self.links if link.device != (source, key)]

    def _former(
        self, source: str, day: date, standing: set[str], new: set[str], known: dict[str, Known]
    ) -> list[tuple[str, Known]]:
        if not self.standing(source):
            return []
        wanted = {real_serial(known[key].serial) for key in new} - {None}
        newest: dict[str, Known] = {}
        for published in sorted(self.days.get(source, {})):
            for key, was in self.days[source][published].items():
                if real_serial(was.serial) in wanted and key not in standing:
                    newest[key] = was
        return list(newest.items())

    # Links.

    def _link(
        self,
        source: str,
        day: date,
        known: dict[str, Known],
        kept: dict[str, Known],
        former: list[tuple[str, Known]],
    ) -> None:
        def link_record(device: Device, was: Known, gone: bool = False) -> LinkRecord:
            turn = self.first_seen.get(device, date.max)
            return LinkRecord(
                device, product_id(device), was.site, was.hostname, was.serial,
                was.node_class == "VMWARE_VM_GUEST", was.contact, was.asset, turn, gone,
            )  # fmt: skip

        matching = Matching(
            [link_record((source, key), was) for key, was in {**known, **kept}.items()],
            [
                link_record((name, key), was)
                for name in self.days
                if name != source
                for key, was in self.standing(name, day).items()
            ],
            [link_record((source, key), was, gone=True) for key, was in former],
            {(source, key) for key in kept},
            self._named_later(day),
        )
        for old in matching.former:
            old.asset = self.follow(old.device)[-1]
        ended = matching.contradicted()
        for device in ended:
            self._end_link(device, source, day)
        for device, asset in matching.begun():
            self.links.append(LinkFact(device, asset, day, (source, day)))
        for key in known.keys() - self.standing(source).keys():
            # Who comes back answers straight to what its machine has become.
            chain = self.follow((source, key))
            if len(chain) > 2:
                self._end_link((source, key), source, day)
                self.links.append(LinkFact((source, key), chain[-1], day, (source, day)))
        for one in matching.mine:
            if one.device[1] in known:
                known[one.device[1]] = replace(known[one.device[1]], asset=one.asset)

    def _named_later(self, day: date) -> set[Device]:
        """The devices to which links lead that begin after `day`."""
        found: set[Device] = set()
        ahead = [link.asset for link in self.links if link.since > day]
        while ahead:
            one = ahead.pop()
            if one not in found:
                found.add(one)
                mine = [link for link in self.links if link.device == one]
                ahead += [link.asset for link in mine if link.until is None or link.until > day]
        return found

    def _end_link(self, device: Device, source: str, day: date) -> None:
        for link in self.links:
            if link.device == device and link.until is None:
                link.until, link.ended_by = day, (source, day)

    def follow(self, device: Device) -> list[Device]:
        """The device, the one that its link names, and so on to the end."""
        chain = [device]
        while True:
            onwards = [
                link.asset for link in self.links if link.device == chain[-1] and not link.until
            ]
            if not onwards or onwards[0] in chain:
                return chain
            chain.append(onwards[0])

    def purge(self) -> None:
        """Forget the days that no kept day needs; each source's newest two stay."""
        kept = self.kept()
        self.gone_days = max(self.gone_days, self.daily_from())
        self.gone_months = self.oldest_month()
        for source, days in self.days.items():
            published = sorted(days)
            for day, following in zip(published[:-2], published[1:-1], strict=True):
                if not any(day <= k < following for k in kept):
                    del days[day]
            left = {key for known in days.values() for key in known}
            self.first_seen = {
                device: seen
                for device, seen in self.first_seen.items()
                if device[0] != source or device[1] in left
            }
            self.links = [
                link for link in self.links if link.device[0] != source or link.device[1] in left
            ]

    # What a day shows.

    def today(self) -> date:
        return max(day for days in self.published.values() for day in days)

    def kept_since(self) -> date | None:
        """The day after the border; after the one that was, when every month was reopened."""
        if self.closed:
            return self.border() + timedelta(days=1)
        return month_end(min(self.reopened)).replace(day=1) if self.reopened else None

    def daily_from(self) -> date:
        first = self.today() - timedelta(days=self.retention - 1)
        since = self.kept_since()
        return min(self.today(), max(min(first, since or first), self.gone_days))

    def oldest_month(self) -> str:
        oldest = f"{self.today():%Y-%m}"
        for _ in range(self.months):
            oldest = f"{month_end(oldest).replace(day=1) - timedelta(days=1):%Y-%m}"
        since = self.kept_since()
        if since is not None:
            oldest = min(oldest, f"{since:%Y-%m}")
        return max(oldest, self.gone_months)

    def keeps(self, day: date) -> bool:
        month = f"{day:%Y-%m}"
        monthly = self.oldest_month() <= month < f"{self.today():%Y-%m}"
        return day >= self.daily_from() or (monthly and day == month_end(month))

    def kept(self) -> list[date]:
        """Every kept day from the first snapshot to today."""
        first = min(day for days in self.days.values() for day in days)
        span = (self.today() - first).days
        every = (first + timedelta(days=n) for n in range(span + 1))
        daily_from, oldest = self.daily_from(), self.oldest_month()
        running = f"{self.today():%Y-%m}"
        return [
            day
            for day in every
            if day >= daily_from
            or ((day + timedelta(days=1)).day == 1 and oldest <= f"{day:%Y-%m}" < running)
        ]

    def records(self, day: date) -> dict[Device, Known]:
        return {
            (source, key): known
            for source in self.days
            for key, known in self.standing(source, day).items()
        }

    def counts(self, source: str, day: date) -> Counter[tuple[str, str, str]]:
        return Counter(
            (self.called(known.site), known.device_type, known.status)
            for known in self.standing(source, day).values()
        )

    def asset_counts(self, day: date) -> Counter[tuple[str, str, str]]:
        return Counter(
            (self.called(voice.site), voice.kind, voice.status)
            for voice in self.machines(day).values()
        )

    def machines(self, day: date) -> dict[Device, "PrimaryRecord"]:
        """Who speaks for each machine, and what it says."""
        machines: dict[Device, list[tuple[Device, Known]]] = {}
        for device, known in self.records(day).items():
            machines.setdefault(known.asset, []).append((device, known))
        found = {}
        for asset, members in machines.items():
            managed = [m for m in members if m[1].status != "excluded"] or members
            managed.sort(
                key=lambda m: (
                    ORDER.index(m[0][0]),
                    m[1].node_class == "VMWARE_VM_GUEST",
                    -self.first_seen[m[0]].toordinal(),
                    -product_id(m[0]),
                )
            )
            device, voice = managed[0]
            types = [m[1].device_type for m in managed if m[1].device_type != "unknown"]
            kind = types[0] if types else "unknown"
            sources = tuple(name for name in ORDER if name in {m[0][0] for m in managed})
            found[asset] = PrimaryRecord(device, voice.site, kind, voice.status, sources)
        return found


Seen = tuple[object, str, str | None, int]


class PrimaryRecord(NamedTuple):
    """What the record that speaks for a machine says."""

    device: Device
    site: int
    kind: str
    status: str
    sources: tuple[str, ...]


@dataclass
class Closing:
    """What a month held when it was closed. A base is keyed by its basis and site, -1 for all:
    at the end, device-days, days, peak, peak day."""

    month: str
    members: dict[Device, tuple[object, ...]]
    counts: Counter[tuple[str, ...]]
    bases: dict[tuple[str, int], tuple[object, ...]]


def with_all(counts: Counter[int]) -> Counter[int]:
    return counts + Counter({-1: counts.total()})


def bases_of(
    daily: dict[str, dict[date, Counter[int]]], end: date
) -> dict[tuple[str, int], tuple[object, ...]]:
    found: dict[tuple[str, int], tuple[object, ...]] = {}
    for basis, days in daily.items():
        for site in {site for counts in days.values() for site, n in counts.items() if n} | {-1}:
            peak = max(counts[site] for counts in days.values())
            peak_day = min(day for day, counts in days.items() if counts[site] == peak)
            total = sum(counts[site] for counts in days.values())
            found[basis, site] = (days[end][site], total, len(days), peak, peak_day)
    return found


def month_end(month: str) -> date:
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, calendar.monthrange(year, number)[1])


def month_after(month: str) -> str:
    return f"{month_end(month) + timedelta(days=1):%Y-%m}"


def product_id(device: Device) -> int:
    """The product's own id of a device, which breaks ties."""
    from db.keys import device_id

    return device_id(*device)


def status_of(row: Row, words: tuple[str, ...]) -> str:
    if not row.managed:
        return "excluded"
    name = (row.display_name or "").lower()
    if any(word in name for word in words) or row.node_class == "VMWARE_VM_GUEST":
        return "spare"
    return "billable"


def type_of(row: Row) -> str:
    return {
        "WINDOWS_SERVER": "server",
        "WINDOWS_WORKSTATION": "workstation",
        "VMWARE_VM_GUEST": "vm_guest",
        None: "unknown",
    }[row.node_class]


def suspicious(
    before: dict[str, Seen],
    after: dict[str, Seen],
    complete_runs: int,
) -> bool:
    if not before:
        return False
    size = len(before)
    vanished = len(set(before) - set(after))
    if (vanished > 10 and vanished / size > 0.05) or (vanished and vanished / size >= 0.5):
        return True
    if emptied(before, after):
        return True
    changed = [
        key
        for key in set(before) & set(after)
        if before[key][0] != after[key][0]
        or (before[key][1] != after[key][1] and before[key][3] == after[key][3])
        or differ(before[key][2], after[key][2])
    ]
    if len(changed) > 10 and len(changed) / size > 0.05:
        return True
    growth = len(after) - size
    return complete_runs >= 7 and growth >= 50 and growth / size >= 0.25


def emptied(
    before: dict[str, Seen],
    after: dict[str, Seen],
) -> int:
    had = Counter(seen[0] for seen in before.values())
    has = {seen[0] for seen in after.values()}
    return sum(n >= 5 and place not in has for place, n in had.items())


def too_large(before: dict[str, Seen], after: dict[str, Seen]) -> bool:
    return emptied(before, after) >= 2 or len(set(before) - set(after)) >= 0.2 * len(before)
