"""Small worlds: what each source said on each day, kept as plain Python and written to a database.

The plain Python answers the same questions as the queries, by its own means, so that the tests
can compare.
"""

import random
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from db.bulk import insert_many
from db.engine import open_engine, sqlite_url, writing
from db.keys import device_id, hash63
from db.rules import Rules, RulesByDay
from db.search import device_search_text, fold
from db.tables import OPEN_END, collection_runs, device_latest, device_snapshots, devices, sites
from etl.coverage.findings import refresh_findings
from etl.snapshots import counts as rollups

RULES = Rules(1)
ALWAYS = RulesByDay.always(RULES)
ORDER = RULES.source_order
COUNTED = ("billable", "spare")


@dataclass(frozen=True)
class DeviceState:
    """What a source says of one device on one day. `asset` is a name; None: a machine alone.
    `managers` is known of who speaks for a machine: the sources that manage it."""

    source: str
    key: str
    site_id: int
    device_type: str = "workstation"
    billing_status: str = "billable"
    asset: str | None = None
    hostname: str | None = None
    display_name: str | None = None
    location: str | None = None
    os: str | None = None
    node_class: str | None = None
    serial: str | None = None
    managers: tuple[str, ...] = ()

    @property
    def device_id(self) -> int:
        return device_id(self.source, self.key)

    @property
    def asset_id(self) -> int:
        return self.device_id if self.asset is None else hash63(f"asset {self.asset}".encode())


@dataclass
class World:
    """What was published: by source, by day, by key. Days of a source must ascend."""

    sites: dict[int, str] = field(default_factory=dict)
    days: dict[str, dict[date, dict[str, DeviceState]]] = field(default_factory=dict)

    def publish(self, source: str, day: date, records: Iterable[DeviceState]) -> None:
        """The source's snapshot of `day`."""
        self.days.setdefault(source, {})[day] = {record.key: record for record in records}

    # What plain Python answers.

    def standing_day(self, source: str, day: date) -> date | None:
        return max((past for past in self.days.get(source, {}) if past <= day), default=None)

    def first_seen(self, record: DeviceState) -> date:
        return min(
            day for day, records in self.days[record.source].items() if record.key in records
        )

    def records(self, day: date) -> list[DeviceState]:
        """Every record that stands on `day`."""
        records: list[DeviceState] = []
        for source, days in self.days.items():
            standing = self.standing_day(source, day)
            if standing is not None:
                records += days[standing].values()
        return records

    def assets(self, day: date) -> dict[int, tuple[DeviceState, tuple[str, ...]]]:
        """Each machine: the record that speaks, with the machine's type, and who manages it."""
        machines: dict[int, list[DeviceState]] = {}
        for record in self.records(day):
            machines.setdefault(record.asset_id, []).append(record)
        return {asset: self._primary(records) for asset, records in machines.items()}

    def _primary(self, records: list[DeviceState]) -> tuple[DeviceState, tuple[str, ...]]:
        managed = [record for record in records if record.billing_status != "excluded"]
        candidates = managed or records
        sources = tuple(name for name in ORDER if name in {record.source for record in candidates})
        primary = self._best([record for record in candidates if record.source == sources[0]])
        for source in sources:
            known = [
                record
                for record in candidates
                if record.source == source and record.device_type != "unknown"
            ]
            if known:
                return replace(primary, device_type=self._best(known).device_type), sources
        return replace(primary, device_type="unknown"), sources

    def _best(self, records: list[DeviceState]) -> DeviceState:
        guests = RULES.spare_node_classes
        real = [record for record in records if record.node_class not in guests] or records
        return max(real, key=lambda record: (self.first_seen(record), record.device_id))

    def standing(self, day: date, basis: str) -> dict[int, DeviceState]:
        """What `basis` knows on `day`, by device, or by asset."""
        if basis == "assets":
            return {
                asset: replace(record, managers=sources)
                for asset, (record, sources) in self.assets(day).items()
            }
        return {
            record.device_id: record
            for record in self.records(day)
            if basis in ("records", record.source)
        }

    def known(self, day: date, basis: str) -> bool:
        sources = ORDER if basis in ("assets", "records") else (basis,)
        return any(self.standing_day(source, day) for source in sources)

    # Into a database.

    def save(self, engine: Engine) -> None:
        """Write the world as the collectors would have."""
        with writing(engine) as connection:
            for site_id, name in self.sites.items():
                connection.execute(
                    insert(sites).values(
                        site_id=site_id,
                        name=name,
                        match_name=name.casefold(),
                        needs_review=False,
                        internal=False,
                        search_text=fold(name),
                        created_at=datetime(2020, 1, 1, tzinfo=UTC),
                    )
                )
            connection.execute(insert(collection_runs), self._runs())
            stretches = self._stretches()
            insert_many(connection, device_snapshots, stretches)
            known = {record.device_id: record for days in self.days.values()
                     for records in days.values() for record in records.values()}  # fmt: skip
            insert_many(connection, devices, [self._device(record) for record in known.values()])
            insert_many(
                connection, device_latest, [self._latest(record) for record in known.values()]
            )
            everything = dict.fromkeys(rollups.counted_bases(connection), date.min)
            rollups.recount(connection, everything, ALWAYS)
            refresh_findings(connection, date.min, None)

    def _runs(self) -> list[dict[str, Any]]:
        published = sorted(
            (day, source, len(records)) for source, days in self.days.items()
            for day, records in days.items()
        )  # fmt: skip
        return [run_row(source, day, records=n) for day, source, n in published]

    def _device(self, record: DeviceState) -> dict[str, Any]:
        gone = record.key not in self.days[record.source][max(self.days[record.source])]
        return {
            "device_id": record.device_id,
            "source": record.source,
            "source_key": record.key,
            "first_seen": self.first_seen(record),
            "last_seen": max(self.days[record.source]) if gone else None,
        }

    def _latest(self, record: DeviceState) -> dict[str, Any]:
        return {
            "device_id": record.device_id,
            "last_contact": last_contact(record),
            "online": True,
            "ip": None,
            "volatile": "{}",
        }

    def _stretches(self) -> list[dict[str, Any]]:
        rows = []
        for days in self.days.values():
            ordered = sorted(days)
            for key in {key for records in days.values() for key in records}:
                opened: tuple[date, DeviceState] | None = None
                for day in ordered:
                    record = days[day].get(key)
                    if opened and opened[1] != record:
                        rows.append(_stretch(opened[1], opened[0], day))
                        opened = None
                    if record is not None and opened is None:
                        opened = (day, record)
                if opened:
                    rows.append(_stretch(opened[1], opened[0], OPEN_END))
        return rows


