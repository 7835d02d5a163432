"""The whole way: simulated vendors, real collectors, and an independent recount."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from cli.demo import fill, furnish
from dashboard.queries.inbox.waiting import waiting
from db.engine import reading, writing
from db.settings import load
from db.tables import collection_runs, coverage_findings, months
from db.tables import month_end_counts as counts
from etl.collect.collect import collect
from etl.decisions.registry import DecisionContext
from etl.decisions.runs import accept_run
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from etl.months.imports import import_counts
from etl.runtime import lease
from etl.sources import discover
from tests.support.api_server import serve_api
from tests.support.demo_dashboard import LAST_DAY
from tests.support.recount import machines, recount, totals
from tests.support.samples import samples


@pytest.mark.parametrize("seed", range(1, 1 + samples(1, 4)))
def test_the_numbers_of_a_day_equal_a_recount_of_what_the_vendors_answered(
    seed: int, sqlite_engine: Engine, tmp_path: Path
) -> None:
    fleet = Fleet(seed, devices=200, sites=9, last_day=LAST_DAY)
    clock = datetime(2026, 11, 22, 4, tzinfo=UTC)
    with SimulatedVendors(fleet) as vendors:
        settings = load(vendors.environ() | {"DATA_DIR": str(tmp_path)})
        with lease.take(sqlite_engine) as held:
            for source in (one for one in discover().values() if one.FACTS.address):
                assert source.FACTS.name in ("ninja", "threatlocker")
                collect(sqlite_engine, held, source, LAST_DAY, lambda: clock, settings)
        records = recount(vendors.environ())
    with serve_api(sqlite_engine) as client:
        today = client.json("/api/dashboard/today")["totals"]
        expected = totals(records)
        assert {name: today[name] for name in expected} == expected
        assert today["unique_assets"] == machines(records)
        for source in ("ninja", "threatlocker"):
            own = client.json(f"/api/dashboard/today?basis={source}")["totals"]
            expected = totals([record for record in records if record.source == source])
            assert {name: own[name] for name in expected} == expected
        for site in client.json("/api/dashboard/sites?basis=ninja")["items"]:
            of_site = [r for r in records if r.source == "ninja" and r.site == site["name"]]
            assert site["total_devices"] == totals(of_site)["total_devices"]


@pytest.fixture(scope="module")
def three_months() -> Iterator[Fleet]:
    yield Fleet(5, devices=samples(60, 100), sites=6, months=3, last_day=LAST_DAY)


def test_a_demo_replays_its_history_and_has_something_of_everything_to_try(
    three_months: Fleet, sqlite_engine: Engine, tmp_path: Path
) -> None:
    days = three_months.days()
    with SimulatedVendors(three_months, loses_a_tenant=True) as vendors:
        settings = load(vendors.environ() | {"DATA_DIR": str(tmp_path)})
        assert fill(sqlite_engine, three_months, vendors, settings) == len(days)
        furnish(sqlite_engine, three_months, settings)
        assert fill(sqlite_engine, three_months, vendors, settings) == 0
        expected = totals(recount(vendors.environ()))
    with reading(sqlite_engine) as connection:
        runs = collection_runs.c
        states = dict(
            connection.execute(select(runs.state, func.count()).group_by(runs.state)).all()
        )
        waits = waiting(connection)
        kinds = set(connection.scalars(select(coverage_findings.c.kind)))
        closed = connection.scalars(select(months.c.month).where(months.c.closed)).all()
        imported = connection.scalars(select(counts.c.month).where(counts.c.imported)).all()
    # One day a vendor was down, one day it gave less than it promised, and one waits for a person.
    assert states == {"complete": 2 * len(days) - 3, "failed": 2, "suspicious": 1}
    assert len(waits.runs) == 1 and not waits.runs[0].needs_administrator
    assert waits.count <= 3
    assert "name_mismatch" in kinds
    assert "2026-10" in closed
    assert set(imported) == {"2026-08"}
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    (left,) = tmp_path.glob("counts-*.csv")
    with lease.take(sqlite_engine) as held, writing(sqlite_engine) as connection:
        held.hold(connection)
        assert import_counts(connection, left.name, left.read_bytes(), "me", now).new_sites == ()
    # Accepted, it is as if nothing had been held.
    with lease.take(sqlite_engine) as held:
        context = DecisionContext(sqlite_engine, held, "me", lambda: now, settings)
        accept_run(context, discover()["threatlocker"], waits.runs[0].run_id)
    with serve_api(sqlite_engine) as client:
        today = client.json("/api/dashboard/today")["totals"]
        assert {name: today[name] for name in expected} == expected
        assert client.json("/api/dashboard/comparison")["month_end_dates"] == {
            "ninja": "2026-10-31T00:00:00+00:00",
            "threatlocker": "2026-10-31T00:00:00+00:00",
        }
