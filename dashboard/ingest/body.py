"""A request's body: bounded before it is read, bounded again when it is unpacked, strict JSON."""

import json
import math
import zlib
from typing import Any

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from dashboard.ingest.refusal import Refusal, malformed

LARGEST = 64 * 1024
"""Bytes of a body as it comes, and of a single report unpacked."""
LARGEST_BATCH = 1024 * 1024
"""Bytes of a batch unpacked."""


def read(environ: dict[str, Any], unpacked: int = LARGEST, come: bytes | None = None) -> bytes:
    """The body of a WSGI request, unpacked to at most `unpacked` bytes.

    Args:
        come: the body as it came, where a server has read it already.

    Raises:
        Refusal: it is too large, or comes in an encoding that we do not read.
    """
    if environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "not_json", "Send JSON, with Content-Type: application/json.")
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refusal(415, "encoding", "Content-Encoding may be gzip or nothing.")
    body = _come(environ) if come is None else come
    if len(body) > LARGEST:
        raise too_large(LARGEST)
    return _unpacked(body, unpacked) if encoding == "gzip" else body


def _come(environ: dict[str, Any]) -> bytes:
    try:
        # One more than is allowed, or a body that comes in chunks would end there unnoticed.
        return get_input_stream(environ, max_content_length=LARGEST + 1).read()
    except RequestEntityTooLarge:
        raise too_large(LARGEST) from None
    except ClientDisconnected:
        raise malformed("The body ends before its length.") from None


def parse(body: bytes) -> Any:
    """`body` as JSON in UTF-8, without NaN, and without a key that comes twice.

    Raises:
        Refusal: it is none.
    """
    try:
        return _READER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # UnicodeDecodeError and JSONDecodeError are ValueErrors; so is a number of 5,000 digits.
        raise malformed(f"The body is no JSON that can be read: {str(error)[:100]}.") from None


def too_large(limit: int) -> Refusal:
    """The refusal of a body over `limit` bytes."""
    return Refusal(413, "too_large", f"A body may hold {limit // 1024} KB: send less at once.")


def _unpacked(body: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(body, most + 1)
    except zlib.error:
        raise malformed("The body is no gzip that can be read.") from None
    if len(content) > most:
        raise too_large(most)
    if not unpacker.eof or unpacker.unused_data:
        raise malformed("The body's gzip ends too early, or goes on after its end.")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _never(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_READER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_never, parse_float=_finite)
