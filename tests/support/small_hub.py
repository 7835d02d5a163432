"""A hub with small made-up sources, driven through the real `collect`: what the tests of the
writer tell it, and what they read back."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Engine, Row, Table, select

from db.engine import reading, writing
from db.history.runs import counted_days
from db.keys import as_of, device_id
from db.settings import Settings, load
from db.sources import SourceFacts
from db.tables import (
    NO_SITE_ID,
    OPEN_END,
    asset_links,
    collection_runs,
    daily_counts,
    device_snapshots,
    devices,
    metadata,
    month_end_counts,
    site_aliases,
    sites,
)
from etl.collect.collect import collect
from etl.collect.verdict import Outcome
from etl.months.close import close_month, reopen_month
from etl.records.record import BadRecord, Raw, Record, UnreadableId
from etl.rules.macs import canonical_macs
from etl.runtime import lease
from etl.snapshots.retention import apply_retention
from etl.vendor.http import CollectionError, Session
from etl.work.after_collection import run_after_collection


@dataclass(frozen=True)
class Pc:
    """One row of a made-up source. `seen` is its volatile key, `note` a key that no column has."""

    key: str
    org: str | None = "1"
    org_name: str | None = "Harbor Dental"
    hostname: str | None = None
    display_name: str | None = None
    location: str | None = None
    os: str | None = None
    node_class: str | None = "WINDOWS_WORKSTATION"
    serial: str | None = None
    managed: bool = True
    note: str = ""
    seen: int = 1
    last_contact: datetime | None = None
    trouble: str | None = None
    macs: tuple[str, ...] = ()
    ip: str | None = None
    user: str | None = None


def pcs(numbers: Iterable[int], **said: Any) -> list[Pc]:
    """One `Pc` per number, alike but for their keys."""
    return [Pc(str(number), **said) for number in numbers]


@dataclass
class SmallSource:
    """A source that answers `rows`. With `failure` it breaks off after them."""

    NAME: str
    rows: list[Pc] = field(default_factory=list)
    organizations: int | None = None
    locations: int | None = None
    failure: str | None = None
    VOLATILE = ("seen",)

    @property
    def FACTS(self) -> SourceFacts:
        return SourceFacts(self.NAME, self.NAME.title(), "S", "#000000", time(4))

    def fetch(self, session: Session) -> Iterator[Raw]:
        session.stats.organizations, session.stats.locations = self.organizations, self.locations
        for row in self.rows:
            yield asdict(row)
        session.stats.count_page(len(self.rows))
        if self.failure:
            raise CollectionError(self.failure)

    def to_record(self, raw: Raw) -> Record:
        if raw["trouble"] == "id":
            raise UnreadableId("its id is null that names no device")
        if raw["trouble"]:
            raise BadRecord(raw["trouble"], raw["key"])
        return Record(
            source_key=raw["key"], alias_key=raw["org"], alias_name=raw["org_name"],
            payload={**raw, "last_contact": None}, hostname=raw["hostname"],
            display_name=raw["display_name"], location=raw["location"], os=raw["os"],
            node_class=raw["node_class"], serial=raw["serial"],
            unmanaged=None if raw["managed"] else "approval status is PENDING",
            last_contact=raw["last_contact"], macs=canonical_macs(list(raw["macs"])),
            ip=raw["ip"], user=raw["user"],
        )  # fmt: skip


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@dataclass
class Hub:
    """A database and who collects into it."""

    engine: Engine
    environ: dict[str, str] = field(default_factory=dict)
    sources: dict[str, SmallSource] = field(
        default_factory=lambda: {
            name: SmallSource(name) for name in ("ninja", "threatlocker", "agent")
        }
    )

    def collect(
        self, day: date, rows: list[Pc], source: str = "ninja", *, today: date | None = None
    ) -> Outcome:
        """One attempt on `day`, which is today unless told otherwise."""
        self.sources[source].rows = rows
        clock = lambda: noon(today or day)  # noqa: E731
        with lease.take(self.engine) as held:
            return collect(self.engine, held, self.sources[source], day, clock, self.settings)

    def retain(self) -> int:
        with lease.take(self.engine) as held:
            return apply_retention(self.engine, held, self.settings)

    def run_after_collection(self, now: datetime | None = None) -> list[str]:
        """What follows a collection; the months that closed."""
        with lease.take(self.engine) as held:
            return run_after_collection(self.engine, held, now or datetime.now(UTC), self.settings)[
                0
            ]

    def close(self, month: str, actor: str = "Ana") -> int:
        """Close a month by click; the closing's id."""
        with writing(self.engine) as connection:
            return close_month(connection, month, actor, datetime.now(UTC), self.settings)

    def reopen(self, month: str, reason: str = "A late invoice.", actor: str = "Ana") -> None:
        with writing(self.engine) as connection:
            now = datetime.now(UTC)
            reopen_month(connection, month, reason, actor, now, self.settings)

    @property
    def settings(self) -> Settings:
        """`environ` as the product reads it."""
        return load(self.environ)

    # What is stored.

    def all(self, table: Table, **equal: object) -> list[Row[Any]]:
        """The rows of a table in the order of their keys."""
        conditions = [table.c[name] == value for name, value in equal.items()]
        with reading(self.engine) as connection:
            rows = connection.execute(select(table).where(*conditions).order_by(*table.primary_key))
            return list(rows)

    def on(self, day: date, source: str = "ninja") -> dict[str, Row[Any]]:
        """The stretches of a source that hold on `day`, by source key."""
        c = device_snapshots.c
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(devices.c.source_key, device_snapshots)
                .join(devices, devices.c.device_id == c.device_id)
                .where(as_of(day), c.source == source)
                .order_by(devices.c.source_key)
            )
            return {row.source_key: row for row in rows}

    def stretches(self, key: str, source: str = "ninja") -> list[Row[Any]]:
        return self.all(device_snapshots, device_id=device_id(source, key))

    def spans(self, key: str, source: str = "ninja") -> list[tuple[date, date | None]]:
        """From when up to when each stretch of a device lasts; None while it does."""
        return [
            (row.valid_from, None if row.valid_to == OPEN_END else row.valid_to)
            for row in self.stretches(key, source)
        ]

    def seen(self, key: str, source: str = "ninja") -> tuple[date, date | None] | None:
        """First and last seen of a device, None when there is none."""
        rows = self.all(devices, device_id=device_id(source, key))
        return (rows[0].first_seen, rows[0].last_seen) if rows else None

    def runs(self, source: str = "ninja") -> list[Row[Any]]:
        return self.all(collection_runs, source=source)

    def links(self) -> list[Row[Any]]:
        return self.all(asset_links)

    def site_of(self, alias: str, source: str = "ninja") -> Row[Any]:
        """The site that a source's organization belongs to."""
        site = self.all(site_aliases, source=source, alias_key=alias)[0].site_id
        return self.all(sites, site_id=site)[0]

    def counted(self, basis: str, day: date) -> Counter[str]:
        """The stored counts of a basis in force on `day`, by billing status."""
        rows = self.all(daily_counts, basis=basis)
        with reading(self.engine) as connection:
            days = counted_days(connection, None if basis == "assets" else basis)
        newest = max((past for past in days if past <= day), default=None)
        return _by_status(row for row in rows if row.snapshot_date == newest)

    def month_end(self, basis: str, month: str) -> Counter[str]:
        return _by_status(self.all(month_end_counts, basis=basis, month=month))


