"""/api/coverage: the findings, and how the sources overlap."""

from datetime import date, datetime
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import BaseModel, Field

from dashboard.api import parameters
from dashboard.api.operation import documented
from dashboard.api.responses import json_response, midnight
from dashboard.api.schema import DecimalId, OneOf, Page, SourceName, with_fields
from dashboard.base.params import Filters, page_of, parse_sort
from dashboard.queries.coverage import findings as coverage
from dashboard.queries.coverage import matrix as coverage_matrix
from dashboard.queries.coverage.coverage_rows import FINDING_FIELDS
from dashboard.queries.coverage.trend import trend
from dashboard.queries.devices.device_list import COLUMNS
from dashboard.web.context import Context
from db.coverage import KINDS, STATES

FIELDS = (
    *(name for name in FINDING_FIELDS if not name.startswith("accepted_")), "accepted",
    *("device_first_seen" if name == "first_seen" else name for name in COLUMNS),
)  # fmt: skip
EXTRA = ("kind", "state", "compared", "source")


Kind = Annotated[str, OneOf(KINDS)]


class Acceptance(BaseModel):
    """Who accepted a finding, why, and until when (null: for good)."""

    by: str
    reason: str
    expires: date | None
    exception_id: DecimalId


@with_fields(dict.fromkeys(FIELDS, str | None))
class Finding(BaseModel):
    """One finding, with the fields of its device."""

    kind: Kind
    state: Annotated[str, OneOf(STATES)]
    first_seen: date
    first_ever: date
    fixed_on: date | None
    age_days: int
    facts: Annotated[str, Field(description="What does not agree, in words.")]
    finding_id: DecimalId
    accepted: Acceptance | None
    device_id: DecimalId
    asset_id: DecimalId
    source: SourceName
    site_id: int
    last_contact: datetime | None
    device_first_seen: date


class Coverage(Page):
    """What the sources do not agree on, on one day."""

    date: datetime | None
    items: list[Finding]
    notices: list[str]


@with_fields(dict.fromkeys((*STATES, "to_do", "previous"), int))
class KindCounts(BaseModel):
    """Findings of one kind by state; how many ask for something now, and on the day before."""


@with_fields(dict.fromkeys(KINDS, KindCounts))
class CountsByKind(BaseModel):
    """The counts of each kind of finding."""


@with_fields(dict.fromkeys(KINDS, int))
class NumbersByKind(BaseModel):
    """How many findings there are of each kind."""


class Overlap(BaseModel):
    """How many machines of `source` are in `other` too, and of the others how many miss it (a
    finding of `kind`), and how many need not have it (`rest`)."""

    source: SourceName
    other: SourceName
    machines: int
    both: int
    kind: Kind | None
    missing: int | None
    rest: int | None


class SiteName(BaseModel):
    """A site."""

    site_id: int
    name: str


class LeftOut(BaseModel):
    """The sites at which `source` is not expected though other sources have machines there."""

    source: SourceName
    sites: list[SiteName]


class ExpectedSite(BaseModel):
    """A site with the sources that it is expected to have, and its findings."""

    site_id: int
    name: str
    expected: list[SourceName]
    kinds: NumbersByKind


class Trend(BaseModel):
    """How many findings were to do on each of `days`, by kind."""

    days: list[date]
    to_do: dict[str, list[int | None]]


class CoverageMatrix(BaseModel):
    """How the sources overlap, what is missing at each site, and how that went."""

    date: datetime | None
    compared_with: datetime | None
    kinds: CountsByKind
    matrix: list[Overlap]
    left_out: list[LeftOut]
    sites: list[ExpectedSite]
    trend: Trend


def blueprint(context: Context) -> Blueprint:
    """The routes /api/coverage and /api/coverage/matrix."""
    routes = Blueprint("coverage_api", __name__, url_prefix="/api")

    taken = [*parameters.filters("/api/coverage"), parameters.SOURCE, *parameters.FINDINGS]

    @routes.get("/coverage")
    @documented(
        "What the sources do not agree on, since when, and what became of it",
        Coverage,
        [*taken, *parameters.PAGE, parameters.sort(coverage.SORTS)],
    )
    def findings() -> Response:
        filters = _filters(context, "sort", "limit", "offset")
        limit, offset = page_of(request.args)
        sort = parse_sort(request.args, coverage.SORTS, coverage.BY_KIND)
        with context.view(filters, own_sites=True) as v:
            items = coverage.page(
                v.connection, v.moment, filters, sort=sort, limit=limit, offset=offset
            )
            count = coverage.count(v.connection, v.moment, filters)
        return json_response(
            {
                "date": midnight(v.moment.now.day, context.zone),
                "items": [{name: item[name] for name in FIELDS} for item in items],
                "count": count,
                "limit": limit,
                "offset": offset,
                "notices": [str(notice) for notice in v.moment.notices],
            }
        )

    @routes.get("/coverage/matrix")
    @documented(
        "How the sources overlap, what is missing at each site, and how that went",
        CoverageMatrix,
        taken,
    )
    def overlap() -> Response:
        filters = _filters(context)
        with context.view(filters, own_sites=True) as v:
            counted = coverage.counts(v.connection, v.moment.now, filters)
            then = coverage.counts(v.connection, v.moment.then, filters)
            cells, left_out = coverage_matrix.matrix(v.connection, v.moment, filters, counted)
            sites = coverage_matrix.site_rows(v.connection, v.moment, counted)
            days = trend(v.connection, v.moment, filters)
        return json_response(
            {
                "date": midnight(v.moment.now.day, context.zone),
                "compared_with": midnight(v.moment.then.day, context.zone),
                "kinds": {kind: _kind(kind, counted, then) for kind in KINDS},
                "matrix": [
                    {"source": cell.source, "other": cell.other, "machines": cell.machines,
                     "both": cell.both, "kind": cell.kind, "missing": cell.missing,
                     "rest": None if cell.kind is None else cell.rest}
                    for cell in cells
                ],
                "left_out": [
                    {"source": each.source, "sites": [{"site_id": site_id, "name": name}
                                                      for site_id, name in each.sites]}
                    for each in left_out
                ],
                "sites": [
                    {"site_id": row.site_id, "name": row.name, "expected": list(row.expected),
                     "kinds": {k: sum(n for (_s, name, _st), n in row.counted.items() if name == k)
                               for k in KINDS}}
                    for row in sites
                ],
                "trend": {
                    "days": [day.isoformat() for day in days.days],
                    "to_do": {kind: list(values) for kind, values in days.values.items()},
                },
            }
        )  # fmt: skip

    return routes


def _filters(context: Context, *more: str) -> Filters:
    return context.filters(request.args, request.path, extra=(*EXTRA, *more))


def _kind(kind: str, now: coverage.Counts, then: coverage.Counts) -> dict[str, Any]:
    states = dict.fromkeys(STATES, 0)
    for (_site, name, state), n in now.items():
        if name == kind:
            states[state] += n
    return {
        **states,
        "to_do": coverage.count_to_do(now, kind),
        "previous": coverage.count_to_do(then, kind),
    }
