"""Both simulated vendors, served on loopback over real HTTP.

with SimulatedVendors(fleet) as vendors:
    vendors.day = date(2026, 3, 14)
    ...  # collect with vendors.environ()
"""

from datetime import date
from types import TracebackType
from typing import Any, NamedTuple, Self

from flask import Flask, request

from etl.demo import ninja_api, threatlocker_api
from etl.demo.faults import Fault, Faults
from etl.demo.fleet import Fleet
from etl.demo.rows import NinjaRows, ThreatLockerRows
from etl.demo.serving import ServedApp
from etl.demo.sites import PARENT_TENANT
from etl.demo.threatlocker_rows import without_a_tenant

SIMULATED = ("ninja", "threatlocker")
"""The sources whose vendors are simulated, in the order in which the demo collects them."""

CLIENT_ID = "simulated-client"
CLIENT_SECRET = "simulated-client-secret"  # Valid on loopback only.
API_KEY = "5e" * 32


class Request(NamedTuple):
    """One request to a vendor; `params` is its query, form or JSON body."""

    vendor: str
    method: str
    path: str
    params: dict[str, Any]


class SimulatedVendors:
    """NinjaRMM and ThreatLocker on two free ports, while the context lasts.

    Args:
        world: a fleet, served as of `day`; or fixed rows for both vendors.
        refresh_token: Ninja's first refresh token, for a rotating client.
        page_limit: Ninja's maximum of `pageSize`.
        loses_a_tenant: on the fleet's last day ThreatLocker lists no computer of one customer, so
            that the run of that day is held.
    """

    def __init__(
        self,
        world: Fleet | tuple[NinjaRows, ThreatLockerRows],
        *,
        day: date | None = None,
        refresh_token: str | None = None,
        page_limit: int = 1000,
        loses_a_tenant: bool = False,
    ) -> None:
        self.world = world
        """What is served; may be replaced at any time."""
        self.ninja_faults = Faults()
        self.threatlocker_faults = Faults()
        self.requests: list[Request] = []
        self._refresh_token = refresh_token
        self._loses_a_tenant = loses_a_tenant
        self._ninja = ninja_api.create_app(
            self._ninja_rows, self.ninja_faults, client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET, refresh_token=refresh_token, max_per_page=page_limit,
        )  # fmt: skip
        self._threatlocker = threatlocker_api.create_app(
            self._threatlocker_rows, self.threatlocker_faults, api_key=API_KEY,
            organization_id=PARENT_TENANT,
        )  # fmt: skip
        for vendor, app in (("ninja", self._ninja), ("threatlocker", self._threatlocker)):
            _log_requests(app, vendor, self.requests)
        self._day = date.min
        if isinstance(world, Fleet):
            self.day = day or world.last_day

    @property
    def day(self) -> date:
        """The day that both vendors answer for. Setting it also sets that day's faults."""
        return self._day

    @day.setter
    def day(self, day: date) -> None:
        self._day = day
        self.ninja_faults.standing = []
        self.threatlocker_faults.standing = []
        fleet = self.world
        if not isinstance(fleet, Fleet):
            return
        if fleet.outage is not None and fleet.outage[0] == day:
            down = self.ninja_faults if fleet.outage[1] == "ninja" else self.threatlocker_faults
            down.standing = [Fault("server_error", "")]
        if fleet.partial_day == day:
            part = Fault("fewer_rows", "computergetbyallparameters", rows=9)
            self.threatlocker_faults.standing = [part]

    def environ(self) -> dict[str, str]:
        """The settings with which collectors reach these vendors."""
        ninja, threatlocker = self._served
        settings = {
            "NINJA_BASE_URL": ninja.address,
            "NINJA_CLIENT_ID": CLIENT_ID,
            "NINJA_CLIENT_SECRET": CLIENT_SECRET,
            "THREATLOCKER_BASE_URL": f"{threatlocker.address}/portalapi",
            "THREATLOCKER_API_KEY": API_KEY,
            "THREATLOCKER_ORGANIZATION_ID": PARENT_TENANT,
        }
        if self._refresh_token is not None:
            settings["NINJA_REFRESH_TOKEN"] = self._refresh_token
        return settings

    def __enter__(self) -> Self:
        self._served = (ServedApp(self._ninja), ServedApp(self._threatlocker))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for faults in (self.ninja_faults, self.threatlocker_faults):
            faults.clear()
        for served in self._served:
            served.stop()

    def _ninja_rows(self) -> NinjaRows:
        world = self.world
        return world.ninja(self._day) if isinstance(world, Fleet) else world[0]

    def _threatlocker_rows(self) -> ThreatLockerRows:
        world = self.world
        if not isinstance(world, Fleet):
            return world[1]
        rows = world.threatlocker(self._day)
        return without_a_tenant(rows) if self._loses_a_tenant and self._is_last_day else rows

    @property
    def _is_last_day(self) -> bool:
        return isinstance(self.world, Fleet) and self._day == self.world.last_day


def _log_requests(app: Flask, vendor: str, log: list[Request]) -> None:
    def note() -> None:
        body = request.get_json(silent=True)
        params = body if isinstance(body, dict) else request.values.to_dict()
        log.append(Request(vendor, request.method, request.path, params))

    # Before all other hooks, so that requests with a fault are logged too.
    app.before_request_funcs.setdefault(None, []).insert(0, note)
