"""A machine as the API tells it: TatuScan's 13 keys, then ours."""

import json
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from db.tables import inventory
from db.types import UtcDateTime

TATUSCAN_KEYS = (
    "machine_id", "hostname", "ip", "os", "os_version", "cpu_percent", "memory_total_mb",
    "memory_used_mb", "computer_model", "computer_activation", "activation_days", "created_at",
    "updated_at",
)  # fmt: skip
OUR_KEYS = (
    "agent_version", "boot_time", "serial", "manufacturer", "mac_addresses", "disk_total_mb",
    "disk_used_mb", "logged_in_user", "site", "received_at", "clock_skew_seconds",
)  # fmt: skip
KEYS = TATUSCAN_KEYS + OUR_KEYS
TOLD_KEYS = (*KEYS, "state", "is_cloned")
"""What is told of a machine that is asked for, not only of one that reports."""

_INSTANTS = tuple(name for name in KEYS if isinstance(inventory.c[name].type, UtcDateTime))


def item(row: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """A row of `inventory` as JSON values, times with their offset in `zone`."""
    told = {name: row[name] for name in KEYS}
    for name in _INSTANTS:
        if told[name] is not None:
            told[name] = told[name].astimezone(zone).isoformat(timespec="microseconds")
    if told["mac_addresses"] is not None:
        told["mac_addresses"] = json.loads(told["mac_addresses"])
    return told


def told(row: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """A row of `queries.machines` as JSON values."""
    return item(row, zone) | {"state": row["state"], "is_cloned": bool(row["is_cloned"])}
