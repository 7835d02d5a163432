"""Records judged by the rules: what a snapshot will say of each device."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, select

from db.keys import device_id, hash63
from db.rules import Rules
from db.tables import OPEN_END, device_payloads, device_snapshots
from etl.records.record import Record
from etl.records.text import canonical, split_volatile
from etl.rules.billing import billing_status
from etl.rules.device_type import device_type


@dataclass(frozen=True, slots=True)
class DeviceState:
    """One device on one day: a row of `device_snapshots` but for the site and the asset, which
    are resolved when it is published. `state_hash` covers all of it but the volatile end, and
    `unmanaged`, which an excluded record's reason tells."""

    device_id: int
    source_key: str
    alias_key: str | None
    alias_name: str | None
    location: str | None
    hostname: str | None
    display_name: str | None
    device_type: str
    type_reason: str
    billing_status: str
    reason: str
    rule_version: int
    os: str | None
    node_class: str | None
    serial: str | None
    repaired: str | None
    unmanaged: str | None
    payload_hash: int
    state_hash: int
    payload: bytes
    last_contact: datetime | None
    online: bool | None
    ip: str | None
    volatile: str
    macs: str | None = None

    def compressed(self) -> bytes:
        """The payload without its volatile keys, as stored."""
        return zlib.compress(self.payload, 6)


def evaluate_record(
    source: str,
    record: Record,
    rules: Rules,
    volatile_paths: tuple[str, ...],
    internal: Mapping[str | None, str],
) -> DeviceState:
    """The state of a record under `rules`.

    Args:
        internal: alias key -> name, for the aliases whose site is internal.
    """
    kind = _device_type(record.node_class, record.os)
    status = billing_status(
        unmanaged=record.unmanaged,
        internal_site=internal.get(record.alias_key),
        display_name=record.display_name,
        location=record.location,
        node_class=record.node_class,
        spare_words=rules.spare_words,
        spare_node_classes=rules.spare_node_classes,
    )
    stable, volatile = split_volatile(record.payload, volatile_paths)
    payload = canonical(stable)
    payload_hash = hash63(payload)
    reason, type_reason = status.reason[:400], kind.reason[:400]
    said = {
        "alias_key": record.alias_key, "location": record.location, "hostname": record.hostname,
        "display_name": record.display_name, "device_type": kind.value,
        "type_reason": type_reason, "billing_status": status.value, "reason": reason,
        "rule_version": rules.version, "os": record.os, "node_class": record.node_class,
        "serial": record.serial, "repaired": record.repaired, "payload_hash": payload_hash,
    }  # fmt: skip
    return DeviceState(
        device_id=device_id(source, record.source_key),
        source_key=record.source_key,
        alias_key=record.alias_key,
        alias_name=record.alias_name,
        location=record.location,
        hostname=record.hostname,
        display_name=record.display_name,
        device_type=kind.value,
        type_reason=type_reason,
        billing_status=status.value,
        reason=reason,
        rule_version=rules.version,
        os=record.os,
        node_class=record.node_class,
        serial=record.serial,
        repaired=record.repaired,
        unmanaged=record.unmanaged[:400] if record.unmanaged else None,
        payload_hash=payload_hash,
        state_hash=hash_state(said),
        payload=payload,
        last_contact=record.last_contact,
        online=record.online,
        ip=record.ip,
        volatile=canonical(volatile).decode(),
        macs=record.macs,
    )


_SAID = (
    "alias_key", "location", "hostname", "display_name", "device_type", "type_reason",
    "billing_status", "reason", "rule_version", "os", "node_class", "serial", "repaired",
    "payload_hash",
)  # fmt: skip


def hash_state(said: Mapping[str, Any]) -> int:
    """The `state_hash` of what was said of a device, by the names of the columns."""
    return hash63(json.dumps([said[name] for name in _SAID]).encode())


# A fleet has few distinct pairs; the rule is pure.
_device_type = lru_cache(maxsize=4096)(device_type)


def changed_keys(before: Iterable[bytes], after: Iterable[bytes], at_most: int = 5) -> list[str]:
    """The top-level payload keys that differ most often between pairs of stored payloads."""
    counts: dict[str, int] = {}
    for old, new in zip(before, after, strict=True):
        first, second = json.loads(zlib.decompress(old)), json.loads(new)
        for key in first.keys() | second.keys():
            if first.get(key) != second.get(key):
                counts[key] = counts.get(key, 0) + 1
    return sorted(counts, key=lambda key: (-counts[key], key))[:at_most]


MANY_CHANGES = 20.0
"""Percent of changed devices from which a run names the keys that differ: a key that changes
hourly and is not listed as volatile would open a stretch a day for every device."""

_said = device_snapshots.c


def most_changed_keys(
    connection: Connection, open_count: int, changed: Sequence[DeviceState]
) -> str | None:
    """The payload keys in which a sample of `changed` differs from what stands; None when no more
    than usual of the `standing` devices changed. The stretches must not be closed yet."""
    if not open_count or len(changed) * 100 <= MANY_CHANGES * open_count:
        return None
    sample = {state.device_id: state for state in changed[:50]}
    payloads = device_payloads.c
    rows = connection.execute(
        select(_said.device_id, payloads.body)
        .join(
            device_payloads,
            and_(
                payloads.device_id == _said.device_id, payloads.payload_hash == _said.payload_hash
            ),
        )
        .where(_said.device_id.in_(sample), _said.valid_to == OPEN_END)
    )
    pairs = [(body, sample[device_id].payload) for device_id, body in rows]
    keys = changed_keys([old for old, _ in pairs], [new for _, new in pairs])
    return ", ".join(keys)[:255] or None
