"""What Chromium shows against a recount by hand of what the simulated vendors answered."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from db.settings import load
from etl.collect.collect import collect
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from etl.runtime import lease
from etl.sources import discover
from tests.support.demo_dashboard import LAST_DAY, serve_dashboard
from tests.support.recount import CountedRecord, machines, recount, totals
from tests.support.samples import samples


@pytest.mark.parametrize("seed", range(1, 1 + samples(1, 2)))
def test_every_number_on_the_screen_equals_an_independent_recount(
    page: Page, sqlite_engine: Engine, tmp_path: Path, seed: int
) -> None:
    clock = datetime(2026, 11, 22, 4, tzinfo=UTC)
    fleet = Fleet(seed, devices=150, sites=8, last_day=LAST_DAY)
    with SimulatedVendors(fleet) as vendors:
        settings = load(vendors.environ() | {"DATA_DIR": str(tmp_path)})
        with lease.take(sqlite_engine) as held:
            for source in (one for one in discover().values() if one.FACTS.address):
                collect(sqlite_engine, held, source, LAST_DAY, lambda: clock, settings)
        records = recount(vendors.environ())
    ninja = [record for record in records if record.source == "ninja"]
    threatlocker = [record for record in records if record.source == "threatlocker"]
    with serve_dashboard(sqlite_engine) as (address, _):
        for basis, counted in (
            ("ninja", ninja),
            ("threatlocker", threatlocker),
            ("records", records),
        ):
            page.goto(f"{address}/?basis={basis}")
            billable = totals([record for record in counted if record.status == "billable"])
            every = totals(counted)
            expect_card(page, "#kpi-counted", billable["total_devices"])
            expect_card(page, "#kpi-server", billable["servers"])
            expect_card(page, "#kpi-workstation", billable["workstations"])
            expect_card(page, "#kpi-spare", every["spare_devices"])
            for query, number in (
                ("", billable["total_devices"]),
                ("&status=billable&status=spare", every["total_devices"]),
            ):
                page.goto(f"{address}/devices?basis={basis}{query}")
                expect(page.locator("h1")).to_have_text(f"{number} devices match")
        page.goto(f"{address}/devices?status=billable&status=spare")
        expect(page.locator("h1")).to_have_text(f"{machines(records)} devices match")
        page.goto(f"{address}/?basis=ninja")
        expect(page.locator("#sites-table tbody tr").first).to_be_visible()
        rows = page.locator("#sites-table tbody tr").all()
        on_screen = {
            row.locator("th").inner_text(): int(row.locator("td").first.inner_text())
            for row in rows
        }
        assert on_screen == billable_by_site(ninja)


def expect_card(page: Page, card: str, number: int) -> None:
    expect(page.locator(f"{card} .kpi-value")).to_have_text(f"{number:,}")


def billable_by_site(records: list[CountedRecord]) -> dict[str, int]:
    return dict(Counter(record.site for record in records if record.status == "billable"))
