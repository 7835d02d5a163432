"""One function a fact. A probe that fails is null in the report, and takes no other along."""

import logging
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from agent import interfaces, systems
from agent.systems import answer_of

Probe = Callable[[], Any]
MIB = 2**20
_DMI = Path("/sys/class/dmi/id")
_TREE = Path("/proc/device-tree")
_log = logging.getLogger(__name__)


class Probes:
    """The facts of this machine."""

    def __init__(self, stop: threading.Event) -> None:
        """
        Args:
            stop: ends the second in which the processor is watched.
        """
        self._stop = stop
        self._failing: set[str] = set()

    def collect(self) -> dict[str, Any]:
        """Every fact by its name in the report."""
        return self.run(
            {
                "hostname": socket.gethostname,
                "ip": address,
                "os": systems.name,
                "os_version": systems.version,
                "cpu_percent": self._cpu,
                "memory_total_mb": lambda: psutil.virtual_memory().total // MIB,
                "memory_used_mb": lambda: psutil.virtual_memory().used // MIB,
                "boot_time": lambda: rfc3339(psutil.boot_time()),
                "serial": serial,
                "manufacturer": manufacturer,
                "computer_model": computer_model,
                "mac_addresses": lambda: interfaces.macs(interfaces.here()),
                "disk_total_mb": lambda: disks()[0] // MIB,
                "disk_used_mb": lambda: disks()[1] // MIB,
                "logged_in_user": logged_in_user,
            }
        )

    def run(self, probes: Mapping[str, Probe]) -> dict[str, Any]:
        """What each of `probes` finds; None where it fails, said once."""
        found: dict[str, Any] = {}
        for name, probe in probes.items():
            try:
                value = probe()
            except Exception as error:
                value = None
                if name not in self._failing:
                    _log.warning(
                        "%s cannot be found out: %s: %s", name, type(error).__name__, error
                    )
                    self._failing.add(name)
            else:
                self._failing.discard(name)
            found[name] = clean(value) if isinstance(value, str) else value
        return found

    def _cpu(self) -> float:
        # Of a second that begins now: the first answer of psutil is about nothing.
        psutil.cpu_percent(None)
        self._stop.wait(1.0)
        return min(max(psutil.cpu_percent(None), 0.0), 100.0)


def clean(text: str) -> str | None:
    """`text` that every database and JSON reader takes; None when nothing is left."""
    text = text.encode("utf-8", "replace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", " ", text).strip() or None


def rfc3339(moment: float) -> str:
    """Whole seconds with this machine's offset; "Z" for none."""
    text = datetime.fromtimestamp(int(moment)).astimezone().isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def address() -> str | None:
    """What TatuScan would send; where its rule finds nothing, the address that leads outwards, or
    one of a network without a way out."""
    found = interfaces.here()
    return (
        interfaces.first_address(one for one in found if one.accepted)
        or interfaces.address_outwards()
        or interfaces.first_address(one for one in found if one.physical)
    )


def serial() -> str | None:
    """The maker's serial number."""
    if sys.platform == "win32":
        from agent import windows

        return windows.bios_serial()
    if sys.platform == "darwin":
        found = re.search(
            r'"IOPlatformSerialNumber" = "(.*)"',
            answer_of("ioreg", "-rd1", "-c", "IOPlatformExpertDevice"),
        )
        return found[1] if found else None
    return first_line(_DMI / "product_serial", _TREE / "serial-number")


def manufacturer() -> str | None:
    """Who made the machine."""
    if sys.platform == "win32":
        from agent import windows

        return windows.manufacturer()
    return "Apple" if sys.platform == "darwin" else first_line(_DMI / "sys_vendor")


def computer_model() -> str | None:
    """What its maker calls it."""
    if sys.platform == "win32":
        from agent import windows

        return windows.model()
    if sys.platform == "darwin":
        return answer_of("sysctl", "-n", "hw.model")
    return first_line(_DMI / "product_name", _TREE / "model")


def first_line(*paths: Path) -> str | None:
    """What stands in the first of `paths` that this machine has; None when it has none.

    Raises:
        OSError: one is there and cannot be read.
    """
    for path in paths:
        if path.exists():
            return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    return None


def disks() -> tuple[int, int]:
    """Bytes in all, and bytes used, of the disks in this machine."""
    seen: dict[str, Any] = {}
    for part in psutil.disk_partitions(all=False):
        # Containers of packages and optical discs are always full. All volumes of a Mac and all
        # datasets of a ZFS pool share their space: the first one speaks.
        device = part.device.split("/")[0] if part.fstype == "zfs" else part.device
        device = "disk" if sys.platform == "darwin" else device
        if part.fstype in ("squashfs", "iso9660", "udf", "erofs") or "cdrom" in part.opts:
            continue
        if device not in seen:
            try:
                seen[device] = psutil.disk_usage(part.mountpoint)
            except OSError:
                # A card reader without a card, a mount that others may not see.
                continue
    if not seen:
        whole = psutil.disk_usage("/")
        return whole.total, whole.used
    return sum(disk.total for disk in seen.values()), sum(
        disk.total - disk.free if sys.platform == "darwin" else disk.used for disk in seen.values()
    )


def logged_in_user() -> str | None:
    """Who logged in last and still is."""
    users = psutil.users()
    return max(users, key=lambda user: user.started).name if users else None


def now() -> str:
    """The time of a report."""
    return rfc3339(time.time())
