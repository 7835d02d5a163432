"""The seed's JSON API over real HTTP: its fields, its arithmetic, its refusals."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, insert

from dashboard.base.access import ACCESS, required_role
from dashboard.queries.devices.device_list import COLUMNS
from db.engine import open_engine, sqlite_url, writing
from db.roles import ROLES
from db.tables import collection_runs
from tests.support.api_server import (
    NOW,
    ApiClient,
    api_document,
    make_app,
    serve_api,
)
from tests.support.worlds import HARBOR, TODAY, DeviceState, World, named_world, run_row

pytestmark = pytest.mark.any_database

SEED_TOTALS = (
    "total_devices", "servers", "workstations", "spare_devices", "billable_devices",
    "ninja_devices", "threatlocker_devices",
)  # fmt: skip
NEW_TOTALS = ("other_devices", "agent_devices", "unique_assets", "excluded_devices")
LISTS = ("/api/dashboard/sites", "/api/dashboard/devices", "/api/dashboard/changes")
QUESTIONS = ("/api/dashboard/today", "/api/dashboard/comparison", *LISTS)
FILES = tuple(
    f"/export/{name}.{form}"
    for name in ("devices", "changes", "bars", "sites", "months")
    for form in ("csv", "xlsx")
)


def _check_sums(totals: dict[str, Any]) -> None:
    total = totals["total_devices"]
    assert total == totals["servers"] + totals["workstations"] + totals["other_devices"]
    assert total == totals["billable_devices"] + totals["spare_devices"]
    assert total == sum(
        totals[f"{source}_devices"] or 0 for source in ("ninja", "threatlocker", "agent")
    )


def test_today_has_the_fields_of_the_seed_and_its_sums_hold(named_engine: Engine) -> None:
    with serve_api(named_engine, zone="America/Chicago") as client:
        today = client.json("/api/dashboard/today")
    assert today["date"] == "2026-11-22T00:00:00-06:00"
    totals = today["totals"]
    assert set(totals) == {*SEED_TOTALS, *NEW_TOTALS}
    assert totals == {
        "total_devices": 14, "servers": 2, "workstations": 8, "other_devices": 4,
        "spare_devices": 2, "billable_devices": 12, "excluded_devices": 2, "ninja_devices": 9,
        "threatlocker_devices": 4, "agent_devices": 1, "unique_assets": 10,
    }  # fmt: skip
    _check_sums(totals)
    assert today["site_count"] == 3
    assert [site["name"] for site in today["sites"]] == [
        "(no site)", "Harbor Dental", "Müller & Söhne, Bau", "North 100% Farms",
    ]  # fmt: skip
    assert today["sites"][1]["site_id"] == HARBOR
    for field in totals:
        assert totals[field] == sum(site[field] for site in today["sites"])


@pytest.mark.parametrize("basis", ["records", "assets", "ninja", "threatlocker", "agent"])
@pytest.mark.parametrize(
    "filters",
    ["", "&status=spare", "&status=excluded", "&type=server&type=network", "&q=h-", "&site=1"],
)
def test_the_sums_hold_and_the_list_is_as_long_as_the_total(
    client: ApiClient, basis: str, filters: str
) -> None:
    query = f"?basis={basis}{filters}"
    totals = client.json("/api/dashboard/today" + query)["totals"]
    _check_sums(totals)
    counted = "excluded_devices" if "excluded" in filters else "total_devices"
    assert client.json("/api/dashboard/devices" + query)["count"] == totals[counted]
    if basis == "assets" and "excluded" not in filters:
        assert totals["unique_assets"] == totals["total_devices"]
    sites = client.json("/api/dashboard/sites" + query)
    assert sum(site["total_devices"] for site in sites["items"]) == totals["total_devices"]


def test_the_comparison_has_the_shape_of_the_seed(client: ApiClient) -> None:
    comparison = client.json("/api/dashboard/comparison")
    assert comparison["today_date"] == "2026-11-22T00:00:00+00:00"
    assert comparison["last_month_end_date"] == "2026-10-31T00:00:00+00:00"
    assert comparison["month_end_dates"] == {
        "ninja": "2026-10-31T00:00:00+00:00", "threatlocker": "2026-10-30T00:00:00+00:00",
    }  # fmt: skip
    _check_sums(comparison["today_totals"])
    _check_sums(comparison["last_month_totals"])
    assert comparison["changes"]["total_devices"] == {
        "current": 14, "previous": 14, "change": 0, "change_percent": 0.0,
    }  # fmt: skip
    assert comparison["changes"]["servers"] == {
        "current": 2, "previous": 3, "change": -1, "change_percent": -33.3,
    }  # fmt: skip
    # Before a source's first snapshot its count is unknown, never 0.
    assert comparison["changes"]["agent_devices"] == {
        "current": 1, "previous": None, "change": None, "change_percent": None,
    }  # fmt: skip


def test_any_two_days_compare(client: ApiClient) -> None:
    query = "?as_of=2026-11-09&compare_to=2026-11-04"
    comparison = client.json("/api/dashboard/comparison" + query)
    assert comparison["today_date"] == "2026-11-09T00:00:00+00:00"
    assert comparison["last_month_end_date"] == "2026-11-04T00:00:00+00:00"
    assert comparison["changes"]["total_devices"]["change"] == 1  # the agent's first machine


def test_each_site_has_its_change(client: ApiClient) -> None:
    sites = client.json("/api/dashboard/sites?basis=ninja&status=billable")
    assert sites["count"] == 4
    harbor = next(site for site in sites["items"] if site["name"] == "Harbor Dental")
    assert (harbor["total_devices"], harbor["previous"], harbor["change"]) == (3, 5, -2)
    assert harbor["change_percent"] == -40.0
    paged = client.json("/api/dashboard/sites?basis=ninja&status=billable&limit=1&offset=1")
    assert paged["count"] == 4
    assert [site["name"] for site in paged["items"]] == ["Harbor Dental"]


def test_a_device_row_has_exactly_the_promised_fields(client: ApiClient) -> None:
    devices = client.json("/api/dashboard/devices?q=H-SRV1&source=ninja")
    (row,) = devices["items"]
    assert tuple(row) == COLUMNS
    assert row == row | {
        "source": "ninja", "source_key": "101", "site_id": HARBOR, "site": "Harbor Dental",
        "location": "Rack 1", "hostname": "H-SRV1", "display_name": "Harbor server",
        "device_type": "server", "billing_status": "billable", "reason": "it is billable",
        "os": "Windows Server 2022", "node_class": "WINDOWS_SERVER", "serial": "SER-H1",
        "first_seen": "2026-08-20",
    }  # fmt: skip
    assert row["device_id"].isdecimal()
    assert row["asset_id"].isdecimal()
    assert datetime.fromisoformat(row["last_contact"]).utcoffset() is not None


def test_pages_of_devices_join_to_the_whole_list(client: ApiClient) -> None:
    whole = client.json("/api/dashboard/devices?limit=1000")
    pages = [
        client.json(f"/api/dashboard/devices?limit=4&offset={offset}") for offset in range(0, 16, 4)
    ]
    assert [row for page in pages for row in page["items"]] == whole["items"]
    assert {page["count"] for page in pages} == {whole["count"]} == {len(whole["items"])}
    assert client.json("/api/dashboard/devices?offset=999999999")["items"] == []


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("type=network", {"105"}),
        ("source=agent", {"m-1"}),
        ("source=agent&source=threatlocker&site=2", {"a-4"}),
        ("site=3&source=ninja", {"105"}),
        ("site=0", {"106"}),
        ("status=excluded", {"107", "113"}),
        ("q=m%C3%BCller-pc", {"104", "a-4"}),
        ("q=100%25", {"105", "a-5"}),
        ("q=stray_", {"106"}),
        ("q=stray%25", set()),
        ("q=%2F", {"105"}),
        ("q=%5C", set()),
        ("q=%27", {"105"}),
        ("site=77", set()),
        ("as_of=2026-11-09&q=h-old", {"110"}),
    ],
)
def test_devices_are_filtered(client: ApiClient, query: str, keys: set[str]) -> None:
    items = client.json("/api/dashboard/devices?" + query)["items"]
    assert {row["source_key"] for row in items} == keys


@pytest.mark.parametrize("path", QUESTIONS)
def test_without_data_every_answer_is_200_with_nulls(engine: Engine, path: str) -> None:
    with serve_api(engine) as client:
        body = client.json(path)
        assert client.json("/api/health")["data"] == "missing"
    if path in LISTS:
        assert (body["items"], body["count"], body["date"]) == ([], 0, None)
        return
    assert body["date" if "date" in body else "today_date"] is None
    totals: dict[str, Any] = body.get("totals") or body["today_totals"]
    assert set(totals.values()) == {None}
    if "changes" in body:
        assert all(set(change.values()) == {None} for change in body["changes"].values())


def test_before_the_first_snapshot_nothing_is_known(client: ApiClient) -> None:
    body = client.json("/api/dashboard/today?as_of=2020-01-01")
    assert set(body["totals"].values()) == {None}
    assert body["site_count"] is None
    change = client.json("/api/dashboard/comparison?basis=agent")["changes"]["total_devices"]
    assert change == {"current": 1, "previous": None, "change": None, "change_percent": None}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("colour=red", "colour"),
        ("as_of=2026-11-23", "as_of"),
        ("as_of=2026-11-01&compare_to=2026-11-02", "compare_to"),
        ("basis=all", "basis"),
        ("site=x", "site"),
        ("type=laptop", "type"),
        ("status=ok", "status"),
        ("q=a&q=b", "q"),
    ],
)
@pytest.mark.parametrize("path", [*QUESTIONS, *FILES])
def test_a_bad_parameter_is_refused_and_named(
    client: ApiClient, path: str, query: str, name: str
) -> None:
    body = client.json(f"{path}?{query}", 400)
    assert body["code"] == 400
    assert body["parameter"] == name
    assert name in body["error"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=ten", "limit=-1", "limit=", "limit=1&limit=2",
              "offset=-1", "offset=1e3", "offset=99999999999999999999"]
)  # fmt: skip
@pytest.mark.parametrize("path", LISTS)
def test_limit_and_offset_have_bounds(client: ApiClient, path: str, query: str) -> None:
    assert client.json(f"{path}?{query}", 400)["parameter"] == query.split("=")[0]


@pytest.mark.parametrize("path", ["/api/dashboard/today", "/api/dashboard/comparison"])
def test_routes_without_pages_refuse_a_limit(client: ApiClient, path: str) -> None:
    assert client.json(f"{path}?limit=5", 400)["parameter"] == "limit"


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/dashboard", "/api/dashboard/today/",
             "/api/dashboard/today/x", "/export", "/export/nothing.csv", "/api/%00"]
)  # fmt: skip
def test_an_unknown_path_answers_in_json(client: ApiClient, path: str) -> None:
    body = client.json(path, 404)
    assert body["code"] == 404
    assert "/api/openapi.json" in body["error"]


@pytest.mark.parametrize("path", ["/api/health", *QUESTIONS, *FILES])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_another_method_answers_in_json(client: ApiClient, path: str, method: str) -> None:
    response = requests.request(method, client.address + path, timeout=120)
    assert response.status_code == 405
    assert response.json()["code"] == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    elsewhere = requests.request(method, client.address + "/api/nothing", timeout=120)
    assert elsewhere.status_code == 404


def test_pages_outside_the_api_are_left_alone(client: ApiClient) -> None:
    assert "<title>a page</title>" in client.get("/changes?basis=ninja").text
    assert "<title>a page</title>" in client.get("/apiary").text


def test_health_reports_the_age_of_the_data_and_stays_healthy(named_sqlite: Engine) -> None:
    with serve_api(named_sqlite) as client:
        health = client.json("/api/health")
        assert (health["status"], health["database"], health["data"]) == (
            "healthy", "connected", "fresh",
        )  # fmt: skip
        assert health["sources"]["ninja"]["complete_at"] == "2026-11-22T02:10:00+00:00"
    with serve_api(named_sqlite, clock=lambda: NOW + timedelta(days=3)) as client:
        health = client.json("/api/health")
        assert (health["status"], health["data"]) == ("healthy", "stale")
        assert health["sources"]["agent"]["stale"] is True


def test_without_a_database_health_and_data_answer_503_in_json(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "never-migrated.db"))
    with serve_api(engine) as client:
        health = client.json("/api/health", 503)
        assert health["status"] == "unhealthy"
        for path in (*QUESTIONS, *FILES):
            body = client.json(path, 503)
            assert body["code"] == 503
            assert "inventory-hub doctor" in body["error"]
            assert "SELECT" not in body["error"]
    engine.dispose()


def test_a_day_begins_at_midnight_of_its_zone(sqlite_engine: Engine) -> None:
    world = World({1: "Alpha"})
    world.publish("ninja", TODAY, [DeviceState("ninja", "1", 1)])
    world.save(sqlite_engine)
    late = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    with serve_api(sqlite_engine, zone="America/Chicago", clock=lambda: late) as client:
        assert client.json("/api/dashboard/today")["date"] == "2026-11-22T00:00:00-06:00"
        client.json("/api/dashboard/today?as_of=2026-11-23", 400)
        in_summer = client.json("/api/dashboard/today?as_of=2026-11-22&compare_to=2026-07-01")
        assert in_summer["date"].endswith("-06:00")
    with serve_api(sqlite_engine, zone="Asia/Kolkata", clock=lambda: late) as client:
        assert client.json("/api/dashboard/today")["date"] == "2026-11-23T00:00:00+05:30"


def test_a_failed_run_changes_no_number(sqlite_engine: Engine) -> None:
    named_world().save(sqlite_engine)
    with serve_api(sqlite_engine) as client:
        before = client.json("/api/dashboard/today")
        with writing(sqlite_engine) as connection:
            connection.execute(
                insert(collection_runs).values(
                    run_row("ninja", TODAY, state="failed", published=False, reason="HTTP 500")
                )
            )
        assert client.json("/api/dashboard/today") == before


def test_without_credentials_only_the_health_is_answered(named_sqlite: Engine) -> None:
    with serve_api(named_sqlite, auth="password") as client:
        assert client.json("/api/health")["status"] == "healthy"
        for path in (*QUESTIONS, "/api/openapi.json", *FILES):
            assert client.json(path, 401)["code"] == 401
        to_sign_in = client.get("/", allow_redirects=False)
        assert (to_sign_in.status_code, to_sign_in.headers["Location"]) == (303, "/login?next=%2F")
        assert client.json("/api/nothing", 401)["code"] == 401


def test_answers_are_never_cached(client: ApiClient) -> None:
    for path in (*QUESTIONS, *FILES, "/api/health"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_every_route_of_the_api_has_a_role_and_is_documented(sqlite_engine: Engine) -> None:
    found = [
        (rule.rule, method)
        for rule in make_app(sqlite_engine).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    rules = [rule for rule, _ in found]
    assert {one for one in found if required_role(*one) is None} == set()
    assert set(ACCESS.values()) <= set(ROLES)
    ours = {
        re.sub("<([a-z_]+)>", r"{\1}", rule)
        for rule in rules
        if rule.startswith(("/api/", "/export/"))
    }
    assert ours == set(api_document()["paths"])
