"""Every attempt to collect, for other programs."""

from dataclasses import fields
from datetime import date, datetime, tzinfo
from typing import Any

from flask import Blueprint, Response, request

from dashboard.api.answers import answer
from dashboard.base import run_params
from dashboard.base.params import page_of
from dashboard.queries.runs import attempts
from dashboard.queries.runs.attempts import Run
from dashboard.web.context import Context
from db.engine import reading

FIELDS = (*(field.name for field in fields(Run)), "seconds")


def blueprint(context: Context) -> Blueprint:
    """The route /api/runs."""
    routes = Blueprint("runs", __name__, url_prefix="/api")

    @routes.get("/runs")
    def run_list() -> Response:
        asked = run_params.parse(request.args, today=context.today(), extra=("limit", "offset"))
        limit, offset = page_of(request.args)
        with reading(context.engine) as connection:
            found = attempts.page(connection, asked, limit=limit, offset=offset)
            count = attempts.count(connection, asked)
        items = [as_json(run, context.zone) for run in found]
        return answer({"items": items, "count": count, "limit": limit, "offset": offset})

    return routes


def as_json(run: Run, zone: tzinfo) -> dict[str, Any]:
    """A run with `FIELDS`: instants with their offset, dates as ISO text."""
    told: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(run, name)
        if isinstance(value, datetime):
            value = value.astimezone(zone).isoformat()
        told[name] = value.isoformat() if isinstance(value, date) else value
    return told
