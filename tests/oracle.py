"""A plain-Python inventory hub: the rules of the numbers without a database.

It keeps every published day whole, as dictionaries, and answers what a day must show. It shares
with the product only the two name rules (`match_name`, `real_serial`/`host_key`), which have tests
of their own.
"""

import calendar
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

from etl.rules.assets import host_key, real_serial
from etl.rules.site_names import match_name

ORDER = ("ninja", "threatlocker", "agent")


@dataclass(frozen=True)
class Row:
    """One device row of a simulated source."""

    key: str
    org: str
    org_name: str
    hostname: str | None
    serial: str | None
    node_class: str | None
    display_name: str | None
    managed: bool = True
    broken: bool = False


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
    """The whole memory. `days[source][date]` is a published day."""

    retention: int
    months: int
    days: dict[str, dict[date, dict[str, Known]]] = field(default_factory=dict)
    site_names: list[str] = field(default_factory=list)
    aliases: dict[tuple[str, str], int] = field(default_factory=dict)
    links: list[LinkFact] = field(default_factory=list)
    first_seen: dict[Device, date] = field(default_factory=dict)
    held: dict[str, tuple[date, dict[str, Row]]] = field(default_factory=dict)
    complete_days: dict[str, set[date]] = field(default_factory=dict)

    # What a run becomes.

    def run(self, source: str, day: date, rows: list[Row]) -> str:
        """Take one fetched fleet; answer the state of the run."""
        if not [row for row in rows if not row.broken]:
            return "failed"
        before = self.standing(source)
        broken = {row.key for row in rows if row.broken}
        good = {row.key: row for row in rows if not row.broken}
        places = self._places(source, good)
        after = {key: seen(places, row) for key, row in good.items()}
        after |= {key: self._was(before[key]) for key in broken & before.keys()}
        old = {key: self._was(known) for key, known in before.items()}
        bad = suspicious(old, after, len(self.complete_days.get(source, ())))
        if bad and not too_large(old, after) and source in self.held:
            held_day, held_rows = self.held[source]
            if held_day < day:
                held = {key: seen(places, row) for key, row in held_rows.items()}
                bad = suspicious(held, after, 0)
        if bad:
            self.held[source] = (day, good)
            return "suspicious"
        self._publish(source, day, good, broken & before.keys())
        self.held.pop(source, None)
        self.complete_days.setdefault(source, set()).add(day)
        return "complete"

    def standing(self, source: str, day: date = date.max) -> dict[str, Known]:
        """The newest published day on or before `day`."""
        published = [d for d in self.days.get(source, {}) if d <= day]
        return self.days[source][max(published)] if published else {}

    @staticmethod
    def _was(known: Known) -> tuple[object, str, str | None]:
        return known.site, known.status, known.serial

    def _places(self, source: str, rows: dict[str, Row]) -> dict[str, int | None]:
        """Where each organization belongs; None for one that gets a site of its own."""
        names = {row.org: row.org_name for row in rows.values()}
        places: dict[str, int | None] = {
            org: site for (name, org), site in self.aliases.items() if name == source
        }
        taken = {places[org] for org in names if org in places}
        for org in sorted(names.keys() - places.keys()):
            free = [
                site
                for site, known in enumerate(self.site_names)
                if match_name(known) == match_name(names[org]) and site not in taken
            ]
            places[org] = free[0] if len(free) == 1 else None
            taken.add(places[org])
        return places

    def _publish(self, source: str, day: date, rows: dict[str, Row], keep: set[str]) -> None:
        if day in self.days.get(source, {}):
            self._undo(source, day)
        standing = self.standing(source)
        self._settle_sites(source, rows)
        known: dict[str, Known] = {}
        for key in sorted(rows):
            row = rows[key]
            device = (source, key)
            asset = device
            if key in standing:
                asset = standing[key].asset
            else:
                for link in self.links:
                    if link.device == device and link.until is None:
                        asset = link.asset
            known[key] = Known(
                self.aliases[source, row.org], type_of(row), status_of(row), row.hostname,
                row.serial, row.node_class, row.display_name, asset,
            )  # fmt: skip
        former = self._former(source, day, set(rows), set(rows) - standing.keys(), known)
        self._link(source, day, known, former)
        for key in keep:
            if key in standing:
                known[key] = standing[key]
        for key in known:
            self.first_seen.setdefault((source, key), day)
        self.days.setdefault(source, {})[day] = known

    def _settle_sites(self, source: str, rows: dict[str, Row]) -> None:
        names = {row.org: row.org_name for row in rows.values()}
        for org, site in sorted(self._places(source, rows).items()):
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

    def _former(
        self, source: str, day: date, standing: set[str], new: set[str], known: dict[str, Known]
    ) -> list[tuple[str, Known]]:
        if not self.standing(source):
            return []
        wanted = {known[key].serial for key in new if known[key].serial}
        newest: dict[str, Known] = {}
        for published in sorted(self.days.get(source, {})):
            for key, was in self.days[source][published].items():
                if was.serial in wanted and key not in standing:
                    newest[key] = was
        return list(newest.items())

    # Links.

    def _link(
        self, source: str, day: date, known: dict[str, Known], former: list[tuple[str, Known]]
    ) -> None:
        others = [
            ((name, key), was)
            for name in self.days
            if name != source
            for key, was in self.standing(name, day).items()
        ]
        mine = {(source, key): now for key, now in known.items()}
        for device, now in list(mine.items()):
            if now.asset == device:
                continue
            company = [was for _, was in others if was.asset == now.asset]
            company += [was for d, was in mine.items() if d == now.asset and was.asset == d]
            if any(differ(now.serial, was.serial) for was in company):
                for link in self.links:
                    if link.device == device and link.until is None:
                        link.until, link.ended_by = day, (source, day)
                mine[device] = with_asset(now, device)
        alone = {
            device
            for device, now in mine.items()
            if now.asset == device
            and sum(was.asset == device for was in mine.values()) == 1
            and not any(was.asset == device for _, was in others)
        }

        def serial(was: Known) -> tuple[int, str] | None:
            text = real_serial(was.serial)
            return (was.site, text) if text else None

        def host(was: Known) -> tuple[int, str] | None:
            text = host_key(was.hostname)
            return (was.site, text) if text else None

        def begin(device: Device, asset: Device) -> None:
            self.links.append(LinkFact(device, asset, day, (source, day)))
            mine[device] = with_asset(mine[device], asset)
            alone.discard(device)

        groups: dict[tuple[int, str], list[Device]] = {}
        for device, now in mine.items():
            if (key := serial(now)) is not None:
                groups.setdefault(key, []).append(device)
        for key, twins in groups.items():
            if len(twins) > 3:
                continue
            linked = [twin for twin in twins if twin not in alone]
            elsewhere = {was.asset for _, was in others if serial(was) == key}
            old = {was.asset for _, was in former if serial(was) == key}
            if linked:
                target = mine[min(linked, key=product_id)].asset
            elif len(elsewhere) == 1:
                target = elsewhere.pop()
            elif len(old) == 1:
                target = old.pop()
            else:
                first_seen = {twin: self.first_seen.get(twin, date.max) for twin in twins}
                target = mine[min(twins, key=lambda d: (first_seen[d], product_id(d)))].asset
            for twin in twins:
                if twin in alone and target != mine[twin].asset:
                    begin(twin, target)
        machines = {now.asset for device, now in mine.items() if device not in alone}
        for device in sorted(alone):
            key = host(mine[device])
            if key is None or sum(host(now) == key for now in mine.values()) != 1:
                continue
            matching = [(d, was) for d, was in others if host(was) == key]
            assets = {was.asset for _, was in matching}
            if len(assets) != 1 or len({d[0] for d, _ in matching}) != len(matching):
                continue
            if assets & machines or any(
                differ(mine[device].serial, was.serial) for _, was in matching
            ):
                continue
            begin(device, assets.pop())
        for device, now in mine.items():
            known[device[1]] = now

    def purge(self) -> None:
        """Forget the days that no kept day needs; each source's newest two stay."""
        kept = self.kept()
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
        return max(day for days in self.days.values() for day in days)

    def kept(self) -> list[date]:
        """Every kept day from the first snapshot to today."""
        first = min(day for days in self.days.values() for day in days)
        today = self.today()
        daily = {today - timedelta(days=back) for back in range(self.retention)}
        ends = set()
        year, month = today.year, today.month
        for _ in range(self.months):
            year, month = (year - 1, 12) if month == 1 else (year, month - 1)
            ends.add(date(year, month, calendar.monthrange(year, month)[1]))
        return sorted(day for day in daily | ends if first <= day <= today)

    def records(self, day: date) -> dict[Device, Known]:
        return {
            (source, key): known
            for source in self.days
            for key, known in self.standing(source, day).items()
        }

    def counts(self, source: str, day: date) -> Counter[tuple[str, str, str]]:
        return Counter(
            (self.site_names[known.site], known.device_type, known.status)
            for known in self.standing(source, day).values()
        )

    def asset_counts(self, day: date) -> Counter[tuple[str, str, str]]:
        machines: dict[Device, list[tuple[Device, Known]]] = {}
        for device, known in self.records(day).items():
            machines.setdefault(known.asset, []).append((device, known))
        found: Counter[tuple[str, str, str]] = Counter()
        for members in machines.values():
            managed = [m for m in members if m[1].status != "excluded"] or members
            managed.sort(
                key=lambda m: (
                    ORDER.index(m[0][0]),
                    m[1].node_class == "VMWARE_VM_GUEST",
                    -self.first_seen[m[0]].toordinal(),
                    -product_id(m[0]),
                )
            )
            voice = managed[0][1]
            types = [m[1].device_type for m in managed if m[1].device_type != "unknown"]
            kind = types[0] if types else "unknown"
            found[self.site_names[voice.site], kind, voice.status] += 1
        return found


