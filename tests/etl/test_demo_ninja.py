"""The simulated NinjaRMM follows the vendor's contract over real HTTP."""

from collections.abc import Iterator

import pytest

from etl.demo.ninja_tokens import Tokens
from etl.demo.servers import SimulatedVendors
from tests.support.simulated_ninja import LOCATIONS, ORGANIZATIONS
from tests.support.simulated_ninja import NinjaClient as Client
from tests.support.simulated_ninja import ninja_world as world


@pytest.fixture
def vendors() -> Iterator[SimulatedVendors]:
    with SimulatedVendors(world(5)) as vendors:
        yield vendors


@pytest.fixture
def ninja(vendors: SimulatedVendors) -> Client:
    return Client(vendors)


@pytest.mark.parametrize("path", ["/ws/oauth/token", "/oauth/token"])
def test_both_token_paths_grant_client_credentials(ninja: Client, path: str) -> None:
    answer = ninja.token(path, grant_type="client_credentials", scope="monitoring")

    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"access_token", "expires_in", "scope", "token_type"}
    assert (body["expires_in"], body["scope"], body["token_type"]) == (3600, "monitoring", "Bearer")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "client_credentials", "scope": "control"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "never issued"}, "invalid_token"),
    ],
)
def test_refused_token_request_has_an_oauth_error(
    ninja: Client, form: dict[str, str], error: str
) -> None:
    answer = ninja.token(**form)

    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


def test_refresh_token_works_once() -> None:
    with SimulatedVendors(world(1), refresh_token="first") as vendors:
        ninja = Client(vendors)
        assert vendors.environ()["NINJA_REFRESH_TOKEN"] == "first"

        second = ninja.token(grant_type="refresh_token", refresh_token="first").json()
        again = ninja.token(grant_type="refresh_token", refresh_token="first")
        third = ninja.token(
            grant_type="refresh_token", refresh_token=second["refresh_token"]
        ).json()

    assert again.status_code == 400
    assert again.json()["error"] == "invalid_token"
    assert len({"first", second["refresh_token"], third["refresh_token"]}) == 3


def test_a_client_that_does_not_rotate_keeps_its_refresh_token() -> None:
    tokens = Tokens("id", "secret", "kept", rotating=False)
    form = {"client_id": "id", "client_secret": "secret", "grant_type": "refresh_token"}

    answers = [tokens.grant({**form, "refresh_token": "kept"}) for _ in range(2)]

    assert [status for status, _ in answers] == [200, 200]
    assert "refresh_token" not in answers[0][1]


def test_an_access_token_expires_after_its_seconds() -> None:
    now = [1000.0]
    tokens = Tokens("id", "secret", None, clock=lambda: now[0])
    form = {"client_id": "id", "client_secret": "secret", "grant_type": "client_credentials"}
    access = tokens.grant(form)[1]["access_token"]

    assert tokens.accepts(f"Bearer {access}")
    now[0] += 3600
    assert not tokens.accepts(f"Bearer {access}")


@pytest.mark.parametrize("header", [None, "Bearer nobody", "simulated-access-000001"])
def test_data_without_valid_token_is_401_in_the_vendors_format(
    ninja: Client, header: str | None
) -> None:
    ninja.http.headers["Authorization"] = header or ""

    answer = ninja.get("/v2/devices")

    assert answer.status_code == 401
    assert answer.json().keys() == {"resultCode", "errorMessage", "incidentId"}


@pytest.mark.parametrize("prefix", ["/v2", "/api/v2"])
def test_both_path_prefixes_answer_alike(ninja: Client, prefix: str) -> None:
    assert ninja.rows(f"{prefix}/organizations") == ORGANIZATIONS
    assert ninja.rows(f"{prefix}/locations") == LOCATIONS
    assert len(ninja.rows(f"{prefix}/devices-detailed")) == 5


def test_a_list_is_a_bare_array_paged_by_the_last_id(ninja: Client) -> None:
    first = ninja.rows("/v2/devices-detailed", pageSize=2)
    second = ninja.rows("/v2/devices-detailed", pageSize=2, after=first[-1]["id"])
    third = ninja.rows("/v2/devices-detailed", pageSize=2, after=second[-1]["id"])

    assert [[row["id"] for row in page] for page in (first, second, third)] == [
        [1201, 1202], [1203, 1204], [1205],
    ]  # fmt: skip


def test_after_an_exact_multiple_of_the_page_size_comes_an_empty_page(ninja: Client) -> None:
    assert len(ninja.rows("/v2/devices", pageSize=5, after=0)) == 5
    assert ninja.rows("/v2/devices", pageSize=5, after=1205) == []


@pytest.mark.parametrize("path", ["organizations", "organizations-detailed", "locations"])
def test_organizations_and_locations_are_paged_the_same_way(ninja: Client, path: str) -> None:
    whole = ninja.rows(f"/v2/{path}")

    assert ninja.rows(f"/v2/{path}", pageSize=1) == whole[:1]
    assert ninja.rows(f"/v2/{path}", pageSize=1, after=whole[0]["id"]) == whole[1:2]


