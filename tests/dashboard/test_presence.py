"""Billing bases side by side: who was billable on which day makes every difference."""

import random
from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from sqlalchemy import Connection, Engine

from dashboard.base.params import BASES, BILLABLE, Filters, arguments, parse
from dashboard.queries import counts, moment
from dashboard.queries.months import basis_differences, month_table
from dashboard.queries.months.basis_differences import BasisComparison, CountedDevice
from db.engine import reading
from db.tables import ALL_SITES
from tests.support.api_server import ApiClient, serve_api
from tests.support.files import csv_rows, sheets
from tests.support.samples import some
from tests.support.small_hub import Hub, Pc

pytestmark = pytest.mark.any_database

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
                   display_name="spare" if chance.random() < 0.1 else None,
                   node_class="WINDOWS_SERVER" if n % 5 == 0 else "WINDOWS_WORKSTATION",
                   location="Cellar" if n % 4 == 0 else None, managed=chance.random() < 0.95)
                for n in range(14)
                if chance.random() < 0.9
            ]  # fmt: skip
            rows = [Pc(**{**one.__dict__, "org_name": f"Customer {one.org}"}) for one in rows]
            hub.collect(day, rows, source)
    return hub


def sides(
    hub: Hub, basis: str, month: str = "2024-02"
) -> tuple[BasisComparison, list[CountedDevice]]:
    filters = Filters(basis=basis, statuses=BILLABLE)
    with reading(hub.engine) as connection:
        seen = moment.resolve(connection, filters, TODAY)
        rows = month_table.month_rows(connection, seen, filters)
        row = next(one for one in rows if one.month == month)
        found = basis_differences.compare_bases(connection, seen, row, filters)
        return found, basis_differences.differing_devices(connection, found, ALL_SITES)


@pytest.mark.parametrize("basis", some(BASES[:4], 2))
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


def test_the_number_of_devices_present_lists_all_of_them(sqlite_engine: Engine) -> None:
    hub = story(sqlite_engine)
    found, rows = sides(hub, "assets")
    one = next(one for one in found.bases if one.site_id == ALL_SITES)
    with reading(hub.engine) as connection:
        others = basis_differences.every_day_devices(connection, found, ALL_SITES, 500)
        cut = basis_differences.every_day_devices(connection, found, ALL_SITES, 1)
    assert {row.days for row in others} == {29} and len(cut) == 1
    listed = {row.device_id for row in (*rows, *others)}
    assert len(listed) == len(rows) + len(others) == found.devices(one)


QUERIES = (
    "", "type=server", "type=workstation&status=spare", "status=spare", "status=excluded",
    "status=billable&status=spare", "q=pc1", "q=pc1&status=spare&type=server", "location=Cellar",
    "location=", "site=1", "site=1&site=2&type=server",
)  # fmt: skip
OF_RECORDS = ("source=threatlocker", "source=ninja&q=pc1")
OF_ASSETS = ("managed_by=ninja&managed_by=threatlocker", "managed_by=threatlocker&type=server")


def counted_day_by_day(connection: Connection, filters: Filters) -> dict[int, list[int]]:
    """By site what a list counts on each day of February; nothing changes between snapshots."""
    counted: dict[int, list[int]] = {ALL_SITES: []}
    changing = [1, 3, 9, 15, 22, 29, 30]
    for first, after in pairwise(changing):
        asked = filters.having(as_of=date(2024, 2, first))
        shown = moment.resolve(connection, asked, TODAY)
        here = Counter[int]()
        for count in counts.device_counts(connection, shown, shown.now, asked) or ():
            here.update({count.site_id: count.n, ALL_SITES: count.n})
        for site in {*here, *counted}:
            days = counted.setdefault(site, [0] * (first - 1))
            days += [here[site]] * (after - first)
    return counted


def bases_in_json(client: ApiClient, query: str) -> dict[int, tuple[int, ...]]:
    """By site its month-end, device-days, peak, days, and the place of the peak among them."""
    return {
        ALL_SITES if item["site_id"] is None else item["site_id"]: (
            item["month_end"], item["device_days"], item["peak"], item["days"],
            int(item["peak_day"][-2:]) - 1,
        )
        for item in client.json(f"/api/months/2024-02/bases?{query}")["items"]
    }  # fmt: skip


@pytest.mark.parametrize("basis", some(["assets", "records", "ninja"], 2))
def test_bases_count_what_the_list_of_each_day_counts_whatever_the_filters(
    sqlite_engine: Engine, basis: str
) -> None:
    hub = story(sqlite_engine)
    more = {"records": OF_RECORDS, "assets": OF_ASSETS}.get(basis, ())
    expected: dict[str, dict[int, tuple[int, ...]]] = {}
    with serve_api(sqlite_engine, clock=lambda: NOW) as client:
        for query in (f"{each}&basis={basis}" for each in some((*QUERIES, *more), 8)):
            filters = parse(arguments(query), today=TODAY, extra=("source", "managed_by"))
            with reading(hub.engine) as connection:
                daily = counted_day_by_day(connection, filters)
            if filters.sites:
                del daily[ALL_SITES]
            expected[query] = {
                site: (days[-1], sum(days), max(days), 29, days.index(max(days)))
                for site, days in daily.items()
                if site == ALL_SITES or any(days)
            }
            assert bases_in_json(client, query) == expected[query], query
            # The file says what it counted, and counts it.
            book = sheets(client.get(f"/export/month-bases.xlsx?month=2024-02&{query}").content)
            about = {row[0]: row[1] for row in book["About"]}
            assert about["Types"] == (", ".join(filters.types) or "all")
            assert about["Billing statuses"] == ", ".join(filters.statuses)
            assert about["Search"] == (filters.q or "none")
            device_days = [row[10] for row in book["Month"][1:]]
            assert device_days == [bases[1] for bases in bases_in_json(client, query).values()]
        hub.close("2024-01")
        hub.close("2024-02")
        for query, bases in expected.items():
            assert bases_in_json(client, query) == bases, query
    assert len({bases for each in expected.values() for bases in each.values()}) > 15


def test_filters_that_a_closing_does_not_store_are_refused_by_name_once_its_days_are_purged(
    sqlite_engine: Engine,
) -> None:
    hub = story(sqlite_engine)
    hub.close("2024-01")
    hub.close("2024-02")
    hub.environ |= {"RETENTION_DAYS": "1"}
    hub.retain()
    with serve_api(sqlite_engine, clock=lambda: NOW) as client:
        for query, name in (("type=server", "type"), ("status=spare", "status"), ("q=pc", "q"),
                            ("location=Cellar&type=server", "location")):  # fmt: skip
            refused = client.json(f"/api/months/2024-02/bases?{query}", 400)
            assert refused["parameter"] == name and "no longer kept" in refused["error"]
            path = f"/export/month-bases.csv?month=2024-02&{query}"
            assert client.json(path, 400)["parameter"] == name
        stored = client.json("/api/months/2024-02/bases?status=billable&site=1")["items"]
        assert len(stored) == 1 and stored[0]["days"] == 29


def test_a_file_of_months_says_that_it_has_every_status(sqlite_engine: Engine) -> None:
    story(sqlite_engine)
    with serve_api(sqlite_engine, clock=lambda: NOW) as client:
        book = sheets(client.get("/export/month-ends.xlsx?status=spare&type=server").content)
    about = {row[0]: row[1] for row in book["About"]}
    assert about["Billing statuses"] == "billable, spare, excluded"
    assert about["Types"] == "server"


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