def product_id(device: Device) -> int:
    """The product's own id of a device, which breaks ties."""
    from db.ids import device_id

    return device_id(*device)


def seen(places: dict[str, int | None], row: Row) -> tuple[object, str, str | None]:
    """What suspicion looks at."""
    place: object = places.get(row.org)
    return f"new {row.org}" if place is None else place, status_of(row), row.serial


def with_asset(known: Known, asset: Device) -> Known:
    return Known(
        known.site, known.device_type, known.status, known.hostname, known.serial,
        known.node_class, known.display_name, asset,
    )  # fmt: skip


def differ(one: str | None, other: str | None) -> bool:
    first, second = real_serial(one), real_serial(other)
    return bool(first and second and first != second)


def status_of(row: Row) -> str:
    if not row.managed:
        return "excluded"
    if "spare" in (row.display_name or "").lower() or row.node_class == "VMWARE_VM_GUEST":
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
    before: dict[str, tuple[object, str, str | None]],
    after: dict[str, tuple[object, str, str | None]],
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
        if before[key][:2] != after[key][:2] or differ(before[key][2], after[key][2])
    ]
    if len(changed) > 10 and len(changed) / size > 0.05:
        return True
    growth = len(after) - size
    return complete_runs >= 7 and growth >= 50 and growth / size >= 0.25


def emptied(
    before: dict[str, tuple[object, str, str | None]],
    after: dict[str, tuple[object, str, str | None]],
) -> int:
    had = Counter(place for place, _, _ in before.values())
    has = {place for place, _, _ in after.values()}
    return sum(n >= 5 and place not in has for place, n in had.items())


def too_large(
    before: dict[str, tuple[object, str, str | None]],
    after: dict[str, tuple[object, str, str | None]],
) -> bool:
    return emptied(before, after) >= 2 or len(set(before) - set(after)) >= 0.2 * len(before)
