"""The facts in a report, one function each. A probe that fails is null; the others still run."""

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
from agent.systems import command_output

Probe = Callable[[], Any]
MIB = 2**20
_DMI = Path("/sys/class/dmi/id")
_TREE = Path("/proc/device-tree")
_log = logging.getLogger(__name__)


class Probes:
    """Collects the facts of this machine."""

    def __init__(self, stop: threading.Event) -> None:
        """
        Args:
            stop: cuts short the second in which the processor is measured.
        """
        self._stop = stop
        self._failing: set[str] = set()

    def collect(self) -> dict[str, Any]:
        """Every fact by its name in the report."""
        return self.run(
            {
                "hostname": socket.gethostname,
                "ip": ip_address,
                "os": systems.os_name,
                "os_version": systems.os_version,
                "cpu_percent": self._cpu,
                "memory_total_mb": lambda: psutil.virtual_memory().total // MIB,
                "memory_used_mb": lambda: psutil.virtual_memory().used // MIB,
                "boot_time": lambda: rfc3339(psutil.boot_time()),
                "serial": serial,
                "manufacturer": manufacturer,
                "computer_model": computer_model,
                "mac_addresses": lambda: interfaces.physical_macs(interfaces.list_interfaces()),
                "disk_total_mb": lambda: disks()[0] // MIB,
                "disk_used_mb": lambda: disks()[1] // MIB,
                "logged_in_user": logged_in_user,
            }
        )

    def run(self, probes: Mapping[str, Probe]) -> dict[str, Any]:
        """The result of each probe; None where it fails, which is logged once."""
        facts: dict[str, Any] = {}
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
            facts[name] = clean_text(value) if isinstance(value, str) else value
        return facts

    def _cpu(self) -> float:
        # Measured over one second: psutil's first result is meaningless.
        psutil.cpu_percent(None)
        self._stop.wait(1.0)
        return min(max(psutil.cpu_percent(None), 0.0), 100.0)


def clean_text(text: str) -> str | None:
    """`text` without control characters and lone surrogates; None when nothing is left."""
    text = text.encode("utf-8", "replace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", " ", text).strip() or None


def rfc3339(moment: float) -> str:
    """A Unix time as text, in whole seconds with the local offset; "Z" for UTC."""
    text = datetime.fromtimestamp(int(moment)).astimezone().isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def ip_address() -> str | None:
    """The address that TatuScan would send; else the outbound one, else that of any hardware."""
    hardware = interfaces.list_interfaces()
    return (
        interfaces.first_address(
            interface for interface in hardware if interface.accepted_by_tatuscan
        )
        or interfaces.outbound_address()
        or interfaces.first_address(interface for interface in hardware if interface.physical)
    )


def serial() -> str | None:
    """The maker's serial number."""
    if sys.platform == "win32":
        from agent import windows

        return windows.bios_serial()
    if sys.platform == "darwin":
        match = re.search(
            r'"IOPlatformSerialNumber" = "(.*)"',
            command_output("ioreg", "-rd1", "-c", "IOPlatformExpertDevice"),
        )
        return match[1] if match else None
    return first_line(_DMI / "product_serial", _TREE / "serial-number")


def manufacturer() -> str | None:
    if sys.platform == "win32":
        from agent import windows

        return windows.manufacturer()
    return "Apple" if sys.platform == "darwin" else first_line(_DMI / "sys_vendor")


def computer_model() -> str | None:
    if sys.platform == "win32":
        from agent import windows

        return windows.model()
    if sys.platform == "darwin":
        return command_output("sysctl", "-n", "hw.model")
    return first_line(_DMI / "product_name", _TREE / "model")


def first_line(*paths: Path) -> str | None:
    """The text of the first of `paths` that exists; None when none does.

    Raises:
        OSError: it cannot be read.
    """
    for path in paths:
        if path.exists():
            return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    return None


def disks() -> tuple[int, int]:
    """Total and used bytes of this machine's disks."""
    seen: dict[str, Any] = {}
    for part in psutil.disk_partitions(all=False):
        # Package images and optical discs are always full. All volumes of a Mac and all datasets of
        # a ZFS pool share their space: the first one counts.
        device = part.device.split("/")[0] if part.fstype == "zfs" else part.device
        device = "disk" if sys.platform == "darwin" else device
        if part.fstype in ("squashfs", "iso9660", "udf", "erofs") or "cdrom" in part.opts:
            continue
        if device not in seen:
            try:
                seen[device] = psutil.disk_usage(part.mountpoint)
            except OSError:
                # For example a card reader without a card, or a mount of another user.
                continue
    if not seen:
        whole = psutil.disk_usage("/")
        return whole.total, whole.used
    return sum(disk.total for disk in seen.values()), sum(
        disk.total - disk.free if sys.platform == "darwin" else disk.used for disk in seen.values()
    )


def logged_in_user() -> str | None:
    """The logged-in user who logged in last."""
    users = psutil.users()
    return max(users, key=lambda user: user.started).name if users else None


def now() -> str:
    return rfc3339(time.time())
