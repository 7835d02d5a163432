"""Request bodies: limited in size as sent and as unpacked, parsed as JSON."""

import json
import zlib
from typing import Any

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wsgi import get_input_stream

from dashboard.ingest.refusal import Refusal, malformed

LARGEST = 64 * 1024
"""Bytes of a body as sent, and of a single report unpacked."""
LARGEST_BATCH = 1024 * 1024
"""Bytes of a batch unpacked."""


def read(environ: dict[str, Any], limit: int = LARGEST, received: bytes | None = None) -> bytes:
    """The body of a WSGI request, unpacked.

    Args:
        limit: bytes that it may have when unpacked.
        received: the body as sent, if the caller has read it already.

    Raises:
        Refusal: it is too large (413), or of an unsupported type or encoding (415).
    """
    if environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "not_json", "Send JSON, with Content-Type: application/json.")
    encoding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refusal(415, "encoding", "Content-Encoding may be gzip or nothing.")
    body = _receive(environ) if received is None else received
    if len(body) > LARGEST:
        raise too_large(LARGEST)
    return _gunzip(body, limit) if encoding == "gzip" else body


def _receive(environ: dict[str, Any]) -> bytes:
    try:
        # One byte more than allowed, or a chunked body that is too long would be cut unnoticed.
        return get_input_stream(environ, max_content_length=LARGEST + 1).read()
    except RequestEntityTooLarge:
        raise too_large(LARGEST) from None
    except ClientDisconnected:
        raise malformed("The body ends before its length.") from None


def parse(body: bytes) -> Any:
    """`body` as JSON without duplicate keys, in UTF-8 or what a byte order mark says.

    Numbers that JSON or a float cannot hold (NaN, Infinity, 1e999, 5,000 digits) are NaN or
    infinite floats, which no field accepts: they make one value unreadable, not the whole body.

    Raises:
        Refusal: 400.
    """
    try:
        return _DECODER.decode(body.decode(json.detect_encoding(body)))
    except (ValueError, RecursionError) as error:
        # UnicodeDecodeError and JSONDecodeError are ValueErrors.
        raise malformed(f"The body is no JSON that can be read: {str(error)[:100]}.") from None


def too_large(limit: int) -> Refusal:
    """413 for a body over `limit` bytes."""
    return Refusal(413, "too_large", f"A body may hold {limit // 1024} KB: send less at once.")


def _gunzip(body: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        content = decompressor.decompress(body, limit + 1)
    except zlib.error:
        raise malformed("The body is no gzip that can be read.") from None
    if len(content) > limit:
        raise too_large(limit)
    if not decompressor.eof or decompressor.unused_data:
        raise malformed("The body's gzip ends too early, or goes on after its end.")
    return content


def _without_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key comes twice")
    return values


def _whole_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:  # More digits than Python converts.
        return float(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicate_keys, parse_int=_whole_number)
