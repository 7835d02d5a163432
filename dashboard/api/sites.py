"""/api/sites: the sites with their counts on both days, as the Sites page lists them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api import parameters
from dashboard.api.operation import documented
from dashboard.api.responses import json_response, midnight, number
from dashboard.api.schema import DayPage, Percent, SourceName
from dashboard.base.params import STATUSES, page_of
from dashboard.queries.sites import site_table
from dashboard.web.context import Context

TYPE_FIELDS = {"server": "servers", "workstation": "workstations"}


class SiteItem(BaseModel):
    """A site: its total = servers + workstations + others = the sum of its statuses."""

    site_id: int
    name: str
    total_devices: int | None
    servers: int | None
    workstations: int | None
    other_devices: int | None
    billable_devices: int | None
    spare_devices: int | None
    excluded_devices: int | None
    types: dict[str, int]
    sources: list[SourceName]
    previous: int | None
    change: int | None
    change_percent: Percent


class SiteList(DayPage):
    """Sites, now and on the day that they are compared with."""

    compared_with: datetime | None
    items: list[SiteItem]


def blueprint(context: Context) -> Blueprint:
    """The route /api/sites."""
    routes = Blueprint("sites_api", __name__, url_prefix="/api")

    @routes.get("/sites")
    @documented(
        "Sites, now and then, by unique machines unless another basis is asked for",
        SiteList,
        [*parameters.filters("/api/sites"), parameters.SOURCE, *parameters.PAGE],
    )
    def site_list() -> Response:
        filters = context.filters(request.args, request.path, extra=("limit", "offset", "source"))
        limit, offset = page_of(request.args)
        with context.view(filters, own_sites=True) as v:
            rows = site_table.site_rows(v.connection, v.moment, filters)
        return json_response(
            {
                "date": midnight(v.moment.now.day, context.zone),
                "compared_with": midnight(v.moment.then.day, context.zone),
                "basis": filters.basis,
                "items": [_item(site, filters.statuses) for site in rows[offset : offset + limit]],
                "count": len(rows),
                "limit": limit,
                "offset": offset,
            }
        )

    return routes


def _item(site: site_table.Site, statuses: Sequence[str]) -> dict[str, Any]:
    figure = site.figure
    by_status = {
        f"{status}_devices": site.by_status.get(status, 0) if status in statuses else 0
        for status in STATUSES
    }
    main = {field: site.by_type.get(name, 0) for name, field in TYPE_FIELDS.items()}
    return {
        "site_id": site.site_id,
        "name": site.name,
        "total_devices": figure.current,
        **main,
        "other_devices": sum(site.by_type.values()) - sum(main.values()),
        **by_status,
        "types": site.by_type,
        "sources": list(site.sources),
        "previous": figure.previous,
        "change": figure.change,
        "change_percent": number(figure.percent),
    }
