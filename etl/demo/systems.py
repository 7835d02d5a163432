"""A machine's operating system and agent version on a day; updates arrive in waves."""

from typing import NamedTuple

from etl.demo.machines import Machine
from etl.demo.noise import hash_bits


class System(NamedTuple):
    """An operating system; each vendor has its own name for it."""

    maker: str
    ninja_name: str
    threatlocker_name: str
    build: str
    release: str
    kind: int


_MICROSOFT = "Microsoft Corporation"
_OLD = System(_MICROSOFT, "Windows 11 Professional Edition", "Windows 11 Pro ", "22631", "23H2", 1)
_NEW = _OLD._replace(build="26100", release="24H2")
_TEN = System(_MICROSOFT, "Windows 10 Professional Edition", "Windows 10 Pro ", "19045", "22H2", 1)
_BUSINESS = _NEW._replace(threatlocker_name="Windows 11 Business ")
_SERVERS = tuple(
    System(
        _MICROSOFT, f"Windows Server {year} Standard Edition", f"Windows Server {year} Standard",
        build, release, 1,
    )
    for year, build, release in (
        (2016, "14393", "1607"), (2019, "17763", "1809"), (2022, "20348", "21H2"),
        (2025, "26100", "24H2"),
    )
)  # fmt: skip
_MACS = (
    System("Apple Inc.", "macOS 14.7 (Sonoma)", "macOS 14.7", "23H124", "14.7", 2),
    System("Apple Inc.", "macOS 15.1 (Sequoia)", "macOS 15.1 ", "24B83", "15.1", 2),
)
_LINUX = System("Canonical", "Ubuntu 24.04 LTS", "Ubuntu 24.04.1 LTS", "6.8.0-45", "24.04", 3)
_LINUX_SERVERS = (
    _LINUX._replace(ninja_name="Ubuntu Server 22.04 LTS", threatlocker_name="Ubuntu Server 22.04"),
    System("Rocky", "Rocky Linux 9.4", "Rocky Linux 9.4 (Blue Onyx)", "5.14.0-427", "9.4", 3),
)
_WAVE = 420
"""Days over which the fleet takes one upgrade."""


def system_of(seed: int, machine: Machine, day: int, last_day: int) -> System:
    """What the machine runs on `day`; upgrades are spread over the time before `last_day`."""
    upgraded = day > last_day + 40 - hash_bits(seed, machine.number, 7) % _WAVE
    if machine.node_class == "MAC":
        return _MACS[upgraded]
    if machine.node_class == "LINUX_WORKSTATION":
        return _LINUX
    if machine.node_class == "LINUX_SERVER":
        return _LINUX_SERVERS[machine.style % 2]
    if machine.node_class != "WINDOWS_WORKSTATION":
        return _SERVERS[machine.style // 8 % 4]
    if machine.style % 5 == 0:
        return _TEN
    if machine.style % 7 == 0:
        return _BUSINESS
    return _NEW if upgraded else _OLD


def threatlocker_version(seed: int, machine: Machine, day: int) -> str:
    """ThreatLocker's agent version: a release every 60 days, rolled out slowly."""
    release = (day - 738000 - hash_bits(seed, machine.number, 11) % 60) // 60
    return f"10.{4 + release // 10 % 5}.{release % 10}.{3000 + release * 13 % 5000}"
