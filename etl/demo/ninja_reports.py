"""NinjaRMM's reports (`/queries/*`): rows per device, paged by a named cursor."""

import threading
import time
from collections.abc import Callable, Iterator

from etl.demo.rows import Row

_CURSOR_SECONDS = 3600


def _operating_systems(device: Row) -> Iterator[Row]:
    if device.get("os"):
        yield {**device["os"], "deviceId": device["id"], "timestamp": device.get("lastUpdate")}


def _computer_systems(device: Row) -> Iterator[Row]:
    if device.get("system"):
        yield {**device["system"], "deviceId": device["id"], "timestamp": device.get("lastUpdate")}


def _processors(device: Row) -> Iterator[Row]:
    for row in device.get("processors") or ():
        yield {**row, "deviceId": device["id"], "timestamp": device.get("lastUpdate")}


def _volumes(device: Row) -> Iterator[Row]:
    for row in device.get("volumes") or ():
        yield {**row, "deviceId": device["id"], "timestamp": device.get("lastUpdate")}


def _network_interfaces(device: Row) -> Iterator[Row]:
    if device.get("macAddresses"):
        yield {
            "adapterName": "Ethernet", "interfaceType": "Ethernet", "status": "Up",
            "dnsHostName": (device.get("dnsName") or device.get("systemName", "")).split(".")[0],
            "ipAddress": device.get("ipAddresses", []), "macAddress": device["macAddresses"],
            "deviceId": device["id"],
        }  # fmt: skip


def _device_health(device: Row) -> Iterator[Row]:
    yield {
        "deviceId": device["id"], "offline": device.get("offline"), "healthStatus": "HEALTHY",
        "alertCount": 0, "activeThreatsCount": 0, "pendingOSPatchesCount": 0,
        "failedOSPatchesCount": 0, "productsInstallationStatuses": {},
    }  # fmt: skip


def _logged_on_users(device: Row) -> Iterator[Row]:
    if device.get("lastLoggedInUser"):
        yield {
            "userName": device["lastLoggedInUser"],
            "logonTime": device.get("lastContact"),
            "deviceId": device["id"],
        }


REPORTS: dict[str, Callable[[Row], Iterator[Row]]] = {
    "operating-systems": _operating_systems,
    "computer-systems": _computer_systems,
    "processors": _processors,
    "volumes": _volumes,
    "network-interfaces": _network_interfaces,
    "device-health": _device_health,
    "logged-on-users": _logged_on_users,
}


class Cursors:
    """The open cursors, each with the rows of its report and an offset."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[list[Row], int]] = {}
        self._count = 0
        self._lock = threading.Lock()

    def start(self, rows: list[Row]) -> str:
        """The name of a new cursor over `rows`."""
        with self._lock:
            self._count += 1
            name = f"c-{self._count:06d}"
            self._open[name] = rows, 0
            return name

    def page(self, name: str, size: int) -> Row | None:
        """The next page of a cursor, in the vendor's format; None for an unknown name."""
        with self._lock:
            if name not in self._open:
                return None
            rows, offset = self._open[name]
            results = rows[offset : offset + size]
            self._open[name] = rows, offset + len(results)
        cursor = {
            "name": name, "offset": offset, "count": len(results),
            "expires": time.time() + _CURSOR_SECONDS,
        }  # fmt: skip
        return {"cursor": cursor, "results": results}
