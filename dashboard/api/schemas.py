"""The shapes of the API's answers, for its description (JSON Schema in OpenAPI 3.1)."""

from typing import Any

from dashboard.base.params import BARS, BASES, SOURCES, STATUSES, TYPES
from dashboard.queries.changes.rows import COMPARED
from dashboard.queries.devices.history import SAID
from dashboard.queries.devices.matching import COLUMNS
from dashboard.queries.runs.attempts import STATES as STATES_OF_RUNS
from dashboard.queries.runs.attempts import Run
from dashboard.queries.totals import FIELDS

Schema = dict[str, Any]


def one_of(values: tuple[str, ...], **more: Any) -> Schema:
    return {"type": "string", "enum": list(values), **more}


def _nullable(kind: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], **more}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


DAY = {"type": "string", "format": "date"}
MONTH = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}
_MOMENT = _nullable("string", format="date-time")
_COUNT = _nullable("integer")
_TEXT = _nullable("string")
_DATES = _map({"type": "string", "format": "date-time"})
_NOTICES = {"type": "array", "items": {"type": "string"}}
ID = {"type": "string", "pattern": "^[0-9]+$"}

_TOTALS = dict.fromkeys(FIELDS, _COUNT)
_CHANGE = {
    "current": _COUNT,
    "previous": _COUNT,
    "change": _COUNT,
    "change_percent": _nullable("number"),
}
_SITE = {"site_id": {"type": "integer"}, "name": {"type": "string"}, **_TOTALS}
_LIST = {
    "date": _MOMENT,
    "basis": one_of(BASES),
    "count": {"type": "integer"},
    "limit": {"type": "integer"},
    "offset": {"type": "integer"},
}
_MONTH_COUNTS = (
    "billable_devices", "spare_devices", "excluded_devices", "total_devices", "previous", "change",
)  # fmt: skip
_RUN_COUNTS = (
    "pages", "records", "promised", "organizations", "locations", "quarantined", "added",
    "removed", "changed", "rule_version",
)  # fmt: skip

_SITE_COUNTS = (
    "total_devices", "servers", "workstations", "other_devices", "billable_devices",
    "spare_devices", "excluded_devices", "previous", "change",
)  # fmt: skip
_STRETCH = {
    "valid_from": DAY,
    "valid_to": _nullable("string", format="date", description="The first day after it; or null."),
    "days": {"type": "integer"},
    "stands": {"type": "boolean", "description": "Whether it holds on as_of."},
    "follows": one_of(("first", "on", "absent", "not kept")),
    **dict.fromkeys(SAID, _TEXT),
    "site_id": {"type": "integer"},
    "rule_version": {"type": "integer"},
    "asset_id": ID,
    "run": _nullable("object"),
    "changes": {"type": "array", "items": reference("Difference")},
}
_LINK = {
    **dict.fromkeys(("device_id", "other_device_id", "asset_id"), ID),
    **dict.fromkeys(("method", "evidence", "author"), {"type": "string"}),
    "since": DAY,
    "until": _nullable("string", format="date"),
}

_DEVICE = {
    **dict.fromkeys(COLUMNS, _TEXT),
    **dict.fromkeys(("device_id", "asset_id"), ID),
    "site_id": {"type": "integer"},
    "source": one_of(SOURCES),
    "device_type": one_of(TYPES),
    "billing_status": one_of(STATUSES),
    "last_contact": _MOMENT,
    "first_seen": DAY,
    "sources": {"type": "string", "description": "Only in the assets basis."},
}
_STATE = _object({name: _DEVICE[name] for name in COMPARED}) | {"type": ["object", "null"]}

