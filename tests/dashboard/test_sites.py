"""Sites: the table, its order, its API; one site's places, names and counts."""

import random
from collections import Counter
from dataclasses import replace
from datetime import date

import plotly.graph_objects as go
import pytest
from sqlalchemy import Engine

from dashboard.base.params import NO_LOCATION, Filters
from dashboard.components.sites import grid as site_grid
from dashboard.figures.daily import daily_figure
from dashboard.queries import moment
from dashboard.queries.collection_days import Gap
from dashboard.queries.devices import device_list
from dashboard.queries.series import Series, daily_series
from dashboard.queries.sites import site_profile, site_table
from db.engine import reading
from db.tables import NO_SITE_ID
from tests.support.api_server import ApiClient
from tests.support.changes_oracle import random_filters as _random_filters
from tests.support.small_hub import Hub, pcs
from tests.support.worlds import HARBOR, MUELLER, NORTH, TODAY, random_world

pytestmark = pytest.mark.any_database


def test_locations_and_sources_of_a_site_add_up_to_its_lists(engine: Engine) -> None:
    rng = random.Random(5)
    world = random_world(rng)
    world.save(engine)
    with reading(engine) as connection:
        for _ in range(8):
            filters = _random_filters(rng, sites=(1, 2, 3)).having(sites=(rng.choice((1, 2)),))
            found = moment.resolve(connection, filters, TODAY)
            places = site_profile.locations(connection, found, filters)
            assert sum(one.n for one in places) == device_list.count(connection, found, filters)
            for one in places:
                there = filters.having(locations=(one.name or NO_LOCATION,))
                assert one.n == device_list.count(connection, found, there)
            for source, n in site_profile.records_by_source(connection, found, filters).items():
                assert n == device_list.count(connection, found, filters.having(basis=source))


def test_a_site_has_its_name_in_each_source(engine: Engine) -> None:
    hub = Hub(engine)
    hub.collect(TODAY, pcs(range(3), location="Rack 1"))
    shields = pcs(range(10, 12), org="t-1", org_name="HARBOR DENTAL, LLC")
    hub.collect(TODAY, shields, "threatlocker")
    site = hub.site_of("1").site_id
    with reading(engine) as connection:
        profile = site_profile.profile(connection, site)
        assert profile is not None and profile.name == "Harbor Dental"
        assert [(one.source, one.name, one.last_seen) for one in profile.aliases] == [
            ("ninja", "Harbor Dental", TODAY), ("threatlocker", "HARBOR DENTAL, LLC", TODAY),
        ]  # fmt: skip
        filters = Filters(sites=(site,))
        found = moment.resolve(connection, filters, TODAY)
        assert site_profile.locations(connection, found, filters) == [("Rack 1", 3), (None, 2)]
        assert site_profile.profile(connection, 99) is None
        assert site_profile.profile(connection, NO_SITE_ID) is None


def test_devices_without_a_site_are_a_site_of_their_own(named_engine: Engine) -> None:
    with reading(named_engine) as connection:
        profile = site_profile.profile(connection, NO_SITE_ID)
    assert profile is not None and profile.name == "(no site)"


def test_the_daily_series_covers_consecutive_days(named_sqlite: Engine) -> None:
    with reading(named_sqlite) as connection:
        for as_of in (TODAY, date(2026, 10, 1), date(2026, 8, 31)):
            filters = Filters(as_of=as_of)
            found = moment.resolve(connection, filters, TODAY)
            days = daily_series(connection, found, filters, 65, unbroken=True).days
            assert days[-1] == found.now.day
            assert len(days) == (days[-1] - days[0]).days + 1


def test_the_grid_is_sorted_as_requested_and_its_last_row_is_the_sum(named_engine: Engine) -> None:
    filters = Filters(basis="records")
    with reading(named_engine) as connection:
        found = moment.resolve(connection, filters, TODAY)
        table = site_table.site_rows(connection, found, filters)

    def ids(column: str, way: str) -> list[int]:
        model = [{"colId": column, "sort": way}]
        return [one.site_id for one in site_grid.in_order(table, model)]

    assert ids("now", "desc")[0] == HARBOR
    assert ids("server", "desc")[0] == HARBOR
    assert ids("name", "asc") == [0, HARBOR, MUELLER, NORTH]
    assert ids("payload; --", "asc") == [one.site_id for one in site_grid.in_order(table, None)]
    moved = [abs(one.figure.change or 0) for one in site_grid.in_order(table, None)]
    assert moved == sorted(moved, reverse=True)
    total = site_grid.total(table)
    assert total.current == sum(one.figure.current or 0 for one in table)
    unknown = [replace(one, figure=replace(one.figure, previous=None)) for one in table]
    assert site_grid.total(unknown).previous is None


def test_the_api_lists_the_sites_of_the_page(client: ApiClient) -> None:
    body = client.json("/api/sites")
    assert body["basis"] == "assets"
    assert [item["name"] for item in body["items"]] == [
        "(no site)", "Harbor Dental", "Müller & Söhne, Bau", "North 100% Farms",
    ]  # fmt: skip
    sums: Counter[str] = Counter()
    for item in body["items"]:
        total = item["total_devices"]
        assert total == item["servers"] + item["workstations"] + item["other_devices"]
        assert total == item["billable_devices"] + item["spare_devices"]
        assert total == sum(item["types"].values())
        sums["now"] += total
        sums["then"] += item["previous"]
    assert sums["now"] == client.json("/api/dashboard/devices?basis=assets")["count"]
    page = client.json("/api/sites?limit=1&offset=1")
    assert (page["count"], page["items"]) == (4, [body["items"][1]])
    assert client.json("/api/sites?limit=0", 400)["parameter"] == "limit"
    assert client.json("/api/sites?as_of=2026-08-01")["items"] == []


def test_a_day_without_a_snapshot_keeps_its_bar_pale_and_marked() -> None:
    days = (date(2026, 11, 14), date(2026, 11, 15))
    values = {"server": (2, 2), "workstation": (None, 3), "unknown": (0, 0), "total": (2, 5)}
    gap = Gap("ninja", days[1], "failed", "HTTP 500 <b>", 7)
    found = daily_figure(Series(days, values), [gap], lambda day, kind: f"/{day}/{kind}")
    figure = go.Figure(found)
    servers, workstations, marks = sorted(figure.data, key=lambda one: one.name or "~")
    assert list(servers.y) == [2, 2]
    assert list(workstations.y) == [None, 3]
    assert servers.customdata[1] == "/2026-11-15/server"
    assert list(servers.marker.opacity) == [1, 0.45]
    assert list(marks.x) == ["2026-11-15"]
    assert "NinjaRMM" in marks.hovertext[0] and "NinjaRMM" in servers.hovertext[1]
