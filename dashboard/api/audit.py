"""/api/audit and /export/audit: the audit log."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api import parameters
from dashboard.api.files.tables import FORMATS, table_file
from dashboard.api.operation import documented, file_of
from dashboard.api.responses import json_response
from dashboard.api.schema import Page
from dashboard.base.params import page_of
from dashboard.base.settings_params import parse_audit
from dashboard.queries.audit import audit_log
from dashboard.queries.audit.audit_log import Entry
from dashboard.web.context import Context
from db import __version__

COLUMNS = (
    "entry_id", "at", "actor", "action", "subject", "before", "after", "detail", "undoes",
    "undone_by", "correlation_id",
)  # fmt: skip


class AuditEntry(BaseModel):
    """Who decided what. `undoes`, `undone_by`: other entries, by their id. `correlation_id`: what
    joins it with the log, the job and the run of the same request."""

    entry_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: Any
    after: Any
    detail: dict[str, Any]
    undoes: int | None
    undone_by: int | None
    correlation_id: str | None


class Audit(Page):
    """Entries of the audit log, the newest first."""

    items: list[AuditEntry]


def blueprint(context: Context) -> Blueprint:
    """The routes /api/audit and /export/audit."""
    routes = Blueprint("audit", __name__)

    summary = "Who decided what, the newest first"

    @routes.get("/api/audit")
    @documented(summary, Audit, [*parameters.AUDIT, *parameters.PAGE])
    def entries() -> Response:
        list_filters = parse_audit(request.args, context.today(), extra=("limit",))
        filters = list_filters.filters(context.zone)
        limit, offset = page_of(request.args)
        with context.reading() as connection:
            page = audit_log.page(connection, filters, limit=limit, offset=offset)
            count = audit_log.count(connection, filters)
        items = [as_json(entry, context.zone) for entry in page]
        return json_response({"items": items, "count": count, "limit": limit, "offset": offset})

    for form, media_type in FORMATS.items():
        declare = documented(summary, file_of(media_type, COLUMNS), parameters.AUDIT)
        view = declare(partial(_file, context, form))
        routes.add_url_rule(f"/export/audit.{form}", f"audit_{form}", view)
    return routes


def as_json(entry: Entry, zone: tzinfo) -> dict[str, Any]:
    """An entry with `COLUMNS`: `before` and `after` apart from the rest of the detail."""
    rest = {name: value for name, value in entry.detail.items() if name not in ("before", "after")}
    return {
        "entry_id": entry.entry_id,
        "at": entry.at.astimezone(zone).isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "before": entry.detail.get("before"),
        "after": entry.detail.get("after"),
        "detail": rest,
        "undoes": entry.undoes,
        "undone_by": entry.undone_by,
        "correlation_id": entry.correlation_id,
    }


def _file(context: Context, form: str) -> Response:
    filters, now = parse_audit(request.args, context.today()), context.now()
    with context.reading() as connection:
        entries = audit_log.stream(connection, filters.filters(context.zone))
        about = [
            ("Made by", f"Inventory Hub {__version__}"),
            ("As of", now.isoformat(timespec="seconds")),
            ("Who", "; ".join(filters.actors) or "everybody"),
            ("What", "; ".join(filters.actions) or "everything"),
            ("Search", filters.text or "none"),
            ("From", str(filters.first or "the first")),
            ("To", str(filters.last or "the last")),
        ]
        rows = _rows(entries, context.zone)
        return table_file(f"audit-{now:%Y-%m-%d-%H%M}", COLUMNS, rows, about, form)


def _rows(parts: Iterator[list[Entry]], zone: tzinfo) -> Iterator[list[Sequence[Any]]]:
    for part in parts:
        yield [_cells(as_json(entry, zone)) for entry in part]


def _cells(item: dict[str, Any]) -> list[Any]:
    return [
        json.dumps(value, ensure_ascii=False, sort_keys=True)
        if isinstance(value, dict | list)
        else value
        for value in item.values()
    ]
