"""Hardware addresses that identify a machine: assigned by a maker, not by software."""

import re
from collections.abc import Iterable
from functools import lru_cache

LENGTH = 255
"""The maximum length of a record's addresses as text."""

# The same on every machine that has the driver or the chip: VPN adapters of Cisco and Fortinet,
# remote access of Windows, the bridge to Apple's T2, network adapters of Parallels and of cheap
# dongles.
_SAME_EVERYWHERE = frozenset(
    "00059a3c7800 00059a3c7a00 00090faa0001 00090ffe0001 204153594eff 24b620524153 "
    "505054503030 acde48001122 001c42000008 001c42000009 00e04c534458".split()
)
# VMware's host-only networks, the virtual addresses of routers, and no maker at all.
_SAME_PREFIXES = ("005056c000", "00005e0001", "000000")
_UNNUMBERED = "000000"
"""The last three bytes where a maker gave its devices no number, or the driver knows none."""


def normalise_mac(address: object) -> str | None:
    """An address as 12 lower-case hexadecimal digits; None if it does not identify one machine.

    Addresses that software administers (containers, virtual machines, phones on every network) are
    made up anew or repeat over the fleet."""
    if not isinstance(address, str):
        return None
    text = re.sub(r"[:.\-\s]", "", address).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", text):
        return None
    return text if _identifies(text) else None


def _identifies(mac: str) -> bool:
    # In the first byte the lowest bit marks multicast, the next one locally administered addresses.
    return not (
        mac[1] not in "048c"
        or mac.endswith(_UNNUMBERED)
        or mac.startswith(_SAME_PREFIXES)
        or mac in _SAME_EVERYWHERE
    )


def canonical_macs(addresses: object) -> str | None:
    """The usable addresses of a record as stored: sorted and separated by commas, as many as fit
    into `LENGTH`; None if there are none.

    Args:
        addresses: what the source sent; anything but a list is ignored.
    """
    given: Iterable[object] = addresses if isinstance(addresses, list) else ()
    usable = sorted({text for address in given if (text := normalise_mac(address))})
    return ",".join(usable[: (LENGTH + 1) // 13]) or None


@lru_cache(maxsize=1 << 17)
def split_macs(macs: str | None) -> frozenset[str]:
    """The usable addresses in a stored text: it may have been stored when more were usable."""
    return frozenset(filter(_identifies, macs.split(","))) if macs else frozenset()
