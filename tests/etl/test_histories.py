"""Random histories of two sources: whatever was collected, failed, repeated, held, accepted,
withdrawn, ended, closed or reopened, every kept day equals that of the plain-Python oracle, and
every closing is unchanged."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from db.engine import reading, writing
from db.history.runs import kept_days, newest_day, published_days
from db.history.views import assets_as_of, records_as_of
from db.keys import as_of
from db.months.closings import is_unchanged
from db.names import NO_SITE
from db.settings import Settings, load
from db.sources import SourceFacts
from db.tables import (
    ALL_SITES,
    NO_SITE_ID,
    collection_runs,
    daily_counts,
    device_snapshots,
    devices,
    metadata,
    month_bases,
    month_closing_counts,
    month_closings,
    month_end_counts,
    month_members,
    months,
    sites,
)
from etl.collect import run_log
from etl.collect.gather import read_rows
from etl.collect.verdict import Attempt, publish_or_hold, record_failure
from etl.decisions.registry import DecisionContext, DecisionRefused
from etl.decisions.runs import accept_run, end_source, reject_run, withdraw_day
from etl.months.close import close_month, reopen_month
from etl.records.record import BadRecord, FetchStats, Raw, Record
from etl.runtime import lease
from etl.runtime.lease import Lease
from etl.snapshots.publish import PublishRefused
from etl.work.after_collection import run_after_collection
from tests.conftest import MakeEngine
from tests.support.history_oracle import Oracle, Row
from tests.support.link_oracle import NOWHERE
from tests.support.samples import samples

FIRST_DAY = date(2024, 1, 30)
ORGS = {
    "1": "Harbor Dental",
    "2": "HARBOR DENTAL, Inc.",
    "3": "Pelican Freight",
    "4": "pelican-freight",
}
LONG = ("bdg-minipc-0001", "BDG-MINIPC-0001-north", "bdg-minipc-0001-south | Ben")
CONTACTS = (
    None,
    *(datetime(2024, 2, 1, hour, tzinfo=UTC) for hour in (1, 9)),
    datetime(2024, 2, 9, tzinfo=UTC),
)
CLASSES = ("WINDOWS_SERVER", "WINDOWS_WORKSTATION", "VMWARE_VM_GUEST", None)


def to_record(raw: Raw) -> Record:
    if raw["broken"]:
        raise BadRecord("broken on purpose", raw["key"])
    return Record(
        source_key=raw["key"], alias_key=raw["org"], alias_name=raw["org_name"] or None,
        payload=raw,
        hostname=raw["hostname"], display_name=raw["display_name"], node_class=raw["node_class"],
        serial=raw["serial"],
        last_contact=datetime.fromisoformat(raw["contact"]) if raw["contact"] else None,
        unmanaged=None if raw["managed"] else "not approved",
    )  # fmt: skip


def source_named(name: str) -> Any:
    return SimpleNamespace(
        FACTS=SourceFacts(name, name.title(), "S", "#000000", time(4)),
        VOLATILE=("seen", "contact"),
        to_record=to_record,
        fetch=lambda _session: iter(()),
    )


SOURCES = {name: source_named(name) for name in ("ninja", "threatlocker")}

device = st.builds(
    Row,
    key=st.integers(0, 11).map(str),
    org=st.sampled_from((*sorted(ORGS), *sorted(ORGS), None)),
    org_name=st.just(""),
    hostname=st.sampled_from((None, "pc-1", "PC-1.local", "pc-2 | Anna", "pc-3", *LONG)),
    serial=st.sampled_from((None, "None", "SN-0001", "SN-0002", "SN-0003", "sn 0003")),
    node_class=st.sampled_from(CLASSES),
    display_name=st.sampled_from((None, "Front desk", "SPARE-07")),
    managed=st.sampled_from((True, True, True, False)),
    broken=st.sampled_from((False, False, False, False, False, True)),
    contact=st.sampled_from(CONTACTS),
)
fleet = st.lists(device, max_size=12, unique_by=lambda row: row.key)
# How the next fleet of a source comes about: mostly the last one with a few rows changed.
step = st.tuples(
    st.sampled_from(("ninja", "threatlocker")),
    st.sampled_from((0, 0, 1, 1, 1, 2, 3, 9, 28, 40)),
    st.sampled_from(
        ("run",) * 9
        + (
            "fail",
            "anew",
            "big",
            "late",
            "close",
            "reopen",
            "accept",
            "reject",
            "withdraw",
            "end",
            "rules",
        )
    ),
    st.lists(device, max_size=3, unique_by=lambda row: row.key),
    st.sets(st.integers(0, 11).map(str), max_size=2),
)
history = st.tuples(
    fleet,
    st.lists(step, min_size=1, max_size=14),
    st.sampled_from((1, 4, 30)),
    st.integers(0, 3),
    st.sampled_from((0, 40)),
    st.sampled_from((0, 3, 99)),
)


def ballast(size: int) -> list[Row]:
    """Devices that stay as they are, so that what changes is a small part: counts then go on from
    the day before instead of being made anew."""
    return [
        Row(f"q{n}", "1" if n % 2 else "3", "", f"quiet-{n}", None, CLASSES[1], None)
        for n in range(size)
    ]


def named(row: Row) -> Row:
    return replace(row, org_name=ORGS[row.org] if row.org else "")


class Replay:
    """One history on one database, beside the oracle."""

    def __init__(self, engine: Engine, retention: int, months: int, close_days: int) -> None:
        self.engine = engine
        self.environ = {
            "RETENTION_DAYS": str(retention), "MONTH_END_RETENTION_MONTHS": str(months),
            "MONTH_CLOSE_DAYS": str(close_days), "SPARE_WORDS": "spare",
        }  # fmt: skip
        self.oracle = Oracle(retention, months, close_days)
        self.day = FIRST_DAY
        self.fleets: dict[str, list[Row]] = {}
        with writing(engine) as connection:
            for table in metadata.tables.values():
                connection.execute(delete(table))

    @property
    def settings(self) -> Settings:
        return load(self.environ)

    def clock(self) -> datetime:
        return datetime.combine(self.day, datetime.min.time(), UTC)

    def step(
        self, source: str, gap: int, kind: str, rows: list[Row], gone: set[str], anew: list[Row]
    ) -> None:
        self.day += timedelta(days=gap)
        with lease.take(self.engine) as held:
            if kind == "rules":
                words = ("spare", "desk") if len(self.oracle.words) == 1 else ("spare",)
                self.oracle.words, self.environ["SPARE_WORDS"] = words, ",".join(words)
            elif kind in ("close", "reopen"):
                self.change_month(held, kind)
            elif kind in ("accept", "reject", "withdraw", "end"):
                if kind in ("accept", "reject") and not self.oracle.held:
                    half = self.next_fleet(source, "half", rows, gone, anew)
                    self.collect(held, "half", source, half)
                self.decide(held, kind, source)
            else:
                self.collect(held, kind, source, self.next_fleet(source, kind, rows, gone, anew))
            run_after_collection(self.engine, held, self.clock(), self.settings)
        self.oracle.settle()
        self.check_months()

    def next_fleet(
        self, source: str, kind: str, rows: list[Row], gone: set[str], anew: list[Row]
    ) -> dict[str, Row]:
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
        if kind == "half":  # what will be held; the next day is as it was
            return dict(list(fleet.items())[: len(fleet) // 2])
        self.fleets[source] = list(fleet.values())
        return fleet

    def collect(self, held: Lease, kind: str, source: str, fleet: dict[str, Row]) -> None:
        day = self.day - timedelta(days=3) if kind == "late" else self.day
        run_id = run_log.start_run(self.engine, source, day, "UTC", self.clock())
        attempt = Attempt(
            self.engine, held, SOURCES[source], day, run_id, self.clock, self.settings, FetchStats()
        )
        if kind == "fail":
            record_failure(attempt, read_rows(SOURCES[source], ()), "The vendor was down.")
            return
        collected = read_rows(SOURCES[source], (raw(row) for row in fleet.values()))
        expected = self.oracle.run(source, day, list(fleet.values()))
        if expected == "failed":
            record_failure(attempt, collected, "No row could be read.")
            return
        try:
            state = publish_or_hold(attempt, collected).state
        except (DecisionRefused, PublishRefused) as refused:
            state = "refused"
            record_failure(attempt, collected, str(refused))
        assert state == expected

    def decide(self, held: Lease, kind: str, source: str) -> None:
        """Whatever is decided of `source`: the oracle must say yes when the product does."""
        by = DecisionContext(self.engine, held, "Ana", self.clock, self.settings)
        if kind in ("accept", "reject"):
            source = next(iter(self.oracle.held), source)
        runs = collection_runs.c
        with reading(self.engine) as connection:
            run_id = connection.scalar(
                select(runs.run_id).where(runs.source == source, runs.hold == "held")
            )
            newest = newest_day(connection, source)
        deeds: dict[str, tuple[Callable[[], object], Callable[[], bool]]] = {
            "accept": (
                lambda: accept_run(by, SOURCES[source], run_id or 0),
                lambda: self.oracle.accept(source),
            ),
            "reject": (
                lambda: reject_run(by, run_id or 0, "No."),
                lambda: self.oracle.reject(source),
            ),
            "withdraw": (
                lambda: withdraw_day(by, source, newest or self.day),
                lambda: self.oracle.withdraw(source),
            ),
            "end": (
                lambda: end_source(by, source),
                lambda: self.oracle.end(source, self.day),
            ),
        }
        self.alike(*deeds[kind])

    def change_month(self, held: Lease, kind: str) -> None:
        closed = self.oracle.closed
        with writing(self.engine) as connection:
            held.hold(connection)
            if kind == "reopen":
                month = max(closed, default="2024-01")
                arguments = connection, month, "late", "Ana", self.clock(), self.settings
                deeds = (lambda: reopen_month(*arguments), lambda: self.oracle.reopen(month))
            else:
                month = self.oracle.next_month() or f"{self.day:%Y-%m}"
                deeds = (
                    lambda: close_month(connection, month, "Ana", self.clock(), self.settings),
                    lambda: self.oracle.close(month),
                )
            self.alike(*deeds)

    def alike(self, deed: Callable[[], object], expected: Callable[[], bool]) -> None:
        try:
            deed()
            refused = None
        except (DecisionRefused, PublishRefused) as reason:
            refused = str(reason)
        assert (refused is None) == expected(), refused

    def check_months(self) -> None:
        """The same months are closed."""
        with reading(self.engine) as connection:
            closed = connection.scalars(select(months.c.month).where(months.c.closed.is_(True)))
            assert sorted(closed) == sorted(self.oracle.closed)

    def check(self) -> None:
        self.check_closings()
        if not any(self.oracle.published.values()):
            return
        with reading(self.engine) as connection:
            names = {NO_SITE_ID: NO_SITE} | dict(
                connection.execute(select(sites.c.site_id, sites.c.name)).all()
            )
            kept = kept_days(connection, self.settings)
            assert kept is not None and kept.today == self.oracle.today()
            assert kept.daily_from == self.oracle.daily_from()
            for day in self.oracle.kept():
                assert kept.kept_on_or_before(day) == day
                assert self._records(connection, day) == self._expected(day)
                for source in self.oracle.days:
                    expected = self.oracle.counts(source, day)
                    assert self._counts(connection, source, day, names) == expected
                assets = self.oracle.asset_counts(day)
                assert self._counts(connection, "assets", day, names) == assets
                assert self._live_assets(connection, day, names) == assets
            self._check_month_ends(connection, names)
            self._check_orphans(connection)

    def check_closings(self) -> None:
        """Every closing holds what the oracle wrote down then, and its hash still proves it."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                select(month_closings).order_by(month_closings.c.closing_id)
            ).all()
            assert [row.month for row in rows] == [
                closing.month for closing in self.oracle.closings
            ]
            names = {NO_SITE_ID: NO_SITE} | dict(
                connection.execute(select(sites.c.site_id, sites.c.name)).all()
            )
            turns = {site_id: turn - 1 for turn, site_id in enumerate(sorted(names))}
            turns |= {ALL_SITES: -1, NO_SITE_ID: NOWHERE}
            for row, closing in zip(rows, self.oracle.closings, strict=True):
                gone = row.month < self.oracle.gone_months
                assert is_unchanged(connection, row.closing_id) is (None if gone else True)
                assert row.members == len(closing.members)
                if not gone:
                    assert self._members(connection, row.closing_id) == closing.members
                c = month_closing_counts.c
                counts = connection.execute(
                    select(c.basis, c.site_id, c.device_type, c.billing_status, c.n).where(
                        c.closing_id == row.closing_id
                    )
                )
                assert added(counts, names) == closing.counts
                b = month_bases.c
                bases = {
                    (base.basis, turns[base.site_id]): (
                        base.month_end, base.device_days, base.days, base.peak, base.peak_day,
                    )
                    for base in connection.execute(
                        select(month_bases).where(b.closing_id == row.closing_id)
                    )
                }  # fmt: skip
                assert bases == closing.bases
            self._check_border(connection, names)

    def _members(self, connection: Any, closing_id: int) -> dict[Any, Any]:
        rows = connection.execute(
            select(month_members).where(month_members.c.closing_id == closing_id)
        )
        return {
            (row.source, row.source_key): (
                row.site, row.device_type, row.billing_status, row.hostname, row.days,
                row.asset_type, row.sources, row.asset_days,
            )
            for row in rows
        }  # fmt: skip

    def _check_border(self, connection: Any, names: dict[int, str]) -> None:
        """What the tables say now of the border is what its closing said."""
        if not self.oracle.closed or not self.oracle.keeps(self.oracle.border()):
            return
        border = self.oracle.border()
        closing = [c for c in self.oracle.closings if c.month == max(self.oracle.closed)][-1]
        live = {
            ("assets", *key): n for key, n in self._live_assets(connection, border, names).items()
        }
        view = records_as_of(border).subquery()
        for row in connection.execute(
            select(view.c.source, view.c.site_id, view.c.device_type, view.c.billing_status)
        ):
            key = (row.source, names[row.site_id], row.device_type, row.billing_status)
            live[key] = live.get(key, 0) + 1
        assert Counter(live) == closing.counts
        c = month_end_counts.c
        stored = connection.execute(
            select(c.basis, c.site_id, c.device_type, c.billing_status, c.n).where(
                c.month == closing.month
            )
        )
        assert added(stored, names) == closing.counts

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
        from tests.support.history_oracle import product_id

        with reading(self.engine) as connection:
            order = list(connection.scalars(select(sites.c.site_id).order_by(sites.c.site_id)))
        return {
            device: (
                NO_SITE_ID if known.site == NOWHERE else order[known.site],
                known.device_type, known.status, known.hostname, known.serial,
                known.display_name, product_id(known.asset),
            )
            for device, known in self.oracle.records(day).items()
        }  # fmt: skip

    def _counts(
        self, connection: Any, basis: str, day: date, names: dict[int, str]
    ) -> Counter[tuple[str, str, str]]:
        c = daily_counts.c
        days = published_days(connection, None if basis == "assets" else basis)
        newest = max((past for past in days if past <= day), default=None)
        rows = connection.execute(
            select(c.site_id, c.device_type, c.billing_status, c.n).where(
                c.basis == basis, c.snapshot_date == newest
            )
        )
        counts: Counter[tuple[str, str, str]] = Counter()
        for site_id, kind, status, n in rows:
            counts[names[site_id], kind, status] += n
        return counts

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
            counts: Counter[tuple[str, str, str]] = Counter()
            for site_id, kind, status, n in rows:
                counts[names[site_id], kind, status] += n
            assert counts == self.oracle.counts(source, newest)

    def _check_orphans(self, connection: Any) -> None:
        stretches = set(connection.scalars(select(device_snapshots.c.device_id)))
        assert set(connection.scalars(select(devices.c.device_id))) == stretches


