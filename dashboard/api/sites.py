"""The sites with their counts now and then: what the Sites page lists."""

from typing import Any

from flask import Blueprint, Response, request

from dashboard.api.answers import answer, midnight, number
from dashboard.base.params import page_of
from dashboard.queries.sites import table as sites
from dashboard.web.context import Context

TYPE_FIELDS = {"server": "servers", "workstation": "workstations"}


def blueprint(context: Context) -> Blueprint:
    """The route /api/sites."""
    routes = Blueprint("sites_api", __name__, url_prefix="/api")

    @routes.get("/sites")
    def site_list() -> Response:
        filters = context.filters(request.args, extra=("limit", "offset", "source"))
        limit, offset = page_of(request.args)
        with context.view(filters) as v:
            found = sites.table(v.connection, v.moment, filters)
        return answer(
            {
                "date": midnight(v.moment.now.day, context.zone),
                "compared_with": midnight(v.moment.then.day, context.zone),
                "basis": filters.basis,
                "items": [_item(site) for site in found[offset : offset + limit]],
                "count": len(found),
                "limit": limit,
                "offset": offset,
            }
        )

    return routes


def _item(site: sites.Site) -> dict[str, Any]:
    """A site: its total = servers + workstations + others = the sum of its statuses."""
    figure = site.figure
    main = {field: site.by_type.get(name, 0) for name, field in TYPE_FIELDS.items()}
    return {
        "site_id": site.site_id,
        "name": site.name,
        "total_devices": figure.current,
        **main,
        "other_devices": sum(site.by_type.values()) - sum(main.values()),
        "billable_devices": site.by_status.get("billable", 0),
        "spare_devices": site.by_status.get("spare", 0),
        "excluded_devices": site.by_status.get("excluded", 0),
        "types": site.by_type,
        "sources": list(site.sources),
        "previous": figure.previous,
        "change": figure.change,
        "change_percent": number(figure.percent),
    }
