"""Real answers, spoilt: pages and rows as vendors should not send them, but do."""

import json
from typing import TYPE_CHECKING, Any

from flask import Response

from etl.demo.rows import Row

if TYPE_CHECKING:
    from etl.demo.faults import Fault

_TEXTS = ("systemName", "hostname", "name")
_IDS = ("id", "computerId", "organizationId")


def spoil(fault: "Fault", response: Response) -> Response:
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


def _change_rows(fault: "Fault", response: Response) -> None:
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


def _change_row(fault: "Fault", row: Row) -> None:
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
