"""The machine's id, by TatuScan's algorithm, so that a machine keeps its id when it moves over."""

import hashlib
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.guard import Guard
from agent.interfaces import VIRTUAL_WORDS, Interface, list_interfaces

ID_PATTERN = r"[0-9a-f]{64}"


def id_from_macs(macs: Iterable[str]) -> str:
    """The id for these MACs, exactly as written; duplicates count."""
    return hashlib.sha256("|".join(sorted(macs)).encode()).hexdigest()


def id_from_interfaces(interfaces: Iterable[Interface]) -> str | None:
    """The id by TatuScan's rule for Linux and macOS; None when it accepts no interface."""
    macs = [interface.mac for interface in interfaces if interface.accepted_by_tatuscan]
    return id_from_macs(macs) if macs else None


def id_from_adapters(adapters: Iterable[Mapping[str, Any]], upper_case: bool) -> str | None:
    """The id by TatuScan's rule for Windows, from rows of Win32_NetworkAdapter.

    Args:
        upper_case: TatuScan hashes the MACs in upper case, as WMI returns them. We do so where it
            is installed; elsewhere in lower case, as on the other systems.
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
    return id_from_macs(macs) if macs else None


def random_id() -> str:
    """An id for a machine without an acceptable MAC."""
    return secrets.token_hex(32)


def detect_id(guard: Guard) -> tuple[str | None, bool]:
    """The id by TatuScan's rule, None without an acceptable MAC; and whether there is hardware that
    may become acceptable, because it has no address yet soon after boot."""
    if sys.platform == "win32":

        def of_adapters() -> tuple[str | None, bool] | None:
            from agent import windows

            adapters = windows.network_adapters()
            if not adapters:
                return None
            machine_id = id_from_adapters(adapters, windows.tatuscan_is_installed())
            return machine_id, any(row["PhysicalAdapter"] for row in adapters)

        found = guard("network adapters", of_adapters, None)
        if found is not None:
            return found
    return guard("network", lambda: _id_of_interfaces(list_interfaces(guard)), (None, False))


def _id_of_interfaces(interfaces: Sequence[Interface]) -> tuple[str | None, bool]:
    has_hardware = any(interface.has_permanent_mac for interface in interfaces)
    return id_from_interfaces(interfaces), has_hardware
