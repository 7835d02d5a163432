"""The seed's dashboard routes: today, comparison, sites and devices, in the seed's shapes."""

from typing import Any

from flask import Blueprint, Response

from dashboard.api.answers import answer, midnight, midnights, number
from dashboard.base.params import Filters
from dashboard.queries import totals
from dashboard.queries.change import Change
from dashboard.queries.devices import matching as devices
from dashboard.queries.moment import Moment
from dashboard.queries.sites.table import names
from dashboard.web.question import Reader, page
from db.tables import NO_SITE_ID

BASIS = "records"
"""The seed counts the records of all sources, added."""

_PAGE = ("limit", "offset")


def blueprint(reader: Reader) -> Blueprint:
    """The routes under /api/dashboard."""
    routes = Blueprint("dashboard_api", __name__, url_prefix="/api/dashboard")

    @routes.get("/today")
    def today() -> Response:
        filters = reader.filters(BASIS)
        with reader.asked(filters) as (connection, moment):
            sites = totals.by_site(connection, moment, moment.now, filters)
            called = names(connection, sites)
        rows = None if sites is None else _shown(_by_name(sites, called), filters)
        return answer(
            {
                "date": midnight(moment.now.day, reader.zone),
                "basis": filters.basis,
                "totals": totals.total(None if sites is None else sites.values()),
                "sites": rows or [],
                "site_count": None if sites is None else _count(sites),
                "source_dates": midnights(moment.now.dates(filters.basis), reader.zone),
                "notices": [str(notice) for notice in moment.notices],
            }
        )

    @routes.get("/comparison")
    def comparison() -> Response:
        filters = reader.filters(BASIS)
        with reader.asked(filters) as (connection, moment):
            now = totals.by_site(connection, moment, moment.now, filters)
            then = totals.by_site(connection, moment, moment.then, filters)
        current = totals.total(None if now is None else now.values())
        previous = totals.total(None if then is None else then.values())
        return answer(
            {
                "today_date": midnight(moment.now.day, reader.zone),
                "last_month_end_date": midnight(moment.then.latest(filters.basis), reader.zone),
                "basis": filters.basis,
                "today_totals": current,
                "last_month_totals": previous,
                "changes": {
                    field: _change(Change(current[field], previous[field]))
                    for field in totals.FIELDS
                },
                "source_dates": midnights(moment.now.dates(filters.basis), reader.zone),
                "month_end_dates": midnights(moment.then.dates(filters.basis), reader.zone),
                "notices": [str(notice) for notice in moment.notices],
            }
        )

    @routes.get("/sites")
    def sites() -> Response:
        filters = reader.filters(BASIS, _PAGE)
        limit, offset = page()
        with reader.asked(filters) as (connection, moment):
            now = totals.by_site(connection, moment, moment.now, filters)
            then = totals.by_site(connection, moment, moment.then, filters)
            called = names(connection, {*(now or ()), *(then or ())})
        items = _shown(_compared(now, then, called), filters)
        return answer(_about(moment, reader, filters.basis) | _listed(items, limit, offset))

    @routes.get("/devices")
    def device_list() -> Response:
        filters = reader.filters(BASIS, (*_PAGE, "source", "managed_by"))
        limit, offset = page()
        with reader.asked(filters) as (connection, moment):
            items = devices.page(connection, moment, filters, limit=limit, offset=offset)
            count = devices.count(connection, moment, filters)
        return answer(
            _about(moment, reader, filters.basis)
            | {"items": items, "count": count, "limit": limit, "offset": offset}
        )

    return routes


def _about(moment: Moment, reader: Reader, basis: str) -> dict[str, Any]:
    return {"date": midnight(moment.now.day, reader.zone), "basis": basis}


def _change(change: Change) -> dict[str, Any]:
    return {
        "current": change.current,
        "previous": change.previous,
        "change": change.change,
        "change_percent": number(change.percent),
    }


def _by_name(sites: dict[int, totals.Totals], called: dict[int, str]) -> list[dict[str, Any]]:
    rows = [
        {"site_id": site, "name": called.get(site, str(site)), **fields}
        for site, fields in sites.items()
    ]
    return sorted(rows, key=lambda row: (row["name"].casefold(), row["site_id"]))


def _count(sites: dict[int, totals.Totals]) -> int:
    """How many sites have a counted device; devices without a site make none."""
    return sum(site != NO_SITE_ID and row["total_devices"] > 0 for site, row in sites.items())


def _shown(rows: list[dict[str, Any]], filters: Filters) -> list[dict[str, Any]]:
    """The rows that say something: a site with excluded devices alone only on request."""
    said = ["total_devices", "unique_assets", "previous"]
    if "excluded" in filters.statuses:
        said.append("excluded_devices")
    return [row for row in rows if any(row.get(field) for field in said)]


def _compared(
    now: dict[int, totals.Totals] | None,
    then: dict[int, totals.Totals] | None,
    called: dict[int, str],
) -> list[dict[str, Any]]:
    """A row a site with its totals now, and how its total changed."""
    nothing = dict.fromkeys(totals.FIELDS, 0)
    everywhere = {site: (now or {}).get(site, nothing) for site in {*(now or {}), *(then or {})}}
    rows = _by_name(everywhere, called)
    for row in rows:
        site = row["site_id"]
        previous = None if then is None else then.get(site, nothing)["total_devices"]
        current = None if now is None else row["total_devices"]
        change = Change(current, previous)
        row |= {
            "previous": previous, "change": change.change, "change_percent": number(change.percent)
        }  # fmt: skip
    return rows


def _listed(items: list[Any], limit: int, offset: int) -> dict[str, Any]:
    shown = items[offset : offset + limit]
    return {"items": shown, "count": len(items), "limit": limit, "offset": offset}
