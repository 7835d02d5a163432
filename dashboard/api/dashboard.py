"""The seed's dashboard routes: today, comparison, sites and devices, in the seed's shapes."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel

from dashboard.api import parameters
from dashboard.api.operation import documented
from dashboard.api.responses import json_response, midnight, midnights, number
from dashboard.api.schema import Basis, Dates, DayPage, Device, Percent, with_fields
from dashboard.base.change import Change as Figure
from dashboard.base.params import Filters, page_of
from dashboard.queries import totals
from dashboard.queries.devices import device_list as devices
from dashboard.queries.moment import Moment
from dashboard.queries.names import site_names
from dashboard.web.context import Context
from db.tables import NO_SITE_ID

_PAGE = ("limit", "offset")


@with_fields(dict.fromkeys(totals.FIELDS, int | None))
class Totals(BaseModel):
    """Counts of devices; null where nothing is known."""


class Site(Totals):
    """A site with its totals."""

    site_id: int
    name: str


class ComparedSite(Site):
    """A site with its totals, and how its total changed."""

    previous: int | None
    change: int | None
    change_percent: Percent


class Change(BaseModel):
    """A count on two days; null where it is not known."""

    current: int | None
    previous: int | None
    change: int | None
    change_percent: Percent


class Today(BaseModel):
    """The totals of one day. `site_count`: sites with a counted device."""

    date: datetime | None
    basis: Basis
    totals: Totals
    sites: list[Site]
    site_count: int | None
    source_dates: Dates
    notices: list[str]


class Comparison(BaseModel):
    """The totals of two days; `changes` by field of the totals."""

    today_date: datetime | None
    last_month_end_date: datetime | None
    basis: Basis
    today_totals: Totals
    last_month_totals: Totals
    changes: dict[str, Change]
    source_dates: Dates
    month_end_dates: Dates
    notices: list[str]


class Sites(DayPage):
    """The totals of each site."""

    items: list[ComparedSite]


class Devices(DayPage):
    """Devices of a day."""

    items: list[Device]


def blueprint(context: Context) -> Blueprint:
    """The routes under /api/dashboard."""
    routes = Blueprint("dashboard_api", __name__, url_prefix="/api/dashboard")

    @routes.get("/today")
    @documented("Totals of a day", Today, parameters.filters("/api/dashboard/today"))
    def today() -> Response:
        filters = context.filters(request.args, request.path)
        with context.view(filters, own_sites=True) as v:
            sites = totals.by_site(v.connection, v.moment, v.moment.now, filters)
            names = site_names(v.connection, sites)
        side, basis = v.moment.now, filters.basis
        rows = [] if sites is None else _not_empty(_by_name(sites, names), filters)
        unknown = totals.unknown_fields(side, basis)
        return json_response(
            {
                "date": midnight(v.moment.now.day, context.zone),
                "basis": filters.basis,
                "totals": totals.sum_totals(None if sites is None else sites.values(), side, basis),
                "sites": [row | unknown for row in rows],
                "site_count": None if sites is None else _count(sites),
                "source_dates": midnights(v.moment.now.dates(filters.basis), context.zone),
                "notices": [str(notice) for notice in v.moment.notices],
            }
        )

    @routes.get("/comparison")
    @documented(
        "Totals of two days and their changes",
        Comparison,
        parameters.filters("/api/dashboard/comparison"),
    )
    def comparison() -> Response:
        filters = context.filters(request.args, request.path)
        with context.view(filters, own_sites=True) as v:
            now = totals.by_site(v.connection, v.moment, v.moment.now, filters)
            then = totals.by_site(v.connection, v.moment, v.moment.then, filters)
        both, basis = v.moment, filters.basis
        current = totals.sum_totals(None if now is None else now.values(), both.now, basis)
        previous = totals.sum_totals(None if then is None else then.values(), both.then, basis)
        return json_response(
            {
                "today_date": midnight(v.moment.now.day, context.zone),
                "last_month_end_date": midnight(v.moment.then.latest(filters.basis), context.zone),
                "basis": filters.basis,
                "today_totals": current,
                "last_month_totals": previous,
                "changes": {
                    field: _change(Figure(current[field], previous[field]))
                    for field in totals.FIELDS
                },
                "source_dates": midnights(v.moment.now.dates(filters.basis), context.zone),
                "month_end_dates": midnights(v.moment.then.dates(filters.basis), context.zone),
                "notices": [str(notice) for notice in v.moment.notices],
            }
        )

    @routes.get("/sites")
    @documented(
        "Totals of each site",
        Sites,
        [*parameters.filters("/api/dashboard/sites"), *parameters.PAGE],
    )
    def sites() -> Response:
        filters = context.filters(request.args, request.path, extra=_PAGE)
        limit, offset = page_of(request.args)
        with context.view(filters, own_sites=True) as v:
            now = totals.by_site(v.connection, v.moment, v.moment.now, filters)
            then = totals.by_site(v.connection, v.moment, v.moment.then, filters)
            names = site_names(v.connection, {*(now or ()), *(then or ())})
        unknown = totals.unknown_fields(v.moment.now, filters.basis)
        items = [row | unknown for row in _not_empty(_compared(now, then, names), filters)]
        return json_response(
            _about(v.moment, context, filters.basis) | _listed(items, limit, offset)
        )

    @routes.get("/devices")
    @documented(
        "Devices of a day",
        Devices,
        [
            *parameters.filters("/api/dashboard/devices"),
            parameters.SOURCE,
            parameters.MANAGED_BY,
            *parameters.PAGE,
        ],
    )
    def device_list() -> Response:
        extra = (*_PAGE, "source", "managed_by")
        filters = context.filters(request.args, request.path, extra=extra)
        limit, offset = page_of(request.args)
        with context.view(filters, own_sites=True) as v:
            items = devices.page(v.connection, v.moment, filters, limit=limit, offset=offset)
            count = devices.count(v.connection, v.moment, filters)
        return json_response(
            _about(v.moment, context, filters.basis)
            | {"items": items, "count": count, "limit": limit, "offset": offset}
        )

    return routes


def _about(moment: Moment, context: Context, basis: str) -> dict[str, Any]:
    return {"date": midnight(moment.now.day, context.zone), "basis": basis}


def _change(change: Figure) -> dict[str, Any]:
    return {
        "current": change.current,
        "previous": change.previous,
        "change": change.change,
        "change_percent": number(change.percent),
    }


def _by_name(sites: dict[int, totals.Totals], names: dict[int, str]) -> list[dict[str, Any]]:
    rows = [
        {"site_id": site, "name": names.get(site, str(site)), **fields}
        for site, fields in sites.items()
    ]
    return sorted(rows, key=lambda row: (row["name"].casefold(), row["site_id"]))


def _count(sites: dict[int, totals.Totals]) -> int:
    """How many sites have a counted device; devices without a site make none."""
    return sum(site != NO_SITE_ID and row["total_devices"] > 0 for site, row in sites.items())


def _not_empty(rows: list[dict[str, Any]], filters: Filters) -> list[dict[str, Any]]:
    """The rows that say something: a site with excluded devices alone only on request."""
    counted = ["total_devices", "unique_assets", "previous"]
    if "excluded" in filters.statuses:
        counted.append("excluded_devices")
    return [row for row in rows if any(row.get(field) for field in counted)]


def _compared(
    now: dict[int, totals.Totals] | None,
    then: dict[int, totals.Totals] | None,
    names: dict[int, str],
) -> list[dict[str, Any]]:
    """A row a site with its totals now, and how its total changed."""
    nothing = dict.fromkeys(totals.FIELDS, 0)
    everywhere = {site: (now or {}).get(site, nothing) for site in {*(now or {}), *(then or {})}}
    rows = _by_name(everywhere, names)
    for row in rows:
        site = row["site_id"]
        previous = None if then is None else then.get(site, nothing)["total_devices"]
        current = None if now is None else row["total_devices"]
        change = Figure(current, previous)
        row |= {
            "previous": previous, "change": change.change, "change_percent": number(change.percent)
        }  # fmt: skip
    return rows


def _listed(items: list[Any], limit: int, offset: int) -> dict[str, Any]:
    page = items[offset : offset + limit]
    return {"items": page, "count": len(items), "limit": limit, "offset": offset}
