"""A device's full payloads, one per stretch, and how two of them differ."""

import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from db.tables import device_latest, device_payloads

Payload = dict[str, Any]


class Difference(NamedTuple):
    """One field before and after; None where it was not there."""

    field: str
    before: Any
    after: Any


def payloads_by_hash(
    connection: Connection, device_id: int, hashes: Collection[int] | None = None
) -> dict[int, Payload]:
    """The payloads of a device by their hash, all or only `hashes`, without their volatile keys."""
    stored = device_payloads.c
    statement = select(stored.payload_hash, stored.body).where(stored.device_id == device_id)
    if hashes is not None:
        statement = statement.where(stored.payload_hash.in_(hashes))
    return {
        row.payload_hash: json.loads(zlib.decompress(row.body))
        for row in connection.execute(statement)
    }


def volatile_values(connection: Connection, device_id: int) -> Payload:
    """The keys that change by themselves, with their latest values."""
    text = connection.scalar(
        select(device_latest.c.volatile).where(device_latest.c.device_id == device_id)
    )
    return dict(json.loads(text)) if text else {}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The leaves in which two payloads differ, by their path ("os.name", "volumes[0].label")."""
    was, is_now = dict(_leaves(before)), dict(_leaves(after))
    return [
        Difference(path, was.get(path), is_now.get(path))
        for path in sorted(was.keys() | is_now.keys())
        if was.get(path) != is_now.get(path)
    ]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value
