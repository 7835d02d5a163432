"""Fetch one source whole and read its rows: records, and the rows that could not be read."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from db.keys import device_id
from etl.records.record import BadRecord, Raw, Record, UnreadableId
from etl.records.text import canonical
from etl.sources import Source


@dataclass
class CollectedRows:
    """Everything one run got. `keep` are the devices whose row could not be read this time."""

    raws: list[Raw] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    quarantined: list[Mapping[str, Any]] = field(default_factory=list)
    keep: set[int] = field(default_factory=set)
    unreadable_ids: int = 0


def read(source: Source, raws: Iterable[Raw]) -> CollectedRows:
    """Read each row as a record; a row that cannot be read stands aside with its reason."""
    gathered = CollectedRows()
    seen: set[str] = set()
    for position, raw in enumerate(raws):
        gathered.raws.append(raw)
        try:
            record = source.to_record(raw)
            if record.source_key in seen:
                raise BadRecord(f"id {record.source_key} appears twice; the first row counts")
            seen.add(record.source_key)
            gathered.records.append(record)
        except BadRecord as bad:
            gathered.unreadable_ids += isinstance(bad, UnreadableId)
            key = bad.source_key
            known = device_id(source.FACTS.name, key) if key else None
            if known is not None:
                gathered.keep.add(known)
            gathered.quarantined.append(
                {
                    "position": position,
                    "device_id": known,
                    "source_key": key[:128] if key else None,
                    "reason": bad.reason[:400],
                    "body": pack(raw),
                }
            )
    return gathered


def pack(raw: Raw) -> bytes:
    """A row as kept aside: compressed JSON that any text survives."""
    return zlib.compress(canonical(raw), 6)
