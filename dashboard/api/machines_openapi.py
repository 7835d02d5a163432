"""The addresses of machines, described for programs."""

from typing import Any

from dashboard.api.files.tables import FORMATS
from dashboard.ingest.items import KEYS, TOLD_KEYS
from dashboard.ingest.receive import LARGEST_BATCH
from dashboard.ingest.report import Report
from dashboard.queries.machines.ages import BUCKETS
from dashboard.queries.machines.latest import SORTS, STATES

Schema = dict[str, Any]

_JSON = "application/json"
_ID = {
    "name": "machine_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
}
_TEXT = {"type": ["string", "null"]}
_WHOLE = {"type": ["integer", "null"]}
_NUMBER = {"type": ["number", "null"]}
_TIME = {"type": ["string", "null"], "format": "date-time"}
_KINDS: dict[str, Schema] = {
    "cpu_percent": _NUMBER,
    **dict.fromkeys(
        ("memory_total_mb", "memory_used_mb", "disk_total_mb", "disk_used_mb", "activation_days",
         "clock_skew_seconds"),
        _WHOLE,
    ),
    **dict.fromkeys(
        ("computer_activation", "created_at", "updated_at", "boot_time", "received_at"), _TIME
    ),
    "mac_addresses": {"type": ["array", "null"], "items": {"type": "string"}},
}  # fmt: skip


def _object(properties: Schema, *optional: str) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


_MACHINE = _object(
    {name: _KINDS.get(name, _TEXT) for name in KEYS}
    | {"state": {"type": "string", "enum": list(STATES)}, "is_cloned": {"type": "boolean"}}
)
_TAKEN = _object({name: _KINDS.get(name, _TEXT) for name in KEYS})
_WORDS = {"type": "string"}

SCHEMAS: Schema = {
    "Report": Report.model_json_schema(),
    "Machine": _MACHINE,
    "MachineItem": _object({"item": _MACHINE}),
    "MachineTaken": _object({"item": _TAKEN, "message": _WORDS, "key": _WORDS}, "key"),
    "MachineChanged": _object({"item": _MACHINE, "message": _WORDS}),
    "MachineDeleted": _object({"message": _WORDS}),
    "Machines": _object(
        {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Machine"}},
            **dict.fromkeys(("count", "limit", "offset"), {"type": "integer"}),
        },
        "limit",
        "offset",
    ),
    "Batch": _object(
        {
            "reports": {
                "type": "array",
                "minItems": 1,
                "maxItems": LARGEST_BATCH,
                "items": {"$ref": "#/components/schemas/Report"},
            }
        }
    ),
    "BatchTaken": _object(
        {
            "items": {
                "type": "array",
                "items": _object(
                    {"report_id": _TEXT, "status": {"type": "integer"}, "reason": _WORDS,
                     "error": _WORDS},
                    "error",
                ),
            },
            "count": {"type": "integer"},
            "key": _WORDS,
        },
        "key",
    ),
    "MachineChange": {
        "type": "object",
        "properties": {
            "computer_activation": {"type": ["string", "number", "null"]},
            "activation_days": _WHOLE,
        },
        "minProperties": 1,
    },
}  # fmt: skip

_REFUSALS = {
    "400": "The body cannot be read; `reason` and `fields` say why.",
    "401": "No credential, or one that is not known here.",
    "403": "Revoked, or another machine's.",
    "404": "There is no such machine.",
    "413": "The body is larger than 64 KB.",
    "415": "The body is not JSON, or comes in an encoding that is not read.",
    "429": "Too often; Retry-After says how long to wait.",
    "503": "It could not be stored; Retry-After says when to send it again.",
}


def _answer(about: str, schema: str) -> Schema:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": about, "content": {_JSON: {"schema": reference}}}


def _does(
    summary: str, answers: dict[str, str], refusals: str, body: str | None = None, **more: Any
) -> Schema:
    responses = {code: _answer(summary, schema) for code, schema in answers.items()}
    responses |= {code: _answer(_REFUSALS[code], "Error") for code in refusals.split()}
    told: Schema = {"summary": summary, "responses": responses, **more}
    if body is not None:
        content = {_JSON: {"schema": {"$ref": f"#/components/schemas/{body}"}}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _parameter(name: str, about: str, schema: Schema, *, repeat: bool = False) -> Schema:
    if repeat:
        schema = {"type": "array", "items": schema}
    return {"name": name, "in": "query", "description": about, "schema": schema}


def _file(asked: list[Schema], kind: str) -> Schema:
    told = _does("Every machine that matches", {}, "400 401 403 503", parameters=asked)
    schema = {"type": "string", "description": "Columns: " + ", ".join(TOLD_KEYS)}
    told["responses"]["200"] = {"description": "The file", "content": {kind: {"schema": schema}}}
    return told


def paths(page: list[Schema]) -> Schema:
    """The paths; `page` are the parameters of a page of a list."""
    sorts = [f"{sign}{name}" for name in SORTS for sign in ("", "-")]
    asked = [
        _parameter("q", "Only machines with this text in a name, address or serial.", _WORDS),
        _parameter("state", "Only machines in these states.",
                   {"type": "string", "enum": list(STATES)}, repeat=True),
        _parameter("site", "Only machines that name one of these sites.", _WORDS, repeat=True),
        _parameter("os", "Only these operating systems.", _WORDS, repeat=True),
        _parameter("os_version", "Only these versions.", _WORDS, repeat=True),
        _parameter("os_not", "All but these operating systems.", _WORDS, repeat=True),
        _parameter("os_version_not", "All but these versions.", _WORDS, repeat=True),
        _parameter("age", "Only machines put to work so many months ago.",
                   {"type": "string", "enum": list(BUCKETS)}, repeat=True),
        _parameter("clones", "Only machines that seem to be two.",
                   {"type": "string", "enum": ["yes"]}),
        _parameter("sort", "The column to sort by, with - before it downwards; default hostname.",
                   {"type": "string", "enum": sorts}),
    ]  # fmt: skip
    listed = _does(
        "Machines as they last reported; all of them, streamed, unless limit or offset is given",
        {"200": "Machines"}, "400 401 403 503", parameters=[*asked, *page],
    )  # fmt: skip
    single = {"parameters": [_ID]}
    return {
        **{
            f"/export/machines.{form}": {"get": _file(asked, kind)}
            for form, kind in FORMATS.items()
        },
        "/api/machines": {
            "get": listed,
            "post": _does(
                "A machine reports what it is now", {"200": "MachineTaken", "201": "MachineTaken"},
                "400 401 403 413 415 429 503", "Report",
            ),
        },
        "/api/inventory": {"get": listed},
        "/api/machines/batch": {
            "post": _does(
                "A machine reports what it could not tell when it was so",
                {"200": "BatchTaken"}, "400 401 403 413 415 429 503", "Batch",
            )
        },
        "/api/machines/{machine_id}": single
        | {
            "get": _does("One machine", {"200": "MachineItem"}, "401 403 404 503"),
            "patch": _does(
                "Set when a machine was put to work", {"200": "MachineChanged"},
                "400 401 403 404 413 415 503", "MachineChange",
            ),
            "delete": _does(
                "Forget a machine and its key", {"200": "MachineDeleted"}, "401 403 404 503"
            ),
        },
    }  # fmt: skip
