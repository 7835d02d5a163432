"""Keys of snapshots: the as-of predicate and the ids of devices, each written only here."""

from datetime import date
from hashlib import blake2b

from sqlalchemy import ColumnElement, FromClause, and_

from db.tables import device_snapshots


def as_of(
    day: date | ColumnElement[date], table: FromClause = device_snapshots
) -> ColumnElement[bool]:
    """Whether a stretch of `table` (columns valid_from, valid_to) contains `day`."""
    return and_(table.c.valid_from <= day, table.c.valid_to > day)


BITS = 63  # a signed 64-bit column holds it on every database


def hash63(data: bytes) -> int:
    """The top 63 bits of blake2b of `data`."""
    return int.from_bytes(blake2b(data, digest_size=8).digest()) >> 1


def device_id(source: str, source_key: str) -> int:
    """The id of a source's device: 63 bits of blake2b(source, 0, key).

    `source_key` is the normalised key: GUIDs and hex in lower case.
    """
    return hash63(source.encode() + b"\0" + source_key.encode())