def run_row(source: str, day: date, **values: Any) -> dict[str, Any]:
    """A published, complete run of `day`, finished at 02:10 UTC, with some values replaced."""
    finished = datetime.combine(day, time(2, 10), UTC)
    row = {
        "source": source,
        "business_date": day,
        "timezone": "UTC",
        "state": "complete",
        "published": True,
        "hold": None,
        "started_at": finished - timedelta(minutes=10),
        "heartbeat_at": finished,
        "finished_at": finished,
        "records": 0,
        "quarantined": 0,
        "reason": None,
        "correlation_id": f"{source}-{day}",
    }
    return row | values


def last_contact(record: DeviceState) -> datetime:
    """When a device of a world was last heard of."""
    return datetime(2026, 11, 20, 8, 30, tzinfo=UTC) + timedelta(seconds=record.device_id % 9999)


def _stretch(record: DeviceState, valid_from: date, valid_to: date) -> dict[str, Any]:
    state = hash63(repr(record).encode())
    return {
        "device_id": record.device_id,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "source": record.source,
        "site_id": record.site_id,
        "asset_id": record.asset_id,
        "alias_key": str(record.site_id) if record.site_id else None,
        "location": record.location,
        "hostname": record.hostname,
        "display_name": record.display_name,
        "device_type": record.device_type,
        "type_reason": f"it is a {record.device_type}",
        "billing_status": record.billing_status,
        "reason": f"it is {record.billing_status}",
        "rule_version": 1,
        "os": record.os,
        "node_class": record.node_class,
        "serial": record.serial,
        "repaired": None,
        "payload_hash": state,
        "state_hash": state,
        "opened_by": 1,
        "closed_by": None if valid_to == OPEN_END else 2,
        "search_text": device_search_text(record),
    }


HARBOR, MUELLER, NORTH = 1, 2, 3
TODAY = date(2026, 11, 22)
MONTH_END = date(2026, 10, 31)

SITE_NAMES: Mapping[int, str] = {
    HARBOR: "Harbor Dental",
    MUELLER: "Müller & Söhne, Bau",
    NORTH: "North 100% Farms",
}


