"""The API, described for programs (OpenAPI 3.1). A test compares it with the routes."""

from flask import Blueprint, Response, request

from dashboard.api import audit_openapi, coverage_openapi, machines_openapi, month_bases
from dashboard.api.answers import answer
from dashboard.api.files.exports import (
    BAR_COLUMNS,
    MONTH_COLUMNS,
    MONTH_END_COLUMNS,
    MOVER_COLUMNS,
    SITE_COLUMNS,
    SORTS,
)
from dashboard.api.files.tables import FORMATS
from dashboard.api.schemas import DAY, ID, MONTH, SCHEMAS, Schema, one_of, reference
from dashboard.base.params import (
    ALL_CHANGES,
    BARS,
    BASES,
    DEFAULT_LIMIT,
    MOST,
    SEARCH_LENGTH,
    SOURCES,
    STATUSES,
    TYPES,
    allow_only,
)
from dashboard.queries.changes import items as changes_list
from dashboard.queries.changes import rows as change_rows
from dashboard.queries.coverage import findings as coverage
from dashboard.queries.coverage import rows as coverage_rows
from dashboard.queries.devices.matching import COLUMNS
from dashboard.queries.runs.attempts import HOLDS
from dashboard.queries.runs.attempts import STATES as STATES_OF_RUNS
from dashboard.web.context import Context
from db import __version__
from db.tables.base import NAME_LENGTH


def blueprint(_context: Context) -> Blueprint:
    """The route /api/openapi.json."""
    routes = Blueprint("openapi", __name__, url_prefix="/api")

    @routes.get("/openapi.json")
    def document() -> Response:
        allow_only(request.args, ())
        return answer(DOCUMENT)

    return routes


def _parameter(name: str, about: str, schema: Schema, *, repeat: bool = False) -> Schema:
    if repeat:
        schema = {"type": "array", "items": schema}
    return {"name": name, "in": "query", "description": about, "schema": schema}


