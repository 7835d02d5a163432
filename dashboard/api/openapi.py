"""The API, described for programs (OpenAPI 3.1). A test compares it with the routes."""

from typing import Any

from flask import Blueprint, Response

from dashboard.api.answers import answer
from dashboard.api.exports import SITE_COLUMNS
from dashboard.api.question import DEFAULT_LIMIT, MOST, Reader, nothing_else
from dashboard.filters import BASES, SEARCH_LENGTH, SOURCES, STATUSES, TYPES
from dashboard.queries.devices import COLUMNS
from dashboard.queries.totals import FIELDS
from db import __version__

Schema = dict[str, Any]


def blueprint(_reader: Reader) -> Blueprint:
    """The route /api/openapi.json."""
    routes = Blueprint("openapi", __name__, url_prefix="/api")

    @routes.get("/openapi.json")
    def document() -> Response:
        nothing_else()
        return answer(DOCUMENT)

    return routes


def _nullable(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _parameter(name: str, about: str, schema: Schema, *, repeat: bool = False) -> Schema:
    if repeat:
        schema = {"type": "array", "items": schema}
    return {"name": name, "in": "query", "description": about, "schema": schema}


def _one_of(values: tuple[str, ...], **more: Any) -> Schema:
    return {"type": "string", "enum": list(values), **more}


_DAY = {"type": "string", "format": "date"}
_MOMENT = _nullable("string", format="date-time")
_COUNT = _nullable("integer")
_TEXT = _nullable("string")
_DATES = _map({"type": "string", "format": "date-time"})
_NOTICES = {"type": "array", "items": {"type": "string"}}
_ID = {"type": "string", "pattern": "^[0-9]+$"}

_TOTALS = dict.fromkeys(FIELDS, _COUNT)
_CHANGE = {
    "current": _COUNT,
    "previous": _COUNT,
    "change": _COUNT,
    "change_percent": _nullable("number"),
}
_SITE = {"site_id": _ID, "name": {"type": "string"}, **_TOTALS}
_LIST = {
    "date": _MOMENT,
    "basis": _one_of(BASES),
    "count": {"type": "integer"},
    "limit": {"type": "integer"},
    "offset": {"type": "integer"},
}

_SCHEMAS: Schema = {
    "Error": _object({"error": {"type": "string"}, "code": {"type": "integer"}}),
    "Totals": _object(_TOTALS),
    "Change": _object(_CHANGE),
    "Site": _object(_SITE),
    "ComparedSite": _object(
        _SITE | {"previous": _COUNT, "change": _COUNT, "change_percent": _nullable("number")}
    ),
    "Device": {
        "type": "object",
        "properties": {
            **dict.fromkeys(COLUMNS, _TEXT),
            **dict.fromkeys(("device_id", "site_id", "asset_id"), _ID),
            "source": _one_of(SOURCES),
            "device_type": _one_of(TYPES),
            "billing_status": _one_of(STATUSES),
            "last_contact": _MOMENT,
            "first_seen": _DAY,
            "sources": {"type": "string", "description": "Only in the assets basis."},
        },
        "required": list(COLUMNS),
    },
    "Health": _object(
        {
            "status": _one_of(("healthy", "unhealthy")),
            "database": _one_of(("connected", "unreachable")),
            "version": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
        }
    ),
    "Today": _object(
        {
            "date": _MOMENT,
            "basis": _one_of(BASES),
            "totals": _reference("Totals"),
            "sites": {"type": "array", "items": _reference("Site")},
            "site_count": _COUNT,
            "source_dates": _DATES,
            "notices": _NOTICES,
        }
    ),
    "Comparison": _object(
        {
            "today_date": _MOMENT,
            "last_month_end_date": _MOMENT,
            "basis": _one_of(BASES),
            "today_totals": _reference("Totals"),
            "last_month_totals": _reference("Totals"),
            "changes": _map(_reference("Change")),
            "source_dates": _DATES,
            "month_end_dates": _DATES,
            "notices": _NOTICES,
        }
    ),
    "Sites": _object({"items": {"type": "array", "items": _reference("ComparedSite")}, **_LIST}),
    "Devices": _object({"items": {"type": "array", "items": _reference("Device")}, **_LIST}),
}


def _shared(basis: str) -> list[Schema]:
    return [
        _parameter("as_of", "The day to show; today unless given.", _DAY),
        _parameter("compare_to", "The day to compare with; the month-end before.", _DAY),
        _parameter("basis", "What is counted.", _one_of(BASES, default=basis)),
        _parameter("site", "Only these sites.", _ID, repeat=True),
        _parameter("type", "Only these device types.", _one_of(TYPES), repeat=True),
        _parameter(
            "status",
            "Only these billing statuses; billable and spare unless given.",
            _one_of(STATUSES),
            repeat=True,
        ),
        _parameter(
            "q",
            "Only what has this text in a name, serial number, operating system, class or site.",
            {"type": "string", "maxLength": SEARCH_LENGTH},
        ),
    ]


_PAGE = [
    _parameter(
        "limit",
        "How many rows at most.",
        {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT},
    ),
    _parameter(
        "offset",
        "How many rows to leave out first.",
        {"type": "integer", "minimum": 0, "default": 0},
    ),
]
_SOURCE = _parameter("source", "Only records of these sources.", _one_of(SOURCES), repeat=True)


def _get(summary: str, parameters: list[Schema], content: Schema, kind: str) -> Schema:
    answers: Schema = {"200": {"description": summary, "content": {kind: {"schema": content}}}}
    if parameters:
        answers["400"] = _failure("A parameter cannot be used; the error names it.")
    answers["401"] = _failure("Nobody is signed in.")
    answers["503"] = _failure("The database cannot be read.")
    return {"get": {"summary": summary, "parameters": parameters, "responses": answers}}


def _failure(about: str) -> Schema:
    content = {"application/json": {"schema": _reference("Error")}}
    return {"description": about, "content": content}


def _json(summary: str, parameters: list[Schema], schema: str) -> Schema:
    return _get(summary, parameters, _reference(schema), "application/json")


def _csv(summary: str, columns: tuple[str, ...]) -> Schema:
    about = {"type": "string", "description": "Columns: " + ", ".join(columns)}
    return _get(summary, _shared("assets"), about, "text/csv")


DOCUMENT: Schema = {
    "openapi": "3.1.0",
    "info": {
        "title": "Inventory Hub",
        "version": __version__,
        "description": "How many devices there are, at which site, and what changed.",
    },
    "paths": {
        "/api/health": _json("Process and database, and how old the data is", [], "Health"),
        "/api/openapi.json": _get("This document", [], {"type": "object"}, "application/json"),
        "/api/dashboard/today": _json("Totals of a day", _shared("records"), "Today"),
        "/api/dashboard/comparison": _json(
            "Totals of two days and their changes", _shared("records"), "Comparison"
        ),
        "/api/dashboard/sites": _json(
            "Totals of each site", [*_shared("records"), *_PAGE], "Sites"
        ),
        "/api/dashboard/devices": _json(
            "Devices of a day", [*_shared("records"), _SOURCE, *_PAGE], "Devices"
        ),
        "/export/devices.csv": _csv("Every device that matches", (*COLUMNS, "sources")),
        "/export/sites.csv": _csv("Every site that matches", SITE_COLUMNS),
    },
    "components": {"schemas": _SCHEMAS},
}