def raw(row: Row) -> Raw:
    contact = row.contact and row.contact.isoformat()
    return {**row.__dict__, "contact": contact, "seen": 1}


def added(rows: Iterable[Any], names: dict[int, str]) -> Counter[tuple[str, ...]]:
    """Counts by the name of the site; several sites may have the same."""
    counts: Counter[tuple[str, ...]] = Counter()
    for basis, site_id, kind, status, n in rows:
        counts[basis, names[site_id], kind, status] += n
    return counts


def replay(engine: Engine, history: Any) -> None:
    anew, steps, retention, months, quiet, close_days = history
    anew = [*anew, *ballast(quiet)]
    here = Replay(engine, retention, months, close_days)
    for source, gap, kind, rows, gone in steps:
        here.step(source, gap, kind, rows, gone, anew)
    here.check()


@pytest.fixture(scope="module")
def sqlite_histories(make_engine: MakeEngine) -> Engine:
    return make_engine("sqlite")


def test_every_kept_day_matches_the_oracle_on_sqlite(sqlite_histories: Engine) -> None:
    @settings(max_examples=samples(15, 10_000))
    @given(history)
    def holds(history: Any) -> None:
        replay(sqlite_histories, history)

    holds()


@pytest.fixture(scope="module")
def postgres_histories(make_engine: MakeEngine) -> Engine:
    return make_engine("postgresql")


def test_every_kept_day_matches_the_oracle_on_postgresql(
    postgres_histories: Engine,
) -> None:
    @settings(max_examples=samples(6, 10_000))
    @given(history)
    def holds(history: Any) -> None:
        replay(postgres_histories, history)

    holds()
