"""/api/dashboard/changes: the bars between two days, and the devices in them."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api import parameters
from dashboard.api.operation import documented
from dashboard.api.responses import json_response, midnight, midnights
from dashboard.api.schema import Basis, Dates, Device, OneOf, Page, types_of, with_fields
from dashboard.base.params import BARS, page_of, parse_sort
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes import change_list, change_rows
from dashboard.queries.changes.change_list import BY_BAR, SORTS
from dashboard.web.context import Context


@with_fields(
    {name: kind for name, kind in types_of(Device).items() if name in change_rows.COMPARED}
)
class State(BaseModel):
    """What a device was on one of the two days."""


class ChangedDevice(Device):
    """A device as it is now (one that is gone: as it was), its bar, and what changed when."""

    bar: Annotated[str, OneOf(BARS)] | None
    changed_on: date | None
    reasons: list[str]
    before: State | None
    after: State | None


@with_fields(dict.fromkeys(BARS, int | None))
class Bars(BaseModel):
    """How many devices are in each bar."""


class Changes(Page):
    """The bars that lead from `opening` to `closing`, and the devices in them."""

    date: datetime | None
    compare_date: datetime | None
    basis: Basis
    opening: int | None
    bars: Bars
    closing: int | None
    items: list[ChangedDevice]
    source_dates: Dates
    compare_source_dates: Dates
    notices: list[str]


def blueprint(context: Context) -> Blueprint:
    """The route /api/dashboard/changes."""
    routes = Blueprint("changes_api", __name__, url_prefix="/api/dashboard")

    @routes.get("/changes")
    @documented(
        "Why a number moved: bars that add up, and the devices in them",
        Changes,
        [
            *parameters.filters("/api/dashboard/changes"),
            parameters.SOURCE,
            parameters.CHANGE,
            *parameters.PAGE,
            parameters.sort(SORTS),
        ],
    )
    def bars_and_items() -> Response:
        extra = ("change", "source", "sort", "limit", "offset")
        filters = context.filters(request.args, request.path, extra=extra)
        limit, offset = page_of(request.args)
        sort = parse_sort(request.args, SORTS, BY_BAR)
        with context.view(filters, own_sites=True) as v:
            question = (v.connection, v.moment, filters)
            counted = changes.bars(*question)
            items = change_list.page(*question, sort=sort, limit=limit, offset=offset)
            count = change_list.count(*question, counted)
            rows = change_rows.rows(v.connection, v.moment, filters.basis, items)
        bars = asdict(counted)
        opening, closing = bars.pop("opening"), bars.pop("closing")
        return json_response(
            {
                "date": midnight(v.moment.now.day, context.zone),
                "compare_date": midnight(v.moment.then.day, context.zone),
                "basis": filters.basis,
                "opening": opening,
                "bars": bars,
                "closing": closing,
                "items": rows,
                "count": count,
                "limit": limit,
                "offset": offset,
                "source_dates": midnights(v.moment.now.dates(filters.basis), context.zone),
                "compare_source_dates": midnights(v.moment.then.dates(filters.basis), context.zone),
                "notices": [str(notice) for notice in v.moment.notices],
            }
        )

    return routes