@pytest.mark.parametrize(
    ("asked", "given"), [(None, 1000), (5000, 1000), (1000, 1000), (0, 1), (-3, 1)]
)
def test_page_size_is_1000_at_most_and_1_at_least(asked: int | None, given: int) -> None:
    with SimulatedVendors(world(1001)) as vendors:
        params = {} if asked is None else {"pageSize": asked}
        assert len(Client(vendors).rows("/v2/devices", **params)) == given


def test_unknown_parameters_are_ignored() -> None:
    with SimulatedVendors(world(1001)) as vendors:
        assert len(Client(vendors).rows("/v2/devices", limit=250, offset=500)) == 1000


def test_a_parameter_that_is_no_number_is_refused(ninja: Client) -> None:
    answer = ninja.get("/v2/devices", after="yesterday")

    assert answer.status_code == 400
    assert "after" in answer.json()["errorMessage"]


def test_basic_rows_lack_what_only_detailed_rows_have(ninja: Client) -> None:
    basic, detailed = ninja.rows("/v2/devices")[0], ninja.rows("/v2/devices-detailed")[0]

    assert detailed.keys() - basic.keys() == {"ipAddresses", "os", "system", "lastLoggedInUser"}
    assert basic.items() <= detailed.items()


def test_one_device_is_an_object_and_an_unknown_one_is_404(ninja: Client) -> None:
    assert ninja.rows("/v2/device/1203")["system"]["serialNumber"] == "SN-EX-1203"

    missing = ninja.get("/v2/device/9")
    assert missing.status_code == 404
    assert missing.json()["errorMessage"] == "A device with the provided nodeId was not found"
    assert ninja.get("/v2/devices/1203").status_code == 404


def test_the_devices_of_one_organization_come_alone(ninja: Client) -> None:
    rows = ninja.rows("/v2/organization/11/devices", pageSize=2)

    assert [row["id"] for row in rows] == [1201, 1203]
    assert ninja.get("/v2/organization/99/devices").status_code == 404


def test_detailed_organizations_carry_their_locations(ninja: Client) -> None:
    bayou = ninja.rows("/v2/organizations-detailed")[0]

    assert [place["name"] for place in bayou["locations"]] == ["Main Office", "Spare Closet"]
    assert "organizationId" not in bayou["locations"][0]


def test_roles_have_the_chassis_type(ninja: Client) -> None:
    assert ninja.rows("/v2/roles")[0]["chassisType"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("df", "ids"),
    [
        ("org = 11", [1201, 1203, 1205]),
        ("org in (11,14) AND status eq APPROVED", [1201, 1202, 1203, 1204, 1205]),
        ("class in (MAC,LINUX_SERVER) AND org neq 11", [1202, 1204]),
        ("class eq NMS_SWITCH", []),
        ("offline", []),
    ],
)
def test_a_device_filter_narrows_the_list(ninja: Client, df: str, ids: list[int]) -> None:
    assert [row["id"] for row in ninja.rows("/v2/devices", df=df)] == ids


def test_a_device_filter_that_cannot_be_read_is_400(ninja: Client) -> None:
    assert ninja.get("/v2/devices", df="colour = red").status_code == 400


def test_a_report_is_read_with_a_named_cursor_until_it_is_empty(ninja: Client) -> None:
    first = ninja.rows("/v2/queries/operating-systems", pageSize=3)
    name = first["cursor"]["name"]
    second = ninja.rows("/v2/queries/operating-systems", pageSize=3, cursor=name)
    last = ninja.rows("/v2/queries/operating-systems", pageSize=3, cursor=name)

    assert first["cursor"].keys() == {"name", "offset", "count", "expires"}
    assert [row["deviceId"] for row in first["results"] + second["results"]] == [
        1201, 1202, 1203, 1204, 1205,
    ]  # fmt: skip
    assert (second["cursor"]["offset"], second["cursor"]["count"]) == (3, 2)
    assert last["results"] == [] and last["cursor"]["count"] == 0


@pytest.mark.parametrize(
    ("report", "key", "value"),
    [
        ("computer-systems", "serialNumber", "SN-EX-1201"),
        ("operating-systems", "name", "macOS 15.1 (Sequoia)"),
        ("device-health", "healthStatus", "HEALTHY"),
        ("logged-on-users", "userName", "BDG\\frontdesk"),
    ],
)
def test_reports_have_rows_of_devices_with_data(
    ninja: Client, report: str, key: str, value: str
) -> None:
    row = ninja.rows(f"/v2/queries/{report}")["results"][0]

    assert row["deviceId"] == 1201
    assert row[key] == value


def test_an_unknown_cursor_and_an_unknown_report_are_client_errors(ninja: Client) -> None:
    assert ninja.get("/v2/queries/operating-systems", cursor="c-999").status_code == 400
    assert ninja.get("/v2/queries/horoscopes").status_code == 404


def test_unsupported_method_is_405_in_the_vendors_format(ninja: Client) -> None:
    answer = ninja.http.post(f"{ninja.base}/v2/devices", timeout=120)

    assert answer.status_code == 405
    assert answer.json()["resultCode"] == "FAILURE"
