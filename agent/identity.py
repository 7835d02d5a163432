"""Which machine this is: TatuScan's algorithm, so that ids survive the move, applied once."""

import hashlib
import secrets
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from agent.interfaces import VIRTUAL_WORDS, Interface, here

PATTERN = r"[0-9a-f]{64}"


def of_macs(macs: Iterable[str]) -> str:
    """The id of a machine with these MACs as they are written; what comes twice counts twice."""
    return hashlib.sha256("|".join(sorted(macs)).encode()).hexdigest()


def of_interfaces(interfaces: Iterable[Interface]) -> str | None:
    """The id by TatuScan's rule on Linux and macOS; None when it accepts no interface."""
    macs = [one.mac for one in interfaces if one.accepted]
    return of_macs(macs) if macs else None


def of_adapters(adapters: Iterable[Mapping[str, Any]], upper_case: bool) -> str | None:
    """The id by TatuScan's rule on Windows, of rows of Win32_NetworkAdapter.

    Args:
        upper_case: TatuScan takes the MACs as WMI writes them, in upper case. So do we where it
            is installed; elsewhere an id has one form on every system.
    """
    macs = []
    for row in adapters:
        mac = (row["MACAddress"] or "").replace("-", ":")
        name = f"{row['Name'] or ''} {row['Description'] or ''}".lower()
        if not mac or any(word in name for word in VIRTUAL_WORDS):
            continue
        if row["NetEnabled"] is False or row["PhysicalAdapter"] is False or int(mac[:2], 16) & 0x02:
            continue
        macs.append(mac.upper() if upper_case else mac.lower())
    return of_macs(macs) if macs else None


def at_random() -> str:
    """An id of the same form for a machine without an acceptable MAC."""
    return secrets.token_hex(32)


def of_this_machine() -> tuple[str | None, bool]:
    """The id by TatuScan's rule, None when nothing is acceptable now; and whether something may
    become so: there is hardware that has only no address yet, as soon after power-on."""
    if sys.platform == "win32":
        from agent import windows

        adapters = windows.network_adapters()
        if adapters:
            found = of_adapters(adapters, windows.tatuscan_is_installed())
            return found, any(row["PhysicalAdapter"] for row in adapters)
    interfaces = here()
    return of_interfaces(interfaces), any(one.lasting for one in interfaces)