def _shared(basis: str, statuses: str = "billable and spare") -> list[Schema]:
    return [
        _parameter("as_of", "The day to show; today unless given.", DAY),
        _parameter("compare_to", "The day to compare with; the month-end before.", DAY),
        _parameter("basis", "What is counted.", one_of(BASES, default=basis)),
        _parameter("site", "Only these sites.", ID, repeat=True),
        _parameter(
            "location",
            "Only these locations, by their exact names; nothing (location=) asks for devices "
            "without one.",
            {"type": "string", "maxLength": NAME_LENGTH},
            repeat=True,
        ),
        _parameter("type", "Only these device types.", one_of(TYPES), repeat=True),
        _parameter(
            "status",
            f"Only these billing statuses; {statuses} unless given.",
            one_of(STATUSES),
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
_SOURCE = _parameter("source", "Only records of these sources.", one_of(SOURCES), repeat=True)
_MANAGED_BY = _parameter(
    "managed_by",
    "Only machines that each of these sources manages; with basis=assets alone.",
    one_of(SOURCES),
    repeat=True,
)
_CHANGE = _parameter(
    "change",
    "Only the devices in these bars; all bars unless given. With all also what changed and stands "
    "in none.",
    one_of((*BARS, ALL_CHANGES)),
    repeat=True,
)


def _stored(parameters: list[Schema]) -> list[Schema]:
    return [one for one in parameters if one["name"] not in ("q", "location")]


_RUNS = [
    _parameter("source", "Only runs of these sources.", one_of(SOURCES), repeat=True),
    _parameter(
        "state",
        "Only runs in these states, or of which this was decided.",
        one_of((*STATES_OF_RUNS, *HOLDS)),
        repeat=True,
    ),
    _parameter("from", "Only of this business day and later.", DAY),
    _parameter("to", "Only of this business day and earlier.", DAY),
    _parameter("as_of", "The same as `to`; the earlier one counts.", DAY),
]


_FINDINGS = coverage_openapi.parameters(_parameter)
_MONTH_IN_PATH = {"name": "month", "in": "path", "required": True, "schema": MONTH}
_DEVICE = {"name": "device_id", "in": "path", "required": True, "schema": ID}


def _sort(columns: tuple[str, ...]) -> Schema:
    choices = one_of(tuple(f"{sign}{column}" for column in columns for sign in ("", "-")))
    about = f"The column to sort by, with - before it downwards; default {columns[0]}."
    return _parameter("sort", about, choices)


def _get(
    summary: str, parameters: list[Schema], content: Schema, kind: str, missing: str | None = None
) -> Schema:
    answers: Schema = {"200": {"description": summary, "content": {kind: {"schema": content}}}}
    if parameters:
        answers["400"] = _failure("A parameter cannot be used; the error names it.")
    if missing is not None:
        answers["404"] = _failure(missing)
    answers["401"] = _failure("Nobody is signed in.")
    answers["503"] = _failure("The database cannot be read.")
    return {"get": {"summary": summary, "parameters": parameters, "responses": answers}}


def _failure(about: str) -> Schema:
    content = {"application/json": {"schema": reference("Error")}}
    return {"description": about, "content": content}


def _json(
    summary: str, parameters: list[Schema], schema: str, missing: str | None = None
) -> Schema:
    return _get(summary, parameters, reference(schema), "application/json", missing)


def _files(
    name: str,
    summary: str,
    columns: tuple[str, ...],
    *more: Schema,
    statuses: str = "billable and spare",
) -> Schema:
    """The paths of a table, one a format."""
    about = {"type": "string", "description": "Columns: " + ", ".join(columns)}
    shared = _shared("assets", statuses)
    shared = [*(_stored(shared) if name == "month-ends" else shared), *more]
    return {
        f"/export/{name}.{form}": _get(summary, shared, about, kind)
        for form, kind in FORMATS.items()
    }


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
            "Devices of a day",
            [*_shared("records"), _SOURCE, _MANAGED_BY, *_PAGE],
            "Devices",
        ),
        "/api/sites": _json(
            "Sites, now and then, each machine once unless another basis is asked for",
            [*_shared("assets"), _SOURCE, *_PAGE],
            "SiteList",
        ),
        "/api/devices/{device_id}/history": _json(
            "What was said of a device, newest first, and what changed",
            [_DEVICE, *_shared("assets"), *_PAGE],
            "History",
            missing="There is no such device.",
        ),
        "/api/months": _json(
            "Months, the newest first: open or closed, and what they count",
            [*_stored(_shared("assets")), *_PAGE],
            "Months",
        ),
        "/api/months/{month}/bases": _json(
            "What a month can be billed by, site by site; of one site also the devices between",
            [_MONTH_IN_PATH, *_stored(_shared("assets"))],
            "MonthBases",
            missing="There is no such month.",
        ),
        **{
            f"/export/month-bases.{form}": _get(
                "What a month can be billed by, site by site",
                [
                    _parameter("month", "The month.", MONTH) | {"required": True},
                    *_stored(_shared("assets")),
                ],
                {"type": "string", "description": "Columns: " + ", ".join(month_bases.COLUMNS)},
                kind,
                missing="There is no such month.",
            )
            for form, kind in FORMATS.items()
        },
        "/export/invoice-pack.zip": _get(
            "What an invoice for a site and month rests on: lists, changes, counts, checksums",
            [
                _parameter("site", "The site.", ID) | {"required": True},
                _parameter("month", "The month, like 2026-10.", MONTH) | {"required": True},
                _parameter("basis", "What is counted.", one_of(BASES, default="assets")),
            ],
            {"type": "string", "format": "binary"},
            "application/zip",
            missing="There is no such site.",
        ),
        "/api/runs": _json("Attempts to collect, the newest day first", [*_RUNS, *_PAGE], "Runs"),
        "/api/dashboard/changes": _json(
            "Why a number moved: bars that add up, and the devices in them",
            [
                *_shared("assets", "billable"),
                _SOURCE,
                _CHANGE,
                *_PAGE,
                _sort(changes_list.SORTS),
            ],
            "Changes",
        ),
        **_files(
            "devices",
            "Every device that matches",
            (*COLUMNS, "sources"),
            _SOURCE,
            _sort(("site", *(name for name in SORTS if name != "site"))),
        ),
        **_files(
            "changes",
            "Every device that changed",
            change_rows.columns("assets"),
            _SOURCE,
            _CHANGE,
            _sort(changes_list.SORTS),
            statuses="billable",
        ),
        **_files("bars", "Why a number moved, in bars", BAR_COLUMNS, _SOURCE, statuses="billable"),
        **_files("sites", "Every site that matches", SITE_COLUMNS, _SOURCE),
        **_files("movers", "Every site that moved, most first", MOVER_COLUMNS, _SOURCE),
        **_files(
            "month-ends", "Every month: its state, its counts, its closing", MONTH_END_COLUMNS
        ),
        **_files("months", "Month by month", MONTH_COLUMNS, _SOURCE),
        "/api/coverage": _json(
            "What the sources do not agree on, since when, and what became of it",
            [*_shared("assets"), _SOURCE, *_FINDINGS, *_PAGE, _sort(coverage.SORTS)],
            "Coverage",
        ),
        "/api/coverage/matrix": _json(
            "How the sources overlap, what is missing at each site, and how that went",
            [*_shared("assets"), _SOURCE, *_FINDINGS],
            "CoverageMatrix",
        ),
        **_files(
            "coverage",
            "Every finding that matches",
            coverage_rows.FILE_COLUMNS,
            _SOURCE,
            *_FINDINGS,
            _sort(coverage.SORTS),
        ),
        **audit_openapi.paths(_get, _parameter, _PAGE),
        **machines_openapi.paths(_PAGE),
    },
    "components": {"schemas": SCHEMAS | machines_openapi.SCHEMAS | coverage_openapi.SCHEMAS},
}
