"""Network interfaces, and which of them TatuScan's client accepts."""

import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from agent.guard import Guard

VIRTUAL_WORDS = (
    "docker", "veth", "br-", "tun", "tap", "vmnet", "macvlan", "ipvlan", "wg", "wireguard", "dummy",
    "virtual", "vpn", "hyper-v", "vmware", "virtualbox", "teredo",
)  # fmt: skip
_SYSFS = Path("/sys/class/net")


@dataclass(frozen=True)
class Interface:
    """One interface; `mac` is lower case with colons, "" for none."""

    name: str
    mac: str
    index: int = 0
    up: bool = True
    loopback: bool = False
    virtual: bool = False
    ipv4: tuple[str, ...] = ()

    @property
    def physical(self) -> bool:
        """Whether it is hardware, judged by its name and its place in /sys."""
        return bool(self.name and self.mac.strip("0:")) and not (self.loopback or self.virtual)

    @property
    def has_permanent_mac(self) -> bool:
        """Whether it is hardware with a MAC from its maker, not a locally administered one."""
        return self.physical and not int(self.mac[:2], 16) & 0x02

    @property
    def accepted_by_tatuscan(self) -> bool:
        """TatuScan's rule for Linux and macOS."""
        return self.has_permanent_mac and self.up and bool(self.ipv4)


def list_interfaces(guard: Guard, sysfs: Path = _SYSFS) -> list[Interface]:
    """This machine's interfaces, in the kernel's order, with what can be found out about them.

    Args:
        sysfs: the kernel's own list of them, which is used where psutil fails on one.
    """
    indexes = guard(
        "interface indexes", lambda: {name: at for at, name in socket.if_nameindex()}, {}
    )
    stats = guard("interface states", psutil.net_if_stats, {})
    macs: dict[str, str] = {}
    ipv4: dict[str, list[str]] = {}
    for label, addresses in guard("interface addresses", psutil.net_if_addrs, {}).items():
        # A second address may have a label of its own, "eth0:1".
        name = label if sys.platform == "win32" else label.split(":")[0]
        for address in addresses:
            if address.family == psutil.AF_LINK:
                macs[name] = address.address.lower().replace("-", ":")
            elif address.family == socket.AF_INET:
                ipv4.setdefault(name, []).append(address.address)
    interfaces = []
    for name in stats or dict.fromkeys([*macs, *ipv4]):
        up, loopback = _flags(name, stats.get(name), sysfs)
        interface = Interface(
            name,
            macs.get(name, ""),
            indexes.get(name, 0),
            up,
            loopback,
            guard(f"interface {name}", partial(is_virtual, name, sysfs), False),
            tuple(ipv4.get(name, ())),
        )
        interfaces.append(interface)
    return sorted(interfaces, key=lambda interface: interface.index)


def _flags(name: str, stat: Any, sysfs: Path) -> tuple[bool, bool]:
    """Whether an interface is up, and whether it is the loopback.

    Args:
        stat: what psutil knows of it; None when it fails, as it does for all when one driver does
            not answer. Then the kernel's flags are read, and where there are none, as on other
            systems, the interface is taken as up.
    """
    is_named_loopback = name.startswith("Loopback")
    if stat is None:
        try:
            flags = int((sysfs / name / "flags").read_text(), 16)
        except (OSError, ValueError):
            return True, is_named_loopback or name in ("lo", "lo0")
        return bool(flags & 0x1), bool(flags & 0x8)
    words = stat.flags.split(",")
    # psutil's isup also needs a cable; TatuScan looks at the flag alone.
    return "up" in words if stat.flags else stat.isup, "loopback" in words or is_named_loopback


def is_virtual(name: str, sysfs: Path) -> bool:
    """TatuScan's rule: virtual by its name or in the kernel's device tree."""
    if any(word in name.lower() for word in VIRTUAL_WORDS):
        return True
    return "/virtual/" in (sysfs / name).resolve().as_posix()


def first_address(interfaces: Iterable[Interface]) -> str | None:
    """The first IPv4 address of the first interface that is up and has one."""
    return next(
        (interface.ipv4[0] for interface in interfaces if interface.up and interface.ipv4), None
    )


def outbound_address() -> str | None:
    """The source address of traffic to the internet; nothing is sent."""
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return None


def physical_macs(interfaces: Iterable[Interface]) -> list[str]:
    """The MACs of all hardware, sorted; at most 64."""
    return sorted({interface.mac for interface in interfaces if interface.physical})[:64]
