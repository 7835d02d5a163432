"""/api/health: process and database. Old data is reported, and is not unhealthy."""

from datetime import datetime
from typing import Literal

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api.operation import documented
from dashboard.api.responses import json_response, midnight
from dashboard.base.params import allow_only
from dashboard.queries.freshness import freshness
from dashboard.web.context import Context
from db import __version__, migrate
from db.engine import DatabaseError


class SourceAge(BaseModel):
    """The newest business day of a source, and when its collection was complete."""

    date: datetime | None
    complete_at: datetime | None
    stale: bool


class Health(BaseModel):
    """Process and database, and how old the data of each source is. `ready`: whether the database
    has this version's tables too, so that every page can be shown."""

    status: Literal["healthy"]
    ready: bool
    database: Literal["connected"]
    data: Literal["fresh", "stale", "missing"]
    sources: dict[str, SourceAge]
    version: str
    timestamp: datetime


def blueprint(context: Context) -> Blueprint:
    """The route /api/health."""
    routes = Blueprint("health", __name__, url_prefix="/api")

    @routes.get("/health")
    @documented("Process and database, and how old the data is", Health)
    def health() -> Response:
        allow_only(request.args, ())
        now = context.clock().astimezone(context.zone)
        about = {"version": __version__, "timestamp": now.isoformat()}
        try:
            with context.reading(own_sites=True) as connection:
                fresh = freshness(connection, now)
                ready = migrate.is_current(connection)
        except DatabaseError:
            # Anybody may ask: what is wrong with the database is for the log and the doctor.
            message = "The database cannot be read. Run `inventory-hub doctor` to see why."
            broken = {"status": "unhealthy", "ready": False, "database": "unreachable"}
            broken["error"] = message
            return json_response(broken | {"code": 503} | about, 503)
        data = "missing" if fresh.newest_run is None else "stale" if fresh.stale else "fresh"
        return json_response(
            {
                "status": "healthy",
                "ready": ready,
                "database": "connected",
                "data": data,
                "sources": {
                    source: {
                        "date": midnight(day, context.zone),
                        "complete_at": fresh.complete[source].astimezone(context.zone).isoformat()
                        if source in fresh.complete
                        else None,
                        "stale": source in fresh.stale,
                    }
                    for source, day in fresh.dates.items()
                },
            }
            | about
        )

    return routes
