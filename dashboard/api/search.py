"""/api/search: what the search box suggests while somebody types."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api import parameters
from dashboard.api.operation import documented
from dashboard.api.responses import json_response
from dashboard.api.schema import DecimalId
from dashboard.base.params import Sort
from dashboard.queries.devices import device_list
from dashboard.queries.names import sites_with
from dashboard.web.context import Context

MOST, MOST_SITES = 8, 3
"""How many suggestions there are at most, and of these sites, unless there are few devices."""


class SuggestedSite(BaseModel):
    """A site whose name has the text."""

    site_id: int
    name: str


class SuggestedDevice(BaseModel):
    """A machine that a search for the text lists."""

    device_id: DecimalId
    name: str
    site: str
    serial: str | None


class Suggestions(BaseModel):
    """The first sites and machines, by name; a search for the same text lists all."""

    sites: list[SuggestedSite]
    devices: list[SuggestedDevice]


def blueprint(context: Context) -> Blueprint:
    """The route /api/search."""
    routes = Blueprint("search_api", __name__, url_prefix="/api")

    @routes.get("/search")
    @documented(
        "The first sites and machines that a text finds, in every billing status, for a search box",
        Suggestions,
        parameters.filters("/api/search"),
    )
    def suggest() -> Response:
        filters = context.filters(request.args, request.path)
        if filters.q is None:
            return json_response({"sites": [], "devices": []})
        with context.view(filters, own_sites=True) as v:
            named = sites_with(v.connection, filters.q, filters.sites, MOST)
            devices = device_list.page(
                v.connection, v.moment, filters, sort=Sort("hostname"), limit=MOST
            )
        sites = named[: max(MOST_SITES, MOST - len(devices))]
        return json_response(
            {
                "sites": [{"site_id": site_id, "name": name} for site_id, name in sites],
                "devices": [_device(row) for row in devices[: MOST - len(sites)]],
            }
        )

    return routes


def _device(row: Mapping[str, Any]) -> dict[str, Any]:
    name = row["hostname"] or row["display_name"] or row["source_key"]
    return {
        "device_id": row["device_id"], "name": name, "site": row["site"], "serial": row["serial"]
    }  # fmt: skip
