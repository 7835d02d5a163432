"""Billing bases side by side: who was billable on which day makes every difference."""

import random
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from dashboard.base.params import BASES, Filters
from dashboard.queries import moment
from dashboard.queries.months import basis_differences, month_table
from dashboard.queries.months.basis_differences import BasisComparison, DifferingDevice
from db.engine import reading
from db.tables import ALL_SITES
from tests.support.api_server import serve_api
from tests.support.files import csv_rows
from tests.support.small_hub import Hub, Pc

TODAY = date(2024, 3, 5)
NOW = datetime(2024, 3, 5, 12, tzinfo=UTC)


def story(engine: Engine) -> Hub:
    """Two sources; devices come, go, move, become spare and are linked, all in February."""
    hub, chance = Hub(engine), random.Random(5)
    for day in (date(2024, 1, 31), *(date(2024, 2, n) for n in (3, 9, 15, 22, 29)),
                date(2024, 3, 4)):  # fmt: skip
        for source in ("ninja", "threatlocker"):
            rows = [
                Pc(str(n), org=str(n % 3 if chance.random() < 0.9 else 1), hostname=f"pc{n}",
                   org_name=f"Customer {n % 3}",
                   display_name="spare" if chance.random() < 0.1 else None)
                for n in range(14)
                if chance.random() < 0.9
            ]  # fmt: skip
            rows = [Pc(**{**one.__dict__, "org_name": f"Customer {one.org}"}) for one in rows]
            hub.collect(day, rows, source)
    return hub


def sides(
    hub: Hub, basis: str, month: str = "2024-02"
) -> tuple[BasisComparison, list[DifferingDevice]]:
    filters = Filters(basis=basis)
    with reading(hub.engine) as connection:
        seen = moment.resolve(connection, filters, TODAY)
        rows = month_table.month_rows(connection, seen, filters)
        row = next(one for one in rows if one.month == month)
        found = basis_differences.compare_bases(connection, seen, row, filters)
        return found, basis_differences.differing_devices(connection, found, ALL_SITES)


@pytest.mark.parametrize("basis", BASES[:4])
def test_the_days_of_each_device_add_up_to_the_bases(engine: Engine, basis: str) -> None:
    hub = story(engine)
    for close in (lambda: None, lambda: (hub.close("2024-01"), hub.close("2024-02"))):
        close()
        found, _ = sides(hub, basis)
        assert found.presence is not None and len(found.bases) == 4
        days = found.presence.device_days()
        for one in found.bases:
            here = found.presence.at(one.site_id)
            assert days[one.site_id] == one.device_days, one
            peak = sum(found.presence.holds(mask, one.peak_day) for mask in here.values())
            end = sum(found.presence.holds(mask, date(2024, 2, 29)) for mask in here.values())
            assert (peak, end) == (one.peak, one.month_end), one
            assert found.devices(one) == len(here) >= one.peak


def test_the_listed_devices_add_up_to_the_difference(sqlite_engine: Engine) -> None:
    hub = story(sqlite_engine)
    found, rows = sides(hub, "assets")
    one = next(one for one in found.bases if one.site_id == ALL_SITES)
    more = sum(row.on_peak and not row.at_end for row in rows)
    fewer = sum(row.at_end and not row.on_peak for row in rows)
    assert one.peak - one.month_end == more - fewer
    assert (found.devices(one) or 0) - one.month_end == sum(not row.at_end for row in rows)
    assert all(0 < row.days < 29 for row in rows) and rows[0].name.startswith("pc")


def test_api_and_file_have_the_same_device_days(sqlite_engine: Engine) -> None:
    hub = story(sqlite_engine)
    hub.close("2024-01")
    found, _ = sides(hub, "assets")
    with serve_api(sqlite_engine, clock=lambda: NOW) as client:
        body = client.json("/api/months/2024-02/bases")
        assert [one["device_days"] for one in body["items"]] == [
            one.device_days for one in found.bases
        ]
        assert body["items"][0]["site_id"] is None and body["devices"] == []
        site = body["items"][1]["site_id"]
        one = client.json(f"/api/months/2024-02/bases?site={site}")
        there = [row for row in one["devices"] if not row["at_end"]]
        assert one["items"][-1]["present_difference"] == len(there)
        rows = csv_rows(client.get("/export/month-bases.csv?month=2024-02").content)
        assert [int(row["peak"]) for row in rows] == [one.peak for one in found.bases]
        assert rows[0]["site"] == "All sites"
        assert "month is missing" in client.json("/export/month-bases.csv", 400)["error"]
        client.json("/api/months/2019-01/bases", 404)
