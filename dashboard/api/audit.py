"""The audit log for other programs, and as a file."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api import parameters
from dashboard.api.answers import answer
from dashboard.api.files.tables import FORMATS, table_file
from dashboard.api.operation import documented, file_of
from dashboard.api.schema import Page
from dashboard.base.params import page_of
from dashboard.base.settings_params import parse_audit
from dashboard.queries.audit import audit_log
from dashboard.queries.audit.audit_log import Entry
from dashboard.web.context import Context
from db import __version__

COLUMNS = (
    "entry_id", "at", "actor", "action", "subject", "before", "after", "detail", "undoes",
    "undone_by",
)  # fmt: skip


class AuditEntry(BaseModel):
    """Who decided what. `undoes`, `undone_by`: other entries, by their id."""

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
        shown = parse_audit(request.args, context.today(), extra=("limit",))
        filters = shown.filters(context.zone)
        limit, offset = page_of(request.args)
        with context.reading() as connection:
            found = audit_log.page(connection, filters, limit=limit, offset=offset)
            count = audit_log.count(connection, filters)
        items = [as_json(one, context.zone) for one in found]
        return answer({"items": items, "count": count, "limit": limit, "offset": offset})

    for form, media_type in FORMATS.items():
        declare = documented(summary, file_of(media_type, COLUMNS), parameters.AUDIT)
        view = declare(partial(_file, context, form))
        routes.add_url_rule(f"/export/audit.{form}", f"audit_{form}", view)
    return routes


def as_json(one: Entry, zone: tzinfo) -> dict[str, Any]:
    """An entry with `COLUMNS`: `before` and `after` apart from what else was written down."""
    rest = {name: value for name, value in one.detail.items() if name not in ("before", "after")}
    return {
        "entry_id": one.entry_id,
        "at": one.at.astimezone(zone).isoformat(),
        "actor": one.actor,
        "action": one.action,
        "subject": one.subject,
        "before": one.detail.get("before"),
        "after": one.detail.get("after"),
        "detail": rest,
        "undoes": one.undoes,
        "undone_by": one.undone_by,
    }


def _file(context: Context, form: str) -> Response:
    shown, now = parse_audit(request.args, context.today()), context.now()
    with context.reading() as connection:
        found = audit_log.stream(connection, shown.filters(context.zone))
        about = [
            ("Made by", f"Inventory Hub {__version__}"),
            ("As of", now.isoformat(timespec="seconds")),
            ("Who", "; ".join(shown.actors) or "everybody"),
            ("What", "; ".join(shown.actions) or "everything"),
            ("Search", shown.text or "none"),
            ("From", str(shown.first or "the first")),
            ("To", str(shown.last or "the last")),
        ]
        rows = _rows(found, context.zone)
        return table_file(f"audit-{now:%Y-%m-%d-%H%M}", COLUMNS, rows, about, form)


def _rows(found: Iterator[list[Entry]], zone: tzinfo) -> Iterator[list[Sequence[Any]]]:
    for part in found:
        yield [_cells(as_json(one, zone)) for one in part]


def _cells(item: dict[str, Any]) -> list[Any]:
    return [
        json.dumps(value, ensure_ascii=False, sort_keys=True)
        if isinstance(value, dict | list)
        else value
        for value in item.values()
    ]