SCHEMAS: Schema = {
    "Error": _object({"error": {"type": "string"}, "code": {"type": "integer"}}),
    "Totals": _object(_TOTALS),
    "Change": _object(_CHANGE),
    "Site": _object(_SITE),
    "ComparedSite": _object(
        _SITE | {"previous": _COUNT, "change": _COUNT, "change_percent": _nullable("number")}
    ),
    "Device": {
        "type": "object",
        "properties": _DEVICE,
        "required": list(COLUMNS),
    },
    "Health": _object(
        {
            "status": one_of(("healthy", "unhealthy")),
            "database": one_of(("connected", "unreachable")),
            "version": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time"},
        }
    ),
    "Today": _object(
        {
            "date": _MOMENT,
            "basis": one_of(BASES),
            "totals": reference("Totals"),
            "sites": {"type": "array", "items": reference("Site")},
            "site_count": _COUNT,
            "source_dates": _DATES,
            "notices": _NOTICES,
        }
    ),
    "Comparison": _object(
        {
            "today_date": _MOMENT,
            "last_month_end_date": _MOMENT,
            "basis": one_of(BASES),
            "today_totals": reference("Totals"),
            "last_month_totals": reference("Totals"),
            "changes": _map(reference("Change")),
            "source_dates": _DATES,
            "month_end_dates": _DATES,
            "notices": _NOTICES,
        }
    ),
    "Run": _object(
        dict.fromkeys(Run.__dataclass_fields__, _TEXT)
        | dict.fromkeys(_RUN_COUNTS, _COUNT)
        | dict.fromkeys(("changed_percent", "seconds"), _nullable("number"))
        | dict.fromkeys(("started_at", "heartbeat_at", "finished_at", "decided_at"), _MOMENT)
        | {
            "run_id": {"type": "integer"},
            "source": one_of(SOURCES),
            "business_date": DAY,
            "state": one_of(STATES_OF_RUNS),
            "published": {"type": "boolean"},
            "needs_administrator": _nullable("boolean"),
        }
    ),
    "Month": _object(
        {
            "month": MONTH,
            "state": one_of(("running", "open", "closed", "imported")),
            **dict.fromkeys(_MONTH_COUNTS, _COUNT),
            "change_percent": _nullable("number"),
            "sources": _map({"type": "object"}),
            "closing": _nullable("object"),
            "hindrances": {"type": "array", "items": {"type": "object"}},
            "can_close": {"type": "boolean"},
            "can_reopen": {"type": "boolean"},
        }
    ),
    "Months": _object(
        {
            "as_of": _nullable("string", format="date"),
            "basis": one_of(BASES),
            "items": {"type": "array", "items": reference("Month")},
            **{name: {"type": "integer"} for name in ("count", "limit", "offset")},
        }
    ),
    "AuditEntry": _object(
        {
            **dict.fromkeys(("actor", "action", "subject"), {"type": "string"}),
            "entry_id": {"type": "integer"},
            "at": {"type": "string", "format": "date-time"},
            "before": {},
            "after": {},
            "detail": {"type": "object"},
            **dict.fromkeys(("undoes", "undone_by"), _COUNT),
        }
    ),
    "Audit": _object(
        {
            "items": {"type": "array", "items": reference("AuditEntry")},
            **{name: {"type": "integer"} for name in ("count", "limit", "offset")},
        }
    ),
    "MonthBases": _object(
        {
            "as_of": _nullable("string", format="date"),
            "month": MONTH,
            "basis": one_of(BASES),
            "items": {"type": "array", "items": {"type": "object"}},
            "count": {"type": "integer"},
            "devices": {"type": "array", "items": {"type": "object"}},
        }
    ),
    "Runs": _object(
        {
            "items": {"type": "array", "items": reference("Run")},
            **{name: {"type": "integer"} for name in ("count", "limit", "offset")},
        }
    ),
    "ChangedDevice": {
        "type": "object",
        "properties": {
            "bar": {"enum": [*BARS, None]},
            "changed_on": _nullable("string", format="date"),
            "reasons": {"type": "array", "items": {"type": "string"}},
            **_DEVICE,
            "before": _STATE,
            "after": _STATE,
        },
        "required": ["bar", "changed_on", "reasons", *COLUMNS, "before", "after"],
    },
    "Changes": _object(
        {
            "compare_date": _MOMENT,
            "opening": _COUNT,
            "bars": _object(dict.fromkeys(BARS, _COUNT)),
            "closing": _COUNT,
            "items": {"type": "array", "items": reference("ChangedDevice")},
            "source_dates": _DATES,
            "compare_source_dates": _DATES,
            "notices": _NOTICES,
            **_LIST,
        }
    ),
    "Sites": _object({"items": {"type": "array", "items": reference("ComparedSite")}, **_LIST}),
    "SiteItem": _object(
        {
            "site_id": {"type": "integer"},
            "name": {"type": "string"},
            **dict.fromkeys(_SITE_COUNTS, _COUNT),
            "types": _map({"type": "integer"}),
            "sources": {"type": "array", "items": one_of(SOURCES)},
            "change_percent": _nullable("number"),
        }
    ),
    "SiteList": _object(
        {
            "compared_with": _MOMENT,
            "items": {"type": "array", "items": reference("SiteItem")},
            **_LIST,
        }
    ),
    "Difference": _object({"field": {"type": "string"}, "before": {}, "after": {}}),
    "Stretch": _object(_STRETCH),
    "Link": _object(_LINK),
    "History": _object(
        {
            "device_id": ID,
            "source": one_of(SOURCES),
            "source_key": {"type": "string"},
            "first_seen": DAY,
            "last_seen": _nullable("string", format="date"),
            "date": _MOMENT,
            "items": {"type": "array", "items": reference("Stretch")},
            **dict.fromkeys(("count", "limit", "offset"), {"type": "integer"}),
            "links": {"type": "array", "items": reference("Link")},
        }
    ),
    "Devices": _object({"items": {"type": "array", "items": reference("Device")}, **_LIST}),
}