def named_world() -> World:
    """Two sources since August, an agent since November; every kind of change in November.

    Between 31 Oct and 22 Nov, in records that count: H-NEW is added at Harbor, H-OLD removed,
    H-MOVE moves from Harbor to Müller, H-SPARE becomes spare, M-SRV is excluded.
    """
    world = World(dict(SITE_NAMES))
    lasting = [
        DeviceState(
            "ninja",
            "101",
            HARBOR,
            "server",
            asset="h1",
            hostname="H-SRV1",
            display_name="Harbor server",
            os="Windows Server 2022",
            node_class="WINDOWS_SERVER",
            serial="SER-H1",
            location="Rack 1",
        ),
        DeviceState(
            "ninja",
            "102",
            HARBOR,
            asset="h2",
            hostname="H-PC2",
            node_class="WINDOWS_WORKSTATION",
            os="Windows 11 Pro",
        ),
        DeviceState(
            "ninja",
            "103",
            HARBOR,
            "vm_guest",
            "spare",
            asset="h3",
            hostname="H-VM3",
            node_class="VMWARE_VM_GUEST",
        ),
        DeviceState("ninja", "104", MUELLER, asset="m1", hostname="MÜLLER-PC1", location="Büro"),
        DeviceState(
            "ninja", "105", NORTH, "network", hostname="=cmd|' /C calc'!A0", location="-1+1"
        ),
        DeviceState("ninja", "106", 0, "unknown", hostname="stray_1"),
        DeviceState("ninja", "107", NORTH, billing_status="excluded", hostname="N-PENDING"),
    ]
    before = [
        DeviceState("ninja", "110", HARBOR, hostname="H-OLD"),
        DeviceState("ninja", "111", HARBOR, asset="hm", hostname="H-MOVE"),
        DeviceState("ninja", "112", HARBOR, hostname="H-SPARE"),
        DeviceState("ninja", "113", MUELLER, "server", hostname="M-SRV"),
    ]
    after = [
        DeviceState("ninja", "109", HARBOR, hostname="H-NEW"),
        replace(before[1], site_id=MUELLER),
        replace(before[2], billing_status="spare", display_name="H-SPARE (spare)"),
        replace(before[3], billing_status="excluded"),
    ]
    shields = [
        DeviceState("threatlocker", "a-1", HARBOR, "server", asset="h1", hostname="h-srv1"),
        DeviceState("threatlocker", "a-2", HARBOR, asset="h2", hostname="h-pc2.harbor.example"),
        DeviceState("threatlocker", "a-4", MUELLER, asset="m1", hostname="müller-pc1"),
        DeviceState("threatlocker", "a-5", NORTH, "unknown", hostname="n-only-locked"),
    ]
    first, change = date(2026, 8, 20), date(2026, 11, 10)
    day = first
    while day <= TODAY:
        if day != date(2026, 11, 15):  # a failed night: a gap, not a drop
            world.publish("ninja", day, lasting + (after if day >= change else before))
        if day != MONTH_END:  # the month-end of one source is its snapshot of the 30th
            world.publish("threatlocker", day, shields)
        if day >= date(2026, 11, 5):
            agent = DeviceState(
                "agent", "m-1", HARBOR, asset="h2", hostname="H-PC2", os="Windows 11"
            )
            world.publish("agent", day, [agent])
        day += timedelta(days=1)
    return world


def random_world(rng: random.Random, *, days: int = 12, devices: int = 14) -> World:
    """A few weeks of up to three sources: gaps, comings and goings, moves, shared machines."""
    world = World({1: "Alpha", 2: "Beta 50%", 3: "gamma_x"})
    first = TODAY - timedelta(days=days - 1)
    state: dict[str, dict[str, DeviceState]] = {}
    for source in ORDER:
        start = 0 if source == "ninja" else rng.randrange(days)
        for number in range(start, days):
            records = state.setdefault(source, {})
            for key in [f"{source[0]}{index}" for index in range(rng.randrange(1, devices))]:
                if rng.random() < 0.25:
                    records[key] = _random_state(rng, source, key)
                elif rng.random() < 0.12:
                    records.pop(key, None)
            if rng.random() < 0.8 or source not in world.days:
                world.publish(source, first + timedelta(days=number), records.values())
    return world


def _random_state(rng: random.Random, source: str, key: str) -> DeviceState:
    return DeviceState(
        source,
        key,
        rng.choice((0, 1, 1, 2, 3)),
        rng.choice(("server", "workstation", "workstation", "unknown", "network")),
        rng.choice(("billable", "billable", "spare", "excluded")),
        asset=rng.choice((None, "one", "two", "three", "four", "five")),
        hostname=rng.choice((None, "PC-1", "pc_2", "50%", "Ärger", "a/b\\c", "=1+1")),
        display_name=rng.choice((None, "Front desk", "spare PC")),
        os=rng.choice((None, "Windows 11", "Debian 12")),
        node_class=rng.choice((None, "VMWARE_VM_GUEST", "WINDOWS_SERVER")),
        serial=rng.choice((None, "S-1", "s-22")),
        location=rng.choice((None, "Rack 1", "rack 1", "Büro")),
    )


def save_to_copy(world: World, empty: Path, folder: Path) -> Engine:
    """An engine on a copy of the migrated file `empty`, in `folder`, that holds `world`."""
    path = folder / "inventory.db"
    shutil.copyfile(empty, path)
    engine = open_engine(sqlite_url(path))
    world.save(engine)
    return engine