def _by_status(rows: Iterable[Row[Any]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.billing_status] += row.n
    return counts


COMPARED = (
    "sites", "site_aliases", "devices", "device_snapshots", "device_payloads", "device_latest",
    "asset_links", "daily_counts", "month_end_counts", "rule_versions",
)  # fmt: skip
COUNTED_IDS = {"opened_by": "run", "closed_by": "run", "site_id": "site"}


def contents(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Everything stored that says something of devices, comparable between two databases.

    Ids of runs and sites only count: a run is told as its source and day, a site as its turn.
    """
    tables = {}
    with reading(engine) as connection:
        known: dict[str, dict[object, object]] = {"run": {}, "site": {NO_SITE_ID: NO_SITE_ID}}
        for row in connection.execute(select(collection_runs)):
            known["run"][row.run_id] = (row.source, row.business_date)
        for turn, site in enumerate(
            connection.scalars(select(sites.c.site_id).order_by("site_id"))
        ):
            known["site"][site] = turn + 1
        for name in COMPARED:
            table = metadata.tables[name]
            rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
            tables[name] = [
                tuple(
                    known[COUNTED_IDS[column]].get(value) if column in COUNTED_IDS else value
                    for column, value in row.items()
                    if column not in ("created_at", "link_id")
                )
                for row in rows
            ]
    return tables
