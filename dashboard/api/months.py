"""/api/months: every month with its state, counts and closing."""

from dataclasses import asdict
from datetime import date, datetime, tzinfo
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api import parameters, schema
from dashboard.api.operation import documented
from dashboard.api.responses import json_response, number
from dashboard.api.schema import Basis, OneOf, Page, Percent, types_of, with_fields
from dashboard.base.params import COUNTED, STATUSES, only_stored, page_of
from dashboard.queries.imported_counts import Imported
from dashboard.queries.months import month_table
from dashboard.queries.months.month_table import (
    CLOSED,
    IMPORTED,
    OPEN,
    RUNNING,
    Closing,
    MonthRow,
)
from dashboard.queries.months.snapshots import MonthSource
from dashboard.web.context import Context


@with_fields(types_of(MonthSource))
class SourceEnd(BaseModel):
    """The snapshot of a source in force at the month's end."""


class MonthClosing(BaseModel):
    """The closing in force. `members`: how many records it holds, null for whoever sees only some
    sites; `hash`: of all of them."""

    closing_id: int
    closed_at: datetime
    author: str
    rule_version: int
    members: int | None
    hash: str


class Hindrance(BaseModel):
    """Why a month does not close by itself; `final`: nor by hand."""

    code: str
    message: str
    final: bool


class ImportedCounts(BaseModel):
    """How many devices of a month's counts are from a file: there is no list of them."""

    billable_devices: int
    spare_devices: int
    excluded_devices: int
    total_devices: int


class Month(BaseModel):
    """A month. The counts are null where nothing is known; `imported` names the bases whose counts
    are from a file, `imported_counts` says how many of the devices these are."""

    month: schema.Month
    state: Annotated[str, OneOf((RUNNING, OPEN, CLOSED, IMPORTED))]
    billable_devices: int | None
    spare_devices: int | None
    excluded_devices: int | None
    total_devices: int | None
    previous: int | None
    change: int | None
    change_percent: Percent
    sources: dict[str, SourceEnd]
    imported: list[str]
    imported_counts: dict[str, ImportedCounts]
    closing: MonthClosing | None
    hindrances: list[Hindrance]
    can_close: bool
    can_reopen: bool


class Months(Page):
    """Months, the newest first."""

    as_of: date | None
    basis: Basis
    items: list[Month]


def blueprint(context: Context) -> Blueprint:
    """The route /api/months."""
    routes = Blueprint("months", __name__, url_prefix="/api")

    @routes.get("/months")
    @documented(
        "Months, the newest first: open or closed, and what they count",
        Months,
        [*parameters.filters("/api/months", stored=True), *parameters.PAGE],
    )
    def month_list() -> Response:
        filters = context.filters(request.args, request.path, extra=("limit", "offset"))
        only_stored(filters)
        limit, offset = page_of(request.args)
        with context.view(filters, own_sites=True) as v:
            rows = month_table.month_rows(v.connection, v.moment, filters)
        items = [as_json(row, context.zone) for row in rows[offset : offset + limit]]
        day = v.moment.now.day
        return json_response(
            {
                "as_of": day.isoformat() if day else None,
                "basis": filters.basis,
                "items": items,
                "count": len(rows),
                "limit": limit,
                "offset": offset,
            }
        )

    return routes


def as_json(row: MonthRow, zone: tzinfo) -> dict[str, Any]:
    """A month: instants with their offset, dates as ISO text, None where nothing is known."""
    figure = row.figure
    return {
        "month": row.month,
        "state": row.state,
        "billable_devices": row.billable,
        "spare_devices": row.spare,
        "excluded_devices": row.excluded,
        "total_devices": row.total,
        "previous": figure.previous,
        "change": figure.change,
        "change_percent": number(figure.percent),
        "sources": {source: _snapshot(hindrance, zone) for source, hindrance in row.dates.items()},
        "imported": list(row.imported),
        "imported_counts": imported_as_json(row.imported),
        "closing": _closing(row.closing, zone) if row.closing else None,
        "hindrances": [
            {"code": hindrance.code, "message": str(hindrance), "final": hindrance.final}
            for hindrance in row.hindrances
        ],
        "can_close": row.can_close,
        "can_reopen": row.can_reopen,
    }


def imported_as_json(imported: Imported) -> dict[str, dict[str, int]]:
    """By source how many devices are from a file; total without excluded, as everywhere."""
    return {
        source: {
            **{f"{status}_devices": counts[status] for status in STATUSES},
            "total_devices": sum(counts[status] for status in COUNTED),
        }
        for source, counts in imported.items()
    }


def _snapshot(snapshot: MonthSource, zone: tzinfo) -> dict[str, Any]:
    finished = snapshot.finished_at.astimezone(zone).isoformat() if snapshot.finished_at else None
    return asdict(snapshot) | {"date": snapshot.date.isoformat(), "finished_at": finished}


def _closing(closing: Closing, zone: tzinfo) -> dict[str, Any]:
    return {
        "closing_id": closing.closing_id,
        "closed_at": closing.closed_at.astimezone(zone).isoformat(),
        "author": closing.author,
        "rule_version": closing.rule_version,
        "members": closing.members,
        "hash": closing.hash,
    }
