"""A machine as JSON: TatuScan's 13 keys, then ours."""

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
    "product_type", "chassis", "default_target", "has_desktop",
)  # fmt: skip
KEYS = TATUSCAN_KEYS + OUR_KEYS
LISTED_KEYS = (*KEYS, "state", "is_cloned")
"""The keys of a machine that is read; the answer to a report has only `KEYS`."""

_INSTANTS = tuple(name for name in KEYS if isinstance(inventory.c[name].type, UtcDateTime))


def item(row: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """A row of `inventory` as JSON values, times with their offset in `zone`."""
    values = {name: row[name] for name in KEYS}
    for name in _INSTANTS:
        if values[name] is not None:
            values[name] = values[name].astimezone(zone).isoformat(timespec="microseconds")
    if values["mac_addresses"] is not None:
        values["mac_addresses"] = json.loads(values["mac_addresses"])
    return values


def listed_item(row: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """A row of `queries.machines.latest` as JSON values."""
    return item(row, zone) | {"state": row["state"], "is_cloned": bool(row["is_cloned"])}
