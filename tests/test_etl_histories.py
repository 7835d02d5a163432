"""Random histories of two sources: whatever was collected, failed, repeated or held, every kept
day must show what the plain-Python oracle shows."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select

from db import migrate
from db.asof import as_of
from db.engine import open_engine, reading, sqlite_url, writing
from db.runs import kept_days
from db.tables import daily_counts, device_snapshots, devices, metadata, month_end_counts, sites
from db.views import assets_as_of
from etl import lease, run_log
from etl.decide import Attempt, decide, finish
from etl.gather import read
from etl.record import BadRecord, Raw, Record, Tally
from etl.retention import retain
from tests.oracle import Oracle, Row
from tests.samples import samples

FIRST_DAY = date(2024, 1, 30)
ORGS = {
    "1": "Harbor Dental",
    "2": "HARBOR DENTAL, Inc.",
    "3": "Pelican Freight",
    "4": "pelican-freight",
}
CLASSES = ("WINDOWS_SERVER", "WINDOWS_WORKSTATION", "VMWARE_VM_GUEST", None)


def to_record(raw: Raw) -> Record:
    if raw["broken"]:
        raise BadRecord("broken on purpose", raw["key"])
    return Record(
        source_key=raw["key"], alias_key=raw["org"], alias_name=raw["org_name"], payload=raw,
        hostname=raw["hostname"], display_name=raw["display_name"], node_class=raw["node_class"],
        serial=raw["serial"], unmanaged=None if raw["managed"] else "not approved",
    )  # fmt: skip


def source_named(name: str) -> Any:
    return SimpleNamespace(
        NAME=name, LABEL=name.title(), VOLATILE=("seen",), NEEDS=(), SETTINGS=(),
        to_record=to_record, fetch=lambda _session: iter(()),
    )  # fmt: skip


SOURCES = {name: source_named(name) for name in ("ninja", "threatlocker")}

device = st.builds(
    Row,
    key=st.integers(0, 11).map(str),
    org=st.sampled_from(sorted(ORGS)),
    org_name=st.just(""),
    hostname=st.sampled_from((None, "pc-1", "PC-1.local", "pc-2 | Anna", "pc-3", "srv-1")),
    serial=st.sampled_from((None, "None", "SN-0001", "SN-0002", "SN-0003", "sn 0003")),
    node_class=st.sampled_from(CLASSES),
    display_name=st.sampled_from((None, "Front desk", "SPARE-07")),
    managed=st.sampled_from((True, True, True, False)),
    broken=st.sampled_from((False, False, False, False, False, True)),
)
fleet = st.lists(device, max_size=12, unique_by=lambda row: row.key)
# How the next fleet of a source comes about: mostly the last one with a few rows changed.
step = st.tuples(
    st.sampled_from(("ninja", "threatlocker")),
    st.sampled_from((0, 0, 1, 1, 1, 2, 3, 9, 40)),
    st.sampled_from(("run", "run", "run", "run", "fail", "anew", "big")),
    st.lists(device, max_size=3, unique_by=lambda row: row.key),
    st.sets(st.integers(0, 11).map(str), max_size=2),
)
history = st.tuples(
    fleet,
    st.lists(step, min_size=1, max_size=12),
    st.sampled_from((1, 4, 30)),
    st.integers(0, 3),
    st.sampled_from((0, 40)),
)


def ballast(size: int) -> list[Row]:
    """Devices that stay as they are, so that what changes is a small part: counts then go on from
    the day before instead of being made anew."""
    return [
        Row(f"q{n}", "1" if n % 2 else "3", "", f"quiet-{n}", None, CLASSES[1], None)
        for n in range(size)
    ]


def named(row: Row) -> Row:
    return replace(row, org_name=ORGS[row.org])


class Replay:
    """One history on one database, beside the oracle."""

    def __init__(self, engine: Engine, retention: int, months: int) -> None:
        self.engine = engine
        self.environ = {
            "RETENTION_DAYS": str(retention), "MONTH_END_RETENTION_MONTHS": str(months),
        }  # fmt: skip
        self.oracle = Oracle(retention, months)
        self.day = FIRST_DAY
        self.fleets: dict[str, list[Row]] = {}
        with writing(engine) as connection:
            for table in metadata.tables.values():
                connection.execute(delete(table))

    def step(
        self, source: str, gap: int, kind: str, rows: list[Row], gone: set[str], anew: list[Row]
    ) -> None:
        self.day += timedelta(days=gap)
        fleet = {row.key: row for row in self.fleets.get(source, anew)}
        if kind == "anew":
            fleet = {}
        if kind == "big":
            fleet |= {
                str(n): Row(str(n), "3", "", f"big-{n}", None, CLASSES[1], None)
                for n in range(100, 160)
            }
        fleet |= {row.key: row for row in rows}
        fleet = {key: named(row) for key, row in fleet.items() if key not in gone}
        self.fleets[source] = list(fleet.values())
        clock = lambda: datetime.combine(self.day, datetime.min.time(), UTC)  # noqa: E731
        with lease.take(self.engine) as held:
            run_id = run_log.begin(self.engine, source, self.day, "UTC", clock())
            attempt = Attempt(
                self.engine, held, SOURCES[source], self.day, run_id, clock, self.environ, Tally()
            )
            if kind == "fail":
                finish(attempt, read(SOURCES[source], ()), "The vendor was down.")
                return
            gathered = read(SOURCES[source], (raw(row) for row in fleet.values()))
            expected = self.oracle.run(source, self.day, list(fleet.values()))
            if expected == "failed":
                finish(attempt, gathered, "No row could be read.")
                return
            assert decide(attempt, gathered).state == expected
            retain(self.engine, held, self.environ)
        if self.oracle.days:
            self.oracle.purge()

    def check(self) -> None:
        if not self.oracle.days:
            return
        with reading(self.engine) as connection:
            names = dict(connection.execute(select(sites.c.site_id, sites.c.name)).all())
            kept = kept_days(connection, self.environ)
            assert kept is not None and kept.today == self.oracle.today()
            for day in self.oracle.kept():
                assert kept.resolve(day) == day
                assert self._records(connection, day) == self._expected(day)
                for source in self.oracle.days:
                    expected = self.oracle.counts(source, day)
                    assert self._counts(connection, source, day, names) == expected
                assets = self.oracle.asset_counts(day)
                assert self._counts(connection, "assets", day, names) == assets
                assert self._live_assets(connection, day, names) == assets
            self._check_month_ends(connection, names)
            self._check_orphans(connection)

    def _records(self, connection: Any, day: date) -> dict[Any, Any]:
        c = device_snapshots.c
        keys = {
            device_id: (source, key)
            for device_id, source, key in connection.execute(
                select(devices.c.device_id, devices.c.source, devices.c.source_key)
            )
        }
        rows = connection.execute(
            select(
                c.device_id, c.site_id, c.device_type, c.billing_status, c.hostname, c.serial,
                c.display_name, c.asset_id,
            ).where(as_of(day))
        ).all()  # fmt: skip
        return {
            keys[row.device_id]: (
                row.site_id, row.device_type, row.billing_status, row.hostname, row.serial,
                row.display_name, row.asset_id,
            )
            for row in rows
        }  # fmt: skip

    def _expected(self, day: date) -> dict[Any, Any]:
        from tests.oracle import product_id

        with reading(self.engine) as connection:
            order = list(connection.scalars(select(sites.c.site_id).order_by(sites.c.site_id)))
        return {
            device: (
                order[known.site], known.device_type, known.status, known.hostname, known.serial,
                known.display_name, product_id(known.asset),
            )
            for device, known in self.oracle.records(day).items()
        }  # fmt: skip

    def _counts(
        self, connection: Any, basis: str, day: date, names: dict[int, str]
    ) -> Counter[tuple[str, str, str]]:
        c = daily_counts.c
        newest = connection.scalar(
            select(func.max(c.snapshot_date)).where(c.basis == basis, c.snapshot_date <= day)
        )
        rows = connection.execute(
            select(c.site_id, c.device_type, c.billing_status, c.n).where(
                c.basis == basis, c.snapshot_date == newest
            )
        )
        found: Counter[tuple[str, str, str]] = Counter()
        for site_id, kind, status, n in rows:
            found[names[site_id], kind, status] += n
        return found

    def _live_assets(
        self, connection: Any, day: date, names: dict[int, str]
    ) -> Counter[tuple[str, str, str]]:
        view = assets_as_of(day).subquery()
        rows = connection.execute(select(view.c.site_id, view.c.device_type, view.c.billing_status))
        return Counter((names[site_id], kind, status) for site_id, kind, status in rows)

    def _check_month_ends(self, connection: Any, names: dict[int, str]) -> None:
        c = month_end_counts.c
        newest = self.oracle.today()
        for source in self.oracle.days:
            month = f"{newest:%Y-%m}"
            rows = connection.execute(
                select(c.site_id, c.device_type, c.billing_status, c.n).where(
                    c.basis == source, c.month == month
                )
            )
            found: Counter[tuple[str, str, str]] = Counter()
            for site_id, kind, status, n in rows:
                found[names[site_id], kind, status] += n
            assert found == self.oracle.counts(source, newest)

    def _check_orphans(self, connection: Any) -> None:
        stretches = set(connection.scalars(select(device_snapshots.c.device_id)))
        assert set(connection.scalars(select(devices.c.device_id))) == stretches


def raw(row: Row) -> Raw:
    return {**row.__dict__, "seen": 1}


def replay(engine: Engine, history: Any) -> None:
    anew, steps, retention, months, quiet = history
    anew = [*anew, *ballast(quiet)]
    here = Replay(engine, retention, months)
    for source, gap, kind, rows, gone in steps:
        here.step(source, gap, kind, rows, gone, anew)
    here.check()


@pytest.fixture(scope="module")
def sqlite_histories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(sqlite_url(tmp_path_factory.mktemp("histories") / "hub.db"))
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


def test_every_kept_day_is_what_the_oracle_remembers_on_sqlite(sqlite_histories: Engine) -> None:
    @settings(max_examples=samples(300, 10_000))
    @given(history)
    def holds(history: Any) -> None:
        replay(sqlite_histories, history)

    holds()


@pytest.fixture(scope="module")
def postgres_histories(postgres_server: Any) -> Iterator[Engine]:
    url = postgres_server.create()
    engine = open_engine(url)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()
    postgres_server.drop(url)


def test_every_kept_day_is_what_the_oracle_remembers_on_postgresql(
    postgres_histories: Engine,
) -> None:
    @settings(max_examples=samples(100, 10_000))
    @given(history)
    def holds(history: Any) -> None:
        replay(postgres_histories, history)

    holds()
