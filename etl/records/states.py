"""The state of a device: its record with the verdicts of the rules, as a snapshot stores it."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, select

from db.keys import device_id, hash63
from db.rules import Rules
from db.tables import (
    HASHED_FIELDS,
    HASHED_IF_SET,
    OPEN_END,
    NameFields,
    SystemFields,
    device_payloads,
    device_snapshots,
)
from etl.records.record import Record
from etl.records.text import canonical, split_volatile
from etl.rules.billing import billing_status
from etl.rules.device_type import device_type


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState(NameFields, SystemFields):
    """One device on one day: the columns of `device_snapshots`, except site and asset, which are
    resolved when it is published, and those of `device_latest`. `state_hash` covers the columns
    that `db.tables.devices` marks as hashed."""

    device_id: int
    source_key: str
    alias_key: str | None
    alias_name: str | None
    device_type: str
    type_reason: str
    billing_status: str
    reason: str
    rule_version: int
    repaired: str | None
    unmanaged: str | None
    added_by_hand: bool | None
    payload_hash: int
    state_hash: int
    payload: bytes
    last_contact: datetime | None
    online: bool | None
    ip: str | None
    volatile: str
    macs: str | None = None
    user: str | None = None

    def compressed(self) -> bytes:
        """The payload without its volatile keys, as stored."""
        return zlib.compress(self.payload, 6)


_STATE_FIELDS = {each.name for each in fields(DeviceState)}
_RECORD_FIELDS = tuple(
    each.name for each in fields(Record) if each.name in _STATE_FIELDS - {"payload", "unmanaged"}
)
SNAPSHOT_COLUMNS = tuple(str(c.name) for c in device_snapshots.c if c.name in _STATE_FIELDS)
"""The columns of `device_snapshots` that a state fills."""


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
    kind = _device_type(record.node_class, record.os, record.role)
    status = billing_status(
        unmanaged=record.unmanaged,
        added_by_hand=record.added_by_hand,
        internal_site=internal.get(record.alias_key),
        display_name=record.display_name,
        location=record.location,
        node_class=record.node_class,
        spare_words=rules.spare_words,
        spare_node_classes=rules.spare_node_classes,
    )
    stable, volatile = split_volatile(record.payload, volatile_paths)
    payload = canonical(stable)
    values: dict[str, Any] = {name: getattr(record, name) for name in _RECORD_FIELDS}
    values |= {
        "device_type": kind.value,
        "type_reason": kind.reason[:400],
        "billing_status": status.value,
        "reason": status.reason[:400],
        "rule_version": rules.version,
        "payload_hash": hash63(payload),
    }
    return DeviceState(
        **values,
        device_id=device_id(source, record.source_key),
        unmanaged=record.unmanaged[:400] if record.unmanaged else None,
        state_hash=hash_state(values),
        payload=payload,
        volatile=canonical(volatile).decode(),
    )


def hash_state(values: Mapping[str, Any]) -> int:
    """The `state_hash` of a snapshot's columns, by their names."""
    content: list[Any] = [values[name] for name in HASHED_FIELDS]
    content += [[name, values[name]] for name in HASHED_IF_SET if values[name] is not None]
    return hash63(json.dumps(content).encode())


# Cached: a fleet has few distinct node classes, operating systems and roles.
_device_type = lru_cache(maxsize=4096)(device_type)


def changed_keys(before: Iterable[bytes], after: Iterable[bytes], at_most: int = 5) -> list[str]:
    """The top-level payload keys that differ most often between pairs of payloads, the most
    frequent first. The old payloads are compressed, as stored; the new ones are not."""
    counts: dict[str, int] = {}
    for old, new in zip(before, after, strict=True):
        first, second = json.loads(zlib.decompress(old)), json.loads(new)
        for key in first.keys() | second.keys():
            if first.get(key) != second.get(key):
                counts[key] = counts.get(key, 0) + 1
    return sorted(counts, key=lambda key: (-counts[key], key))[:at_most]


MANY_CHANGES = 20.0
"""If a larger percentage of the devices changed, the run names the payload keys that differ. The
cause may be a key that always changes and is not listed as volatile: it would open a new stretch
for every device every day."""


def most_changed_keys(
    connection: Connection, open_count: int, changed: Sequence[DeviceState]
) -> str | None:
    """The payload keys in which a sample of `changed` differs from the open stretches, the most
    frequent first, joined by ", "; None if at most `MANY_CHANGES` percent of the `open_count` open
    stretches changed. Must be called before those stretches are closed."""
    if not open_count or len(changed) * 100 <= MANY_CHANGES * open_count:
        return None
    sample = {state.device_id: state for state in changed[:50]}
    payloads, stretch = device_payloads.c, device_snapshots.c
    rows = connection.execute(
        select(stretch.device_id, payloads.body)
        .join(
            device_payloads,
            and_(
                payloads.device_id == stretch.device_id,
                payloads.payload_hash == stretch.payload_hash,
            ),
        )
        .where(stretch.device_id.in_(sample), stretch.valid_to == OPEN_END)
    )
    pairs = [(body, sample[device_id].payload) for device_id, body in rows]
    keys = changed_keys([old for old, _ in pairs], [new for _, new in pairs])
    return ", ".join(keys)[:255] or None
