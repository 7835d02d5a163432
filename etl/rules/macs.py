"""Hardware addresses that identify a machine: assigned by a maker, not by software."""

import re
from collections.abc import Iterable
from functools import lru_cache

LENGTH = 255
"""The maximum length of a record's addresses as text."""

# The same on every machine: the VPN adapters of Cisco and Fortinet.
_SAME_EVERYWHERE = frozenset({"00059a3c7a00", "00090faa0001", "00090ffe0001"})
_VMWARE_HOST_ONLY = "005056c000"


def normalise_mac(address: object) -> str | None:
    """An address as 12 lower-case hexadecimal digits; None if it does not identify one machine."""
    if not isinstance(address, str):
        return None
    text = re.sub(r"[:.\-\s]", "", address).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", text):
        return None
    # In the first byte the lowest bit marks multicast, the next one locally administered addresses.
    if int(text[1], 16) & 3 or text == "0" * 12:
        return None
    if text.startswith(_VMWARE_HOST_ONLY) or text in _SAME_EVERYWHERE:
        return None
    return text


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
    """The addresses in a stored text."""
    return frozenset(macs.split(",")) if macs else frozenset()
