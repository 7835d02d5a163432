"""The rows of one run, read as records or quarantined."""

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
    """All rows of one run. `keep` holds the ids of known devices whose row could not be read: they
    stay as they are."""

    raws: list[Raw] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    quarantined: list[Mapping[str, Any]] = field(default_factory=list)
    keep: set[int] = field(default_factory=set)
    unreadable_ids: int = 0


def read_rows(source: Source, raws: Iterable[Raw]) -> CollectedRows:
    """Read each row as a record; one that cannot be read is quarantined with the reason."""
    collected = CollectedRows()
    seen: set[str] = set()
    for position, raw in enumerate(raws):
        collected.raws.append(raw)
        try:
            record = source.to_record(raw)
            if record.source_key in seen:
                raise BadRecord(f"id {record.source_key} appears twice; the first row counts")
            seen.add(record.source_key)
            collected.records.append(record)
        except BadRecord as bad:
            collected.unreadable_ids += isinstance(bad, UnreadableId)
            key = bad.source_key
            known = device_id(source.FACTS.name, key) if key else None
            if known is not None:
                collected.keep.add(known)
            collected.quarantined.append(
                {
                    "position": position,
                    "device_id": known,
                    "source_key": key[:128] if key else None,
                    "reason": bad.reason[:400],
                    "body": compress_row(raw),
                }
            )
    return collected


def compress_row(raw: Raw) -> bytes:
    """A row as stored in quarantine: compressed JSON, lossless for any text."""
    return zlib.compress(canonical(raw), 6)
