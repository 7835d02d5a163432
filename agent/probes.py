"""The facts in a report, one function each. A probe that fails is null; the others still run."""

import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from agent import interfaces, roles, systems
from agent.guard import Guard
from agent.interfaces import Interface
from agent.systems import command_output

Probe = Callable[[], Any]
MIB = 2**20
_DMI = Path("/sys/class/dmi/id")
_TREE = Path("/proc/device-tree")
_EARLIEST_BOOT = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
"""An earlier time of the last start is that of a clock without a battery."""


class Probes:
    """Collects the facts of this machine."""

    def __init__(self, stop: threading.Event) -> None:
        """
        Args:
            stop: cuts short the second in which the processor is measured.
        """
        self._stop = stop
        self._guard = Guard()

    def collect(self) -> dict[str, Any]:
        """Every fact by its name in the report."""
        guard = self._guard
        hardware = guard("network", lambda: interfaces.list_interfaces(guard), [])
        total, used = guard("disks", lambda: disks(guard), (None, None))
        return self.run(
            {
                "hostname": socket.gethostname,
                "ip": lambda: ip_address(hardware),
                "os": systems.os_name,
                "os_version": systems.os_version,
                "cpu_percent": self._cpu,
                "memory_total_mb": lambda: psutil.virtual_memory().total // MIB,
                "memory_used_mb": lambda: psutil.virtual_memory().used // MIB,
                "boot_time": boot_time,
                "serial": serial,
                "manufacturer": manufacturer,
                "computer_model": computer_model,
                "mac_addresses": lambda: interfaces.physical_macs(hardware) or None,
                "disk_total_mb": lambda: None if total is None else total // MIB,
                "disk_used_mb": lambda: None if used is None else used // MIB,
                "logged_in_user": logged_in_user,
                "product_type": roles.product_type,
                "chassis": roles.chassis,
                "default_target": roles.default_target,
                "has_desktop": roles.has_desktop,
            }
        )

    def run(self, probes: Mapping[str, Probe]) -> dict[str, Any]:
        """The result of each probe; None where it fails."""
        results = {name: self._guard(name, probe, None) for name, probe in probes.items()}
        return {
            name: clean_text(value) if isinstance(value, str) else value
            for name, value in results.items()
        }

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


def boot_time() -> str | None:
    """When the machine started; None while its clock has not been set."""
    moment = psutil.boot_time()
    return rfc3339(moment) if moment >= _EARLIEST_BOOT else None


def ip_address(hardware: Iterable[Interface]) -> str | None:
    """The address that TatuScan would send; else the outbound one, else that of any hardware."""
    hardware = tuple(hardware)
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


class Mount(NamedTuple):
    """A mounted file system; `total` and `used` in bytes."""

    device: str
    fstype: str
    total: int
    used: int


def disks(guard: Guard) -> tuple[int, int]:
    """Total and used bytes of this machine's disks."""
    mounts: dict[str, Mount] = {}
    for part in guard("partitions", lambda: psutil.disk_partitions(all=False), []):
        # Package images and optical discs are always full.
        if part.fstype in ("squashfs", "iso9660", "udf", "erofs") or "cdrom" in part.opts:
            continue
        if part.device in mounts:
            continue
        # None for example for a card reader without a card, or a mount of another user.
        usage = guard(f"disk {part.mountpoint}", partial(psutil.disk_usage, part.mountpoint), None)
        if usage is None:
            continue
        if sys.platform == "darwin":
            # The volumes of a Mac share one disk: what is not free for one, another one uses.
            return usage.total, usage.total - usage.free
        mounts[part.device] = Mount(part.device, part.fstype, usage.total, usage.used)
    if not mounts:
        whole = psutil.disk_usage("/")
        return whole.total, whole.used
    return disk_space(mounts.values())


def disk_space(mounts: Iterable[Mount]) -> tuple[int, int]:
    """Total and used bytes of all storage in `mounts`, each disk and each pool once.

    A device that is mounted in several places, as containers do, counts once. A dataset of a ZFS
    pool reports as its total what it uses itself and what is free in the whole pool. So a pool's
    size is what its datasets use, and the most that is free for one of them: quotas leave others
    less. Snapshots, whose names have an "@", share the space of their dataset.
    """
    total = used = 0
    devices: dict[str, Mount] = {}
    pools: dict[str, dict[str, Mount]] = {}
    for mount in mounts:
        if mount.fstype != "zfs":
            devices.setdefault(mount.device, mount)
        elif "@" not in mount.device:
            pools.setdefault(mount.device.split("/")[0], {}).setdefault(mount.device, mount)
    for mount in devices.values():
        total += mount.total
        used += mount.used
    for datasets in pools.values():
        used_in_pool = sum(mount.used for mount in datasets.values())
        total += used_in_pool + max(mount.total - mount.used for mount in datasets.values())
        used += used_in_pool
    return total, used


def logged_in_user() -> str | None:
    """The logged-in user who logged in last."""
    users = psutil.users()
    return max(users, key=lambda user: user.started).name if users else None


def now() -> str:
    return rfc3339(time.time())
