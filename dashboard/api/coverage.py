"""What the sources do not agree on: the findings, and how the sources overlap."""

from typing import Any

from flask import Blueprint, Response, request

from dashboard.api.answers import answer, midnight
from dashboard.base.params import Filters, finding_states, page_of, parse_sort
from dashboard.queries.coverage import findings as coverage
from dashboard.queries.coverage import matrix as coverage_matrix
from dashboard.queries.coverage.rows import OWN
from dashboard.queries.coverage.trend import trend
from dashboard.queries.devices.matching import COLUMNS
from dashboard.web.context import Context
from db.coverage import KINDS, STATES

FIELDS = (
    *(name for name in OWN if not name.startswith("accepted_")), "accepted",
    *("device_first_seen" if name == "first_seen" else name for name in COLUMNS),
)  # fmt: skip
EXTRA = ("kind", "state", "source")


def blueprint(context: Context) -> Blueprint:
    """The routes /api/coverage and /api/coverage/matrix."""
    routes = Blueprint("coverage_api", __name__, url_prefix="/api")

    @routes.get("/coverage")
    def findings() -> Response:
        filters = _asked(context, "sort", "limit", "offset")
        limit, offset = page_of(request.args)
        sort = coverage.Sort(*(parse_sort(request.args, coverage.SORTS) or ()))
        with context.view(filters) as v:
            items = coverage.page(
                v.connection, v.moment, filters, sort=sort, limit=limit, offset=offset
            )
            count = coverage.count(v.connection, v.moment, filters)
        return answer(
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
    def overlap() -> Response:
        filters = _asked(context)
        with context.view(filters) as v:
            counted = coverage.counts(v.connection, v.moment.now, filters)
            then = coverage.counts(v.connection, v.moment.then, filters)
            cells = coverage_matrix.matrix(v.connection, v.moment, filters, counted)
            sites = coverage_matrix.site_rows(v.connection, v.moment, counted)
            days = trend(v.connection, v.moment, filters)
        return answer(
            {
                "date": midnight(v.moment.now.day, context.zone),
                "compared_with": midnight(v.moment.then.day, context.zone),
                "kinds": {kind: _kind(kind, counted, then) for kind in KINDS},
                "matrix": [
                    {"source": cell.source, "other": cell.other, "machines": cell.machines,
                     "both": cell.both, "kind": cell.kind, "missing": cell.missing}
                    for cell in cells
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


def _asked(context: Context, *more: str) -> Filters:
    finding_states(request.args)
    return context.filters(request.args, extra=(*EXTRA, *more))


def _kind(kind: str, now: coverage.Counts, then: coverage.Counts) -> dict[str, Any]:
    states = dict.fromkeys(STATES, 0)
    for (_site, name, state), n in now.items():
        if name == kind:
            states[state] += n
    return {**states, "to_do": coverage.to_do(now, kind), "previous": coverage.to_do(then, kind)}
