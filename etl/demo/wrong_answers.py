"""What a vendor, or the proxy before it, sends instead of an answer."""

import json
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flask import Response

from etl.demo.rows import Row

if TYPE_CHECKING:
    from etl.demo.faults import Fault

_CHUNK = b" " * 65536
_PER_MEGABYTE = 16
_PAGE = (
    "<!DOCTYPE html><html><head><title>{title}</title></head>"
    "<body><h1>{title}</h1><p>nginx</p></body></html>"
)


def instead(fault: "Fault", render: Callable[[int, str], Row]) -> Response | None:
    """The answer that replaces the real one; None when the fault only spoils the real one."""
    match fault.kind:
        case "unauthorized":
            return _error(401, render(401, "Unauthorized"))
        case "forbidden":
            return _error(403, render(403, "TOKEN_REVOKED"))
        case "not_found":
            return _error(404, render(404, "Not found"))
        case "too_many_requests":
            return _later(fault, _error(429, render(429, "Too many requests")))
        case "server_error":
            return _later(fault, _html(fault.status, f"{fault.status} Service trouble"))
        case "html":
            return _html(200, "Maintenance")
        case "error_object":
            return _error(200, render(500, "A problem occurred with the request"))
        case "redirect":
            return Response(status=302, headers={"Location": fault.location})
        case "huge":
            return Response(_spaces(fault.megabytes), mimetype="application/json")
        case "gzip_bomb":
            return Response(
                _bomb(fault.megabytes),
                mimetype="application/json",
                headers={"Content-Encoding": "gzip"},
            )
    return None


def _later(fault: "Fault", response: Response) -> Response:
    if fault.retry_after is not None:
        response.headers["Retry-After"] = fault.retry_after
    return response


def _error(status: int, body: Row) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _html(status: int, title: str) -> Response:
    return Response(_PAGE.format(title=title), status, mimetype="text/html")


def _spaces(megabytes: int) -> Iterator[bytes]:
    """Valid JSON, an empty list, of that size."""
    yield b"["
    for _ in range(megabytes * _PER_MEGABYTE):
        yield _CHUNK
    yield b"]"


def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(level=9, wbits=31)
    packed = [packer.compress(piece) for piece in _spaces(megabytes)]
    return b"".join(packed) + packer.flush()
