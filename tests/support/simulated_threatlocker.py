"""A small ThreatLocker and a client for it."""

from typing import Any

import requests

from etl.demo.fleet import NinjaRows, ThreatLockerRows
from etl.demo.servers import API_KEY, SimulatedVendors
from etl.demo.sites import PARENT_TENANT

BAYOU = "0a000000-0000-4000-8000-000000000011"


PELICAN = "0a000000-0000-4000-8000-000000000014"


COMPUTERS = "Computer/ComputerGetByAllParameters"


def computer(number: int, organization: str, **more: Any) -> dict[str, Any]:
    row = {
        "computerId": f"7c000000-0000-4000-8000-{number:012d}", "hostname": f"HOST{number:02d}",
        "computerName": f"HOST{number:02d} | Person", "organizationId": organization,
        "organization": "Bayou Dental Group", "group": "Workstations", "osType": 1,
        "operatingSystem": "Windows 11 Business ", "action": "Secure",
        "lastCheckin": f"2025-11-10T{number:02d}:58:12Z", "isDeleted": False,
    }  # fmt: skip
    return {**row, **more}


def organization(id: str, name: str, parent: str = PARENT_TENANT) -> dict[str, Any]:
    return {"organizationId": id, "name": name, "displayName": name.title(), "parentId": parent}


WORLD = (
    NinjaRows([], [], [], []),
    ThreatLockerRows(
        [
            organization(BAYOU, "bayou"),
            organization(PELICAN, "pelican"),
            organization("0a000000-0000-4000-8000-000000000015", "grandchild", BAYOU),
        ],
        [computer(n, BAYOU if n < 7 else PELICAN) for n in range(1, 10)]
        + [computer(10, PARENT_TENANT), computer(11, BAYOU, isDeleted=True)],
    ),
)


class PortalClient:
    """A reader of one simulated portal."""

    def __init__(self, vendors: SimulatedVendors) -> None:
        self.base = vendors.environ()["THREATLOCKER_BASE_URL"]
        self.http = requests.Session()
        self.http.headers.update({"Authorization": API_KEY, "ManagedOrganizationId": PARENT_TENANT})

    def post(self, path: str, **body: Any) -> requests.Response:
        return self.http.post(f"{self.base}/{path}", json=body, timeout=120)

    def computers(self, **body: Any) -> requests.Response:
        answer = self.post(COMPUTERS, **{"pageSize": 500, "childOrganizations": True, **body})
        assert answer.status_code == 200, answer.text
        return answer
