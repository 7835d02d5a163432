"""Every fault of a simulated vendor can be switched on, for a number of requests."""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from etl.demo.faults import Fault
from etl.demo.servers import SimulatedVendors
from tests.support.simulated_ninja import NinjaClient, ninja_world
from tests.support.simulated_threatlocker import COMPUTERS, WORLD, PortalClient

DEVICES = "/v2/devices-detailed"


@pytest.fixture
def vendors() -> Iterator[SimulatedVendors]:
    with SimulatedVendors((ninja_world(9)[0], WORLD[1])) as vendors:
        yield vendors


@pytest.fixture
def ninja(vendors: SimulatedVendors) -> NinjaClient:
    return NinjaClient(vendors)


@pytest.fixture
def portal(vendors: SimulatedVendors) -> PortalClient:
    return PortalClient(vendors)


@pytest.mark.parametrize(
    ("kind", "status"),
    [("forbidden", 403), ("not_found", 404), ("too_many_requests", 429), ("server_error", 503)],
)
def test_fault_applies_the_given_number_of_times(
    vendors: SimulatedVendors, ninja: NinjaClient, kind: Any, status: int
) -> None:
    vendors.ninja_faults.add(kind, times=2)

    assert [ninja.get(DEVICES).status_code for _ in range(3)] == [status, status, 200]


