"""The simulated ThreatLocker follows the vendor's contract over real HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from etl.demo.faults import Faults
from etl.demo.fleet import ThreatLockerRows
from etl.demo.servers import API_KEY, SimulatedVendors
from etl.demo.sites import PARENT_TENANT
from etl.demo.threatlocker_api import create_app
from tests.support.simulated_threatlocker import BAYOU, COMPUTERS, PELICAN, WORLD, computer
from tests.support.simulated_threatlocker import PortalClient as Client

ORGANIZATIONS = "Organization/OrganizationGetChildOrganizationsByParameters"
NO_ONE = "00000000-0000-0000-0000-000000000000"


def numbers(answer: requests.Response) -> list[int]:
    return [int(row["computerId"][-12:]) for row in answer.json()]


@pytest.fixture
def vendors() -> Iterator[SimulatedVendors]:
    with SimulatedVendors(WORLD) as vendors:
        yield vendors


@pytest.fixture
def portal(vendors: SimulatedVendors) -> Client:
    return Client(vendors)


@pytest.mark.parametrize("key", [f"Bearer {API_KEY}", "wrong", None])
def test_the_key_must_come_verbatim(portal: Client, key: str | None) -> None:
    portal.http.headers["Authorization"] = key or ""

    answer = portal.post(COMPUTERS, pageSize=10)

    assert answer.status_code == 401
    assert answer.json().keys() == {"LoggerId", "StatusCode", "Message"}
    assert answer.json()["StatusCode"] == 401


def test_a_key_is_64_hex_digits() -> None:
    assert len(API_KEY) == 64 and int(API_KEY, 16)


def test_paths_and_header_names_may_be_written_in_any_case(
    vendors: SimulatedVendors, portal: Client
) -> None:
    base = portal.base.replace("portalapi", "portalApi")
    headers = {"authorization": API_KEY, "managedorganizationid": PARENT_TENANT.upper()}

    for path in (COMPUTERS, COMPUTERS.lower(), COMPUTERS.upper()):
        answer = requests.post(
            f"{base}/{path}", json={"childOrganizations": True}, headers=headers, timeout=120
        )
        assert answer.status_code == 200
        assert len(answer.json()) == 10


def test_the_answer_is_a_bare_array_with_totals_in_a_header_and_in_each_row(portal: Client) -> None:
    answer = portal.computers(pageSize=4, pageNumber=2)

    assert numbers(answer) == [5, 6, 7, 8]
    assert json.loads(answer.headers["Pagination"]) == {
        "currentPage": 2, "itemsPerPage": 4, "totalItems": 10, "totalPages": 3, "firstItem": 5,
        "lastItem": 8,
    }  # fmt: skip
    assert {row["totalRows"] for row in answer.json()} == {10}


def test_pages_together_are_the_whole(portal: Client) -> None:
    pages = [numbers(portal.computers(pageSize=4, pageNumber=n)) for n in (1, 2, 3)]

    assert sum(pages, []) == list(range(1, 11))


def test_without_a_page_size_25_rows_come(portal: Client, vendors: SimulatedVendors) -> None:
    many = [computer(n, BAYOU) for n in range(1, 40)]
    vendors.world = (WORLD[0], ThreatLockerRows(WORLD[1].organizations, many))

    assert len(portal.post(COMPUTERS, childOrganizations=True).json()) == 25


def test_an_empty_answer_has_a_body_of_no_bytes(portal: Client) -> None:
    beyond = portal.computers(pageNumber=9)
    nothing = portal.computers(searchText="no such machine")

    assert (beyond.content, nothing.content) == (b"", b"")
    assert json.loads(nothing.headers["Pagination"])["totalItems"] == 0


def test_without_child_organizations_only_the_managed_ones_computers_come(portal: Client) -> None:
    assert numbers(portal.computers(childOrganizations=False)) == [10]

    portal.http.headers["ManagedOrganizationId"] = PELICAN
    assert numbers(portal.computers(childOrganizations=False)) == [7, 8, 9]


def test_the_zero_id_is_the_keys_own_organization(portal: Client) -> None:
    portal.http.headers["ManagedOrganizationId"] = NO_ONE

    assert len(portal.computers().json()) == 10


def test_an_organization_out_of_scope_is_403(portal: Client) -> None:
    portal.http.headers["ManagedOrganizationId"] = "0b000000-0000-4000-8000-000000000001"

    assert portal.post(COMPUTERS).status_code == 403


@pytest.mark.parametrize(("mode", "rows"), [("own", 10), ("empty", 0)])
def test_without_the_organization_header_the_keys_own_or_nothing_answers(
    mode: str, rows: int
) -> None:
    app = create_app(
        lambda: WORLD[1], Faults(), api_key=API_KEY, organization_id=PARENT_TENANT,
        without_organization=mode,
    )  # fmt: skip

    answer = app.test_client().post(
        f"/portalapi/{COMPUTERS}",
        json={"childOrganizations": True},
        headers={"Authorization": API_KEY},
    )

    assert answer.status_code == 200
    assert len(json.loads(answer.data or "[]")) == rows


def test_deleted_computers_come_only_when_asked_for(portal: Client) -> None:
    assert 11 not in numbers(portal.computers())

    shown = portal.computers(showDeleted=True).json()
    assert [row["computerId"][-2:] for row in shown if row["isDeleted"]] == ["11"]


def test_ordered_by_last_check_in_the_order_changes_between_pages(portal: Client) -> None:
    by_name = [numbers(portal.computers(orderBy="computername")) for _ in range(3)]
    by_check_in = [numbers(portal.computers(orderBy="lastcheckin")) for _ in range(3)]

    assert by_name[0] == by_name[1] == by_name[2]
    assert len({tuple(order) for order in by_check_in}) == 3


def test_rows_are_ordered_and_searched_as_asked(portal: Client) -> None:
    assert numbers(portal.computers(isAscending=False)) == list(range(10, 0, -1))
    assert numbers(portal.computers(searchText="host0*")) == list(range(1, 10))
    assert numbers(portal.computers(searchText="bayou", searchBy=5)) == list(range(1, 11))
    wanted = "7c000000-0000-4000-8000-000000000003"
    assert numbers(portal.computers(computerId=wanted)) == [3]


def test_last_check_ins_can_be_left_out(portal: Client) -> None:
    assert {row["lastCheckin"] for row in portal.computers(showLastCheckIn=False).json()} == {None}


@pytest.mark.parametrize("body", [{"orderBy": "colour"}, {"pageSize": 0}, {"pageNumber": "x"}])
def test_invalid_portal_parameters_are_417(portal: Client, body: dict[str, Any]) -> None:
    answer = portal.post(COMPUTERS, **body)

    assert answer.status_code == 417
    assert answer.json()["StatusCode"] == 417


def test_body_that_is_no_object_is_500_in_the_vendors_format(portal: Client) -> None:
    answer = portal.http.post(f"{portal.base}/{COMPUTERS}", data="pageSize=5", timeout=120)

    assert answer.status_code == 500
    assert answer.json()["Message"]


def test_unknown_body_fields_are_tolerated(portal: Client) -> None:
    assert len(portal.computers(hasComputerPassword=True).json()) == 10


def test_organizations_need_their_switch_and_never_hold_the_parent(portal: Client) -> None:
    assert portal.post(ORGANIZATIONS, pageSize=50).content == b""

    children = portal.post(ORGANIZATIONS, pageSize=50, childOrganizations=True)
    everyone = portal.post(
        ORGANIZATIONS, pageSize=50, childOrganizations=True, includeAllChildren=True
    )

    assert [row["name"] for row in children.json()] == ["bayou", "pelican"]
    assert [row["name"] for row in everyone.json()] == ["bayou", "grandchild", "pelican"]
    assert json.loads(everyone.headers["Pagination"])["totalItems"] == 3
    assert PARENT_TENANT not in {row["organizationId"] for row in everyone.json()}


def test_unknown_path_and_method_answer_in_the_vendors_format(portal: Client) -> None:
    unknown = portal.post("Computer/ComputerGetById")
    wrong = portal.http.get(f"{portal.base}/{COMPUTERS}", timeout=120)

    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert unknown.json()["StatusCode"] == 404
