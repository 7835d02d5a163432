"""Hardware addresses that tell machines apart: burnt in by a maker, not made up by software."""

import re
from collections.abc import Iterable
from functools import lru_cache

LENGTH = 255
"""How long the text of a record's addresses may be."""

# What software gives every machine alike: the VPN adapters of Cisco and Fortinet.
_SAME_EVERYWHERE = frozenset({"00059a3c7a00", "00090faa0001", "00090ffe0001"})
_VMWARE_HOST_ONLY = "005056c000"


def normalise_mac(address: object) -> str | None:
    """An address as 12 hexadecimal digits in lower case; None for what names no one machine."""
    if not isinstance(address, str):
        return None
    text = re.sub(r"[:.\-\s]", "", address).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", text):
        return None
    # The lowest bit of the first byte: for many; the one above: made up by software.
    if int(text[1], 16) & 3 or text == "0" * 12:
        return None
    if text.startswith(_VMWARE_HOST_ONLY) or text in _SAME_EVERYWHERE:
        return None
    return text


def canonical_macs(addresses: object) -> str | None:
    """The usable addresses of a record as stored: sorted, with commas between, cut at a whole one;
    None when there is none.

    Args:
        addresses: what the source tells, a list where it tells any.
    """
    given: Iterable[object] = addresses if isinstance(addresses, list) else ()
    found = sorted({text for address in given if (text := normalise_mac(address))})
    return ",".join(found[: (LENGTH + 1) // 13]) or None


@lru_cache(maxsize=1 << 17)
def split_macs(macs: str | None) -> frozenset[str]:
    """The addresses in a stored text."""
    return frozenset(macs.split(",")) if macs else frozenset()
