"""Both simulated vendors together: settings, days with faults, shutdown."""

import socket
from datetime import date
from urllib.parse import urlsplit

import pytest
import requests

from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from tests.support.simulated_ninja import NinjaClient
from tests.support.simulated_threatlocker import COMPUTERS, PortalClient

LAST_DAY = date(2026, 3, 14)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=1, devices=400, sites=12, last_day=LAST_DAY)


def test_the_settings_are_exactly_those_the_collectors_need(fleet: Fleet) -> None:
    with SimulatedVendors(fleet) as vendors:
        settings = vendors.environ()

    assert settings.keys() == {
        "NINJA_BASE_URL", "NINJA_CLIENT_ID", "NINJA_CLIENT_SECRET", "THREATLOCKER_BASE_URL",
        "THREATLOCKER_API_KEY", "THREATLOCKER_ORGANIZATION_ID",
    }  # fmt: skip
    assert settings["THREATLOCKER_BASE_URL"].endswith("/portalapi")
    assert urlsplit(settings["NINJA_BASE_URL"]).hostname == "127.0.0.1"


def test_rows_read_over_http_equal_the_fleets_rows(fleet: Fleet) -> None:
    day = fleet.days()[-30]
    with SimulatedVendors(fleet, day=day) as vendors:
        ninja, portal = NinjaClient(vendors), PortalClient(vendors)
        devices, after = [], 0
        while page := ninja.rows("/v2/devices-detailed", pageSize=150, after=after):
            devices += page
            after = page[-1]["id"]
        computers = []
        for number in range(1, 5):
            computers += portal.computers(pageSize=100, pageNumber=number, showDeleted=True).json()
            if len(computers) == computers[0]["totalRows"]:
                break
        organizations = ninja.rows("/v2/organizations")

    assert devices == fleet.ninja(day).devices
    assert organizations == fleet.ninja(day).organizations
    assert {row["computerId"]: row["hostname"] for row in computers} == {
        row["computerId"]: row["hostname"] for row in fleet.threatlocker(day).computers
    }


def test_setting_the_day_changes_what_both_vendors_answer(fleet: Fleet) -> None:
    with SimulatedVendors(fleet) as vendors:
        ninja = NinjaClient(vendors)
        assert len(ninja.rows("/v2/devices")) == 400

        vendors.day = fleet.first_day

        assert len(ninja.rows("/v2/devices")) == len(fleet.ninja(fleet.first_day).devices) < 400


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_the_outage_day_that_vendor_answers_503_to_everything(seed: int) -> None:
    fleet = Fleet(seed=seed, devices=60, sites=3, last_day=LAST_DAY)
    assert fleet.outage is not None
    day, down = fleet.outage
    with SimulatedVendors(fleet, day=day) as vendors:
        settings = vendors.environ()
        token = requests.post(f"{settings['NINJA_BASE_URL']}/ws/oauth/token", timeout=120)
        computers = PortalClient(vendors) if down == "ninja" else None
        portal = requests.post(f"{settings['THREATLOCKER_BASE_URL']}/{COMPUTERS}", timeout=120)

        assert (token.status_code == 503) == (down == "ninja")
        assert (portal.status_code == 503) == (down == "threatlocker")
        assert computers is None or computers.computers().json()

        vendors.day = LAST_DAY
        assert NinjaClient(vendors).rows("/v2/devices")


def test_partial_day_returns_fewer_rows_than_totals(fleet: Fleet) -> None:
    with SimulatedVendors(fleet, day=fleet.partial_day) as vendors:
        portal = PortalClient(vendors)
        rows = portal.computers().json()
        assert len(rows) < rows[0]["totalRows"]

        vendors.day = LAST_DAY
        rows = portal.computers().json()
        assert len(rows) == rows[0]["totalRows"]


def test_one_connection_carries_many_requests(fleet: Fleet) -> None:
    with SimulatedVendors(fleet) as vendors:
        address = urlsplit(vendors.environ()["NINJA_BASE_URL"])
        with socket.create_connection((address.hostname, address.port), timeout=120) as line:
            for _ in range(3):
                line.sendall(b"GET /v2/roles HTTP/1.1\r\nHost: simulated\r\n\r\n")
                answer = b""
                while not answer.endswith(b"}"):
                    answer += line.recv(65536)
                assert answer.startswith(b"HTTP/1.1 401 ")


def test_servers_stop_with_the_context(fleet: Fleet) -> None:
    with SimulatedVendors(fleet) as vendors:
        ninja = NinjaClient(vendors)
        ninja.rows("/v2/roles")

    with pytest.raises(requests.ConnectionError):
        ninja.get("/v2/roles")


def test_every_request_is_logged_with_its_vendor_and_parameters(fleet: Fleet) -> None:
    with SimulatedVendors(fleet) as vendors:
        NinjaClient(vendors).rows("/v2/devices", pageSize=1000)
        PortalClient(vendors).computers(pageNumber=1)

    token, devices, computers = vendors.requests
    assert token.params["grant_type"] == "client_credentials"
    assert (devices.vendor, devices.path, devices.params) == (
        "ninja", "/v2/devices", {"pageSize": "1000"},
    )  # fmt: skip
    assert computers.vendor == "threatlocker"
    assert computers.params["childOrganizations"] is True
