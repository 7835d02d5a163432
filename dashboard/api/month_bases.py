"""/api/months/<month>/bases and its files: the billing bases of a month side by side."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel
from werkzeug.exceptions import NotFound

from dashboard.api import parameters
from dashboard.api.files.about import about, imported_facts
from dashboard.api.files.tables import FORMATS, table_file
from dashboard.api.months import ImportedCounts, imported_as_json
from dashboard.api.operation import ParameterDescription, documented, file_of
from dashboard.api.responses import json_response
from dashboard.api.schema import Basis, DecimalId, Month, types_of, with_fields
from dashboard.base.params import BadParameter, Filters, given, single
from dashboard.queries.months import basis_differences, month_table
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.basis_differences import BasisComparison
from dashboard.queries.months.month_table import MonthRow
from dashboard.web.context import Context, View
from db.tables import ALL_SITES

_MORE = ("source", "managed_by")
COLUMNS = (
    "site_id", "site", "month_end", "average", "average_difference", "peak", "peak_day",
    "peak_difference", "devices_present", "present_difference", "device_days", "days",
)  # fmt: skip


class SiteBases(BaseModel):
    """What a month can be billed by at one site; site_id and site are null for all sites
    together."""

    site_id: int | None
    site: str | None
    month_end: int
    average: float
    average_difference: float
    peak: int
    peak_day: date
    peak_difference: int
    devices_present: int | None
    present_difference: int | None
    device_days: int
    days: int


@with_fields(types_of(basis_differences.CountedDevice))
class DifferingDevice(BaseModel):
    """A device that was not billable on every day of the month."""

    device_id: DecimalId


class MonthBases(BaseModel):
    """A month's billing bases; `devices` only when one site is asked for. `imported_counts`: what
    the month counts from a file besides, which no billing basis has."""

    as_of: date | None
    month: Month
    basis: Basis
    items: list[SiteBases]
    count: int
    devices: list[DifferingDevice]
    imported_counts: dict[str, ImportedCounts]


def blueprint(context: Context) -> Blueprint:
    """The routes /api/months/<month>/bases and /export/month-bases."""
    routes = Blueprint("month_bases", __name__)

    taken = [*parameters.filters("/api/months"), parameters.SOURCE, parameters.MANAGED_BY]

    @routes.get("/api/months/<month>/bases")
    @documented(
        "What a month can be billed by, site by site; of one site also the devices between",
        MonthBases,
        taken,
        missing="There is no such month.",
    )
    def month_bases(month: str) -> Response:
        filters = context.filters(request.args, request.path, extra=_MORE)
        with context.view(filters, own_sites=True) as v:
            row, comparison = _compare(v, month)
            devices = []
            if len(filters.sites) == 1:
                devices = basis_differences.differing_devices(
                    v.connection, comparison, filters.sites[0]
                )
            day = v.moment.now.day
        return json_response(
            {
                "as_of": day.isoformat() if day else None,
                "month": month,
                "basis": filters.basis,
                "items": [as_json(site, comparison) for site in comparison.bases],
                "count": len(comparison.bases),
                "devices": [
                    asdict(device) | {"device_id": str(device.device_id)} for device in devices
                ],
                "imported_counts": imported_as_json(row.imported),
            }
        )

    for form, media_type in FORMATS.items():
        declare = documented(
            "What a month can be billed by, site by site",
            file_of(media_type, COLUMNS),
            [ParameterDescription("month", "The month.", parameters.MONTH, required=True), *taken],
            missing="There is no such month.",
        )
        view = declare(partial(_file, context, form))
        routes.add_url_rule(f"/export/month-bases.{form}", f"month_bases_{form}", view)
    return routes


def as_json(site: BillingBases, comparison: BasisComparison) -> dict[str, Any]:
    """One site with `COLUMNS`; all sites together have the site_id null."""
    present = comparison.devices(site)
    return {
        "site_id": None if site.site_id == ALL_SITES else site.site_id,
        "site": None if site.site_id == ALL_SITES else site.site,
        "month_end": site.month_end,
        "average": float(site.average),
        "average_difference": float(site.average_difference),
        "peak": site.peak,
        "peak_day": site.peak_day.isoformat(),
        "peak_difference": site.peak - site.month_end,
        "devices_present": present,
        "present_difference": None if present is None else present - site.month_end,
        "device_days": site.device_days,
        "days": site.days,
    }


def _compare(v: View, month: str) -> tuple[MonthRow, BasisComparison]:
    rows = month_table.month_rows(v.connection, v.moment, v.filters)
    row = next((row for row in rows if row.month == month), None)
    if row is None:
        raise NotFound
    comparison = basis_differences.compare_bases(v.connection, v.moment, row, v.filters)
    if comparison.unkept:
        plain = Filters(basis=v.filters.basis, sites=v.filters.sites,
                        as_of=v.filters.as_of, compare_to=v.filters.compare_to)  # fmt: skip
        name = given(v.filters, plain)[0]
        message = (
            f"The days of {month} are no longer kept, and its closing stores the bases of billable "
            f"devices of all types: leave {name} out."
        )
        raise BadParameter(name, message)
    return row, comparison


def _file(context: Context, form: str) -> Response:
    month = single(request.args, "month")
    if month is None:
        raise BadParameter("month", "month is missing: name one like 2026-10.")
    filters = context.filters(request.args, request.path, extra=("month", *_MORE))
    with context.view(filters, own_sites=True) as v:
        row, comparison = _compare(v, month)
        facts = [("Month", month), *about(v, compared=False), *imported_facts([row])]
        rows: list[Sequence[Any]] = [_cells(site, comparison) for site in comparison.bases]
        name = f"month-bases-{month}-{filters.basis}-as-of-{v.moment.now.day}"
        return table_file(name, COLUMNS, [rows], facts, form)


def _cells(site: BillingBases, comparison: BasisComparison) -> list[Any]:
    values = as_json(site, comparison)
    values["site"] = values["site"] or "All sites"
    return [values[name] for name in COLUMNS]