def test_a_fault_waits_for_its_path_and_lets_the_first_requests_through(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    fault = vendors.ninja_faults.add("server_error", "devices-detailed", after=1, status=502)

    assert ninja.get("/v2/organizations").status_code == 200
    assert [ninja.get(DEVICES).status_code for _ in range(3)] == [200, 502, 200]
    assert fault.times_used == 1


def test_unlimited_fault_lasts_until_cleared(vendors: SimulatedVendors, ninja: NinjaClient) -> None:
    vendors.ninja_faults.add("server_error", times=None)
    assert [ninja.get(DEVICES).status_code for _ in range(4)] == [503] * 4

    vendors.ninja_faults.clear()

    assert ninja.get(DEVICES).status_code == 200


def test_fault_without_a_path_excludes_token_requests(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("server_error")
    assert ninja.token(grant_type="client_credentials").status_code == 200
    vendors.ninja_faults.clear()

    vendors.ninja_faults.add("server_error", "oauth/token")
    assert ninja.token(grant_type="client_credentials").status_code == 503


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no fault is called 'earthquake'"):
        Fault("earthquake")  # type: ignore[arg-type]  # what a typing mistake looks like


def test_an_expired_token_stays_expired_until_a_new_one_is_fetched(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("unauthorized", "devices-detailed", after=1)

    assert [ninja.get(DEVICES).status_code for _ in range(3)] == [200, 401, 401]
    ninja.sign_in()
    assert ninja.get(DEVICES).status_code == 200


def test_too_many_requests_come_with_and_without_retry_after(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("too_many_requests", retry_after="1")
    vendors.ninja_faults.add("too_many_requests")

    first, second = ninja.get(DEVICES), ninja.get(DEVICES)

    assert first.headers["Retry-After"] == "1"
    assert "Retry-After" not in second.headers


def test_a_revoked_key_is_403_with_its_name(
    vendors: SimulatedVendors, portal: PortalClient
) -> None:
    vendors.threatlocker_faults.add("forbidden")

    answer = portal.post(COMPUTERS)

    assert answer.status_code == 403
    assert answer.json()["Message"] == "TOKEN_REVOKED"


@pytest.mark.parametrize(("kind", "status"), [("html", 200), ("server_error", 502)])
def test_a_proxys_html_comes_instead_of_json(
    vendors: SimulatedVendors, ninja: NinjaClient, kind: Any, status: int
) -> None:
    vendors.ninja_faults.add(kind, status=502)

    answer = ninja.get(DEVICES)

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_an_error_object_comes_with_200(
    vendors: SimulatedVendors, ninja: NinjaClient, portal: PortalClient
) -> None:
    vendors.ninja_faults.add("error_object")
    vendors.threatlocker_faults.add("error_object")

    assert ninja.rows(DEVICES)["resultCode"] == "FAILURE"
    assert portal.computers().json()["StatusCode"] == 500


def test_slow_answer_outlasts_a_timeout_and_ends_when_cleared(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("slow", seconds=60)

    with pytest.raises(requests.ReadTimeout):
        ninja.http.get(ninja.base + DEVICES, timeout=0.2)

    waiting = threading.Thread(target=ninja.get, args=(DEVICES,))
    vendors.ninja_faults.add("slow", seconds=600)
    waiting.start()
    while vendors.ninja_faults.pending[-1].times_used == 0:
        time.sleep(0.01)
    vendors.ninja_faults.clear()
    waiting.join(120)
    assert not waiting.is_alive()


def test_a_redirect_points_elsewhere(vendors: SimulatedVendors, ninja: NinjaClient) -> None:
    vendors.ninja_faults.add("redirect", location="http://127.0.0.1:9/steal")

    answer = ninja.http.get(ninja.base + DEVICES, allow_redirects=False, timeout=120)

    assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:9/steal")


def test_truncated_json_does_not_parse(vendors: SimulatedVendors, ninja: NinjaClient) -> None:
    vendors.ninja_faults.add("truncated", DEVICES)

    with pytest.raises(json.JSONDecodeError):
        ninja.get(DEVICES).json()


def test_a_dropped_connection_ends_before_the_body_does(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("dropped", DEVICES)

    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        ninja.get(DEVICES)
    assert len(ninja.rows(DEVICES)) == 9


def test_an_endless_list_gives_its_first_page_again_and_again(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("repeated_page", DEVICES, times=None)

    pages = [ninja.rows(DEVICES, pageSize=3, after=after) for after in (0, 1203, 1206)]

    assert pages[0] == pages[1] == pages[2]


def test_an_endless_cursor_repeats_its_name_and_its_rows(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("repeated_page", "queries", times=None)
    first = ninja.rows("/v2/queries/operating-systems", pageSize=2)

    again = ninja.rows("/v2/queries/operating-systems", pageSize=2, cursor=first["cursor"]["name"])

    assert again == first


def test_repeated_portal_page_claims_to_be_page_one(
    vendors: SimulatedVendors, portal: PortalClient
) -> None:
    vendors.threatlocker_faults.add("repeated_page", times=None)
    portal.computers(pageSize=2)

    second = portal.computers(pageSize=2, pageNumber=2)

    assert json.loads(second.headers["Pagination"])["currentPage"] == 1


def test_a_page_goes_missing_and_rows_are_promised_but_not_given(
    vendors: SimulatedVendors, portal: PortalClient
) -> None:
    vendors.threatlocker_faults.add("missing_page", after=1)
    vendors.threatlocker_faults.add("fewer_rows", rows=3)

    fewer = portal.computers(pageSize=5)
    gone = portal.computers(pageSize=5, pageNumber=2)

    assert len(fewer.json()) == 2
    assert {row["totalRows"] for row in fewer.json()} == {10}
    assert gone.json() == []
    assert json.loads(gone.headers["Pagination"])["totalItems"] == 10


def test_a_row_comes_twice(vendors: SimulatedVendors, portal: PortalClient) -> None:
    vendors.threatlocker_faults.add("doubled_row", row=2)

    rows = portal.computers().json()

    assert len(rows) == 11 and rows[-1] == rows[2]


def test_totals_can_be_missing(vendors: SimulatedVendors, portal: PortalClient) -> None:
    vendors.threatlocker_faults.add("no_pagination")
    vendors.threatlocker_faults.add("no_totals")

    headless, untold = portal.computers(), portal.computers()

    assert "Pagination" not in headless.headers and headless.json()[0]["totalRows"] == 10
    assert "Pagination" not in untold.headers and "totalRows" not in untold.json()[0]


def test_a_huge_answer_is_streamed(vendors: SimulatedVendors, ninja: NinjaClient) -> None:
    vendors.ninja_faults.add("huge", megabytes=3)

    with ninja.http.get(ninja.base + DEVICES, stream=True, timeout=120) as answer:
        assert "Content-Length" not in answer.headers
        assert sum(len(piece) for piece in answer.iter_content(65536)) == 3 * 2**20 + 2


def test_a_gzip_bomb_is_small_until_it_is_opened(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("gzip_bomb", megabytes=8)

    with ninja.http.get(ninja.base + DEVICES, stream=True, timeout=120) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = answer.raw.read(decode_content=False)
    assert len(packed) < 20_000
    assert len(gzip.decompress(packed)) > 8 * 2**20


def test_absent_keys_can_come_as_null(vendors: SimulatedVendors, ninja: NinjaClient) -> None:
    assert isinstance(vendors.world, tuple)
    vendors.world[0].devices[0]["displayName"] = "M1201 | Reception"
    vendors.ninja_faults.add("nulls", DEVICES)

    rows = ninja.rows(DEVICES)

    assert rows[0]["displayName"] == "M1201 | Reception"
    assert rows[1]["displayName"] is None


def test_timestamps_can_come_without_a_fraction(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("int_timestamps", DEVICES)

    assert {type(row["lastContact"]) for row in ninja.rows(DEVICES)} == {int}


def test_single_rows_can_be_corrupted_in_every_way(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    for kind in ("nul", "surrogate", "long_text", "missing_field", "missing_id"):
        vendors.ninja_faults.add(kind, DEVICES, row=4)
    vendors.ninja_faults.add("wrong_value", DEVICES, row=4, field="id", value="twelve")

    nul, surrogate, long, fieldless, nameless, wrong = (ninja.rows(DEVICES) for _ in range(6))

    assert nul[4]["systemName"] == "M1205\x00\x00"
    assert surrogate[4]["systemName"] == "M1205\ud800"
    assert len(long[4]["systemName"]) == 10_000
    assert "organizationId" not in fieldless[4]
    assert "id" not in nameless[4]
    assert wrong[4]["id"] == "twelve"
    for rows in (nul, surrogate, long, fieldless, nameless, wrong):
        assert [row["systemName"] for row in rows[:4]] == ["M1201", "M1202", "M1203", "M1204"]
        assert len(rows) == 9


def test_missing_id_of_the_portal_removes_the_computer_id(
    vendors: SimulatedVendors, portal: PortalClient
) -> None:
    vendors.threatlocker_faults.add("missing_id", COMPUTERS)

    assert "computerId" not in portal.computers().json()[0]


def test_requests_that_meet_a_fault_are_logged_too(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("server_error", DEVICES)
    ninja.get(DEVICES, pageSize=7)

    last = vendors.requests[-1]

    assert (last.vendor, last.method, last.path) == ("ninja", "GET", DEVICES)
    assert last.params == {"pageSize": "7"}


def test_an_organization_can_be_gone_from_the_list_while_its_devices_are_there(
    vendors: SimulatedVendors, ninja: NinjaClient
) -> None:
    vendors.ninja_faults.add("fewer_rows", "/v2/organizations")

    known = {row["id"] for row in ninja.rows("/v2/organizations")}

    assert {row["organizationId"] for row in ninja.rows(DEVICES)} - known == {14}
