"""A small NinjaRMM and a client for it."""

from typing import Any

import requests

from etl.demo.fleet import NinjaRows, ThreatLockerRows
from etl.demo.servers import CLIENT_ID, CLIENT_SECRET, SimulatedVendors

ORGANIZATIONS = [
    {"id": 11, "name": "Bayou Dental Group", "nodeApprovalMode": "AUTOMATIC"},
    {"id": 14, "name": "Pelican Freight LLC", "nodeApprovalMode": "MANUAL"},
]


LOCATIONS = [
    {"id": 31, "name": "Main Office", "organizationId": 11},
    {"id": 32, "name": "Spare Closet", "organizationId": 11},
    {"id": 40, "name": "Warehouse 2", "organizationId": 14},
]


def device(number: int, **more: Any) -> dict[str, Any]:
    row = {
        "id": number, "organizationId": 11 if number % 2 else 14, "nodeClass": "MAC",
        "nodeRoleId": 103, "approvalStatus": "APPROVED", "offline": False,
        "systemName": f"M{number}", "created": 1700000000, "lastContact": 1762819261.512,
        "lastUpdate": 1762815000.003, "ipAddresses": ["10.20.30.41"],
        "os": {"name": "macOS 15.1 (Sequoia)"},
        "system": {"serialNumber": f"SN-EX-{number}", "virtualMachine": False},
        "lastLoggedInUser": "BDG\\frontdesk",
    }  # fmt: skip
    return {**row, **more}


def ninja_world(devices: int) -> tuple[NinjaRows, ThreatLockerRows]:
    rows = [device(1200 + number) for number in range(1, devices + 1)]
    roles = [{"id": 103, "name": "Mac", "nodeClass": "MAC", "chassisType": "UNKNOWN"}]
    return NinjaRows(ORGANIZATIONS, LOCATIONS, rows, roles), ThreatLockerRows([], [])


class NinjaClient:
    """A signed-in reader of one simulated Ninja."""

    def __init__(self, vendors: SimulatedVendors) -> None:
        self.base = vendors.environ()["NINJA_BASE_URL"]
        self.http = requests.Session()
        self.sign_in()

    def token(self, path: str = "/ws/oauth/token", **form: str) -> requests.Response:
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **form}
        return self.http.post(self.base + path, data=form, timeout=120)

    def sign_in(self) -> None:
        answer = self.token(grant_type="client_credentials", scope="monitoring").json()
        self.http.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def get(self, path: str, **params: Any) -> requests.Response:
        return self.http.get(f"{self.base}{path}", params=params, timeout=120)

    def rows(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()
