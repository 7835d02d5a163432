"""/api/runs: every attempt to collect."""

from dataclasses import fields
from datetime import date, datetime, tzinfo
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api import parameters
from dashboard.api.operation import documented
from dashboard.api.responses import json_response
from dashboard.api.schema import OneOf, Page, Percent, SourceName, types_of, with_fields
from dashboard.base.params import page_of
from dashboard.base.run_params import STATES, parse_runs
from dashboard.queries.runs import attempts
from dashboard.queries.runs.attempts import Run as Attempt
from dashboard.web.context import Context

FIELDS = (*(field.name for field in fields(Attempt)), "seconds")


@with_fields(types_of(Attempt))
class Run(BaseModel):
    """One attempt to collect; `seconds`: how long it took, null while it runs."""

    source: SourceName
    state: Annotated[str, OneOf(STATES)]
    changed_percent: Percent
    seconds: float | None


class Runs(Page):
    """Attempts to collect, the newest business day first."""

    items: list[Run]


def blueprint(context: Context) -> Blueprint:
    """The route /api/runs."""
    routes = Blueprint("runs", __name__, url_prefix="/api")

    @routes.get("/runs")
    @documented(
        "Attempts to collect, the newest day first", Runs, [*parameters.RUNS, *parameters.PAGE]
    )
    def run_list() -> Response:
        filters = parse_runs(request.args, today=context.today(), extra=("limit", "offset"))
        limit, offset = page_of(request.args)
        with context.reading(own_sites=True) as connection:
            runs = attempts.page(connection, filters, limit=limit, offset=offset)
            count = attempts.count(connection, filters)
        items = [as_json(run, context.zone) for run in runs]
        return json_response({"items": items, "count": count, "limit": limit, "offset": offset})

    return routes


def as_json(run: Attempt, zone: tzinfo) -> dict[str, Any]:
    """A run with `FIELDS`: instants with their offset, dates as ISO text."""
    values: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(run, name)
        if isinstance(value, datetime):
            value = value.astimezone(zone).isoformat()
        values[name] = value.isoformat() if isinstance(value, date) else value
    return values
