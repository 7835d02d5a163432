"""Ids that every node computes alike, without a sequence."""

from hashlib import blake2b

BITS = 63  # a signed 64-bit column holds it on every database


def hash63(data: bytes) -> int:
    """The top 63 bits of blake2b of `data`."""
    return int.from_bytes(blake2b(data, digest_size=8).digest()) >> 1


def device_id(source: str, source_key: str) -> int:
    """The id of a source's device: 63 bits of blake2b(source, 0, key).

    `source_key` is the normalised key: GUIDs and hex in lower case.
    """
    return hash63(source.encode() + b"\0" + source_key.encode())
