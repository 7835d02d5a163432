"""Applies `faults` to a simulated vendor: answers in place of the real one, and real answers with
wrong pages or rows."""

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask, Response, g, request

from etl.demo.faults import Fault, Faults
from etl.demo.rows import Row

RenderError = Callable[[int, str], Row]
"""(status, message) -> a vendor's error body."""

_CHUNK = b" " * 65536
_PER_MEGABYTE = 16
_PAGE = (
    "<!DOCTYPE html><html><head><title>{title}</title></head>"
    "<body><h1>{title}</h1><p>nginx</p></body></html>"
)
_TEXTS = ("systemName", "hostname", "name")
_IDS = ("id", "computerId", "organizationId")


def inject_faults(
    app: Flask, faults: Faults, render: RenderError, on_unauthorized: Callable[[], None]
) -> None:
    """Apply `faults` to the requests of `app`; `on_unauthorized` is called at each 401."""

    def before() -> Response | None:
        fault = faults.take(request.path)
        if fault is None:
            return None
        if fault.kind == "slow":
            faults.stopped.wait(fault.seconds)
        if fault.kind == "unauthorized":
            on_unauthorized()
        answer = _replacement(fault, render)
        if answer is None:
            g.fault = fault
        return answer

    def after(response: Response) -> Response:
        fault: Fault | None = g.get("fault")
        if fault is not None and response.status_code == 200:
            return _corrupt(fault, response)
        return response

    app.before_request(before)
    app.after_request(after)


def _replacement(fault: Fault, render: RenderError) -> Response | None:
    """The answer that replaces the real one; None when the fault only spoils the real one."""
    match fault.kind:
        case "unauthorized":
            return _error(401, render(401, "Unauthorized"))
        case "forbidden":
            return _error(403, render(403, "TOKEN_REVOKED"))
        case "not_found":
            return _error(404, render(404, "Not found"))
        case "too_many_requests":
            return _with_retry_after(fault, _error(429, render(429, "Too many requests")))
        case "server_error":
            return _with_retry_after(fault, _html(fault.status, f"{fault.status} Service trouble"))
        case "html":
            return _html(200, "Maintenance")
        case "error_object":
            return _error(200, render(500, "A problem occurred with the request"))
        case "redirect":
            return Response(status=302, headers={"Location": fault.location})
        case "answer":
            return Response(fault.value, status=fault.status, headers=fault.headers)
        case "huge":
            return Response(_spaces(fault.megabytes), mimetype="application/json")
        case "gzip_bomb":
            return Response(
                _bomb(fault.megabytes),
                mimetype="application/json",
                headers={"Content-Encoding": "gzip"},
            )
    return None


def _with_retry_after(fault: Fault, response: Response) -> Response:
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


def _corrupt(fault: Fault, response: Response) -> Response:
    """`response`, a good one, as the fault leaves it."""
    match fault.kind:
        case "truncated":
            data = response.get_data()
            response.set_data(data[: len(data) // 2])
        case "dropped":
            data = response.get_data()
            response.set_data(data[: len(data) // 2])
            # More promised than sent: the connection ends before the body does.
            response.headers["Content-Length"] = str(len(data))
        case "repeated_page":
            if fault.first_answer is None:
                fault.first_answer = response.get_data(), response.headers.get("Pagination")
            data, pagination = fault.first_answer
            response.set_data(data)
            if pagination is not None:
                response.headers["Pagination"] = pagination
        case "no_pagination":
            response.headers.pop("Pagination", None)
        case _:
            _change_rows(fault, response)
    return response


def _change_rows(fault: Fault, response: Response) -> None:
    text = response.get_data(as_text=True)
    body = json.loads(text) if text else []
    rows: list[Row] = body.get("results", []) if isinstance(body, dict) else body
    match fault.kind:
        case "missing_page":
            rows.clear()
        case "fewer_rows":
            del rows[max(0, len(rows) - fault.rows) :]
        case "doubled_row":
            rows.extend(rows[fault.row : fault.row + 1])
        case "no_totals":
            response.headers.pop("Pagination", None)
            for row in rows:
                row.pop("totalRows", None)
        case "nulls":
            keys = dict.fromkeys(key for row in rows for key in row)
            for row in rows:
                row.update({key: None for key in keys if key not in row})
        case "int_timestamps":
            rows[:] = [_whole(row) for row in rows]
        case _:
            if fault.row < len(rows):
                _change_row(fault, rows[fault.row])
    response.set_data(json.dumps(body))


def _change_row(fault: Fault, row: Row) -> None:
    text = fault.field or next((key for key in _TEXTS if key in row), _TEXTS[0])
    match fault.kind:
        case "nul":
            row[text] = f"{row.get(text)}\x00\x00"
        case "surrogate":
            row[text] = f"{row.get(text)}\ud800"
        case "long_text":
            row[text] = "x" * 10_000
        case "missing_field":
            row.pop(fault.field or "organizationId", None)
        case "missing_id":
            row.pop(next((key for key in _IDS if key in row), "id"), None)
        case "wrong_value":
            row[text] = fault.value


def _whole(value: Any) -> Any:
    """The same with every fraction cut off."""
    if isinstance(value, dict):
        return {key: _whole(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) else value
