"""Network interfaces, and which of them TatuScan's client would accept."""

import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

VIRTUAL_WORDS = (
    "docker", "veth", "br-", "tun", "tap", "vmnet", "macvlan", "ipvlan", "wg", "wireguard", "dummy",
    "virtual", "vpn", "hyper-v", "vmware", "virtualbox", "teredo",
)  # fmt: skip
_SYSFS = Path("/sys/class/net")


@dataclass(frozen=True)
class Interface:
    """One interface; `mac` is in lower case with colons, "" without one."""

    name: str
    mac: str
    index: int = 0
    up: bool = True
    loopback: bool = False
    virtual: bool = False
    ipv4: tuple[str, ...] = ()

    @property
    def physical(self) -> bool:
        """Whether it is a piece of hardware, as far as its name and place tell."""
        return bool(self.name and self.mac.strip("0:")) and not (self.loopback or self.virtual)

    @property
    def lasting(self) -> bool:
        """Whether it is hardware whose MAC its maker gave: not made up, not random."""
        return self.physical and not int(self.mac[:2], 16) & 0x02

    @property
    def accepted(self) -> bool:
        """TatuScan's rule on Linux and macOS."""
        return self.lasting and self.up and bool(self.ipv4)


def here() -> list[Interface]:
    """The interfaces of this machine, in the kernel's order."""
    indexes = {name: index for index, name in socket.if_nameindex()}
    stats = psutil.net_if_stats()
    macs: dict[str, str] = {}
    ipv4: dict[str, list[str]] = {}
    for label, addresses in psutil.net_if_addrs().items():
        # A second address may come under a label of its own, "eth0:1".
        name = label if sys.platform == "win32" else label.split(":")[0]
        for address in addresses:
            if address.family == psutil.AF_LINK:
                macs[name] = address.address.lower().replace("-", ":")
            elif address.family == socket.AF_INET:
                ipv4.setdefault(name, []).append(address.address)
    found = []
    for name, stat in stats.items():
        flags = stat.flags.split(",")
        interface = Interface(
            name,
            macs.get(name, ""),
            indexes.get(name, 0),
            # "Up" is what was asked for; psutil's own word wants a cable as well.
            "up" in flags if stat.flags else stat.isup,
            "loopback" in flags or name.startswith("Loopback"),
            is_virtual(name, _SYSFS),
            tuple(ipv4.get(name, ())),
        )
        found.append(interface)
    return sorted(found, key=lambda interface: interface.index)


def is_virtual(name: str, sysfs: Path) -> bool:
    """TatuScan's rule: by the kernel's word, or by a word in the name."""
    if any(word in name.lower() for word in VIRTUAL_WORDS):
        return True
    return "/virtual/" in (sysfs / name).resolve().as_posix()


def first_address(interfaces: Iterable[Interface]) -> str | None:
    """The first IPv4 of the first of `interfaces` that is up and has one."""
    return next((one.ipv4[0] for one in interfaces if one.up and one.ipv4), None)


def address_outwards() -> str | None:
    """The address from which this machine would speak to the world; nothing is sent."""
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    return None


def macs(interfaces: Iterable[Interface]) -> list[str]:
    """The MAC of every piece of hardware, sorted; of a host with very many, the first 64."""
    return sorted({one.mac for one in interfaces if one.physical})[:64]
