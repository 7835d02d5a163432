"""What the sources do not agree on: the findings, and how the sources overlap."""

from typing import Any

from flask import Blueprint, Response, request

from dashboard.api.answers import answer, midnight
from dashboard.base.params import Filters, finding_states
from dashboard.queries.coverage import findings as coverage
from dashboard.queries.coverage import matrix as coverage_matrix
from dashboard.queries.coverage.rows import OWN
from dashboard.queries.coverage.trend import trend
from dashboard.queries.devices.matching import COLUMNS
from dashboard.web.question import Reader, page, sort_asked
from db.coverage import KINDS, STATES

FIELDS = (
    *(name for name in OWN if not name.startswith("accepted_")), "accepted",
    *("device_first_seen" if name == "first_seen" else name for name in COLUMNS),
)  # fmt: skip
EXTRA = ("kind", "state", "source")


def blueprint(reader: Reader) -> Blueprint:
    """The routes /api/coverage and /api/coverage/matrix."""
    routes = Blueprint("coverage_api", __name__, url_prefix="/api")

    @routes.get("/coverage")
    def findings() -> Response:
        filters = _asked(reader, "sort", "limit", "offset")
        limit, offset = page()
        sort = coverage.Sort(*(sort_asked(coverage.SORTS) or ()))
        with reader.asked(filters) as (connection, moment):
            items = coverage.page(
                connection, moment, filters, sort=sort, limit=limit, offset=offset
            )
            count = coverage.count(connection, moment, filters)
        return answer(
            {
                "date": midnight(moment.now.day, reader.zone),
                "items": [{name: item[name] for name in FIELDS} for item in items],
                "count": count,
                "limit": limit,
                "offset": offset,
                "notices": [str(notice) for notice in moment.notices],
            }
        )

    @routes.get("/coverage/matrix")
    def overlap() -> Response:
        filters = _asked(reader)
        with reader.asked(filters) as (connection, moment):
            counted = coverage.counts(connection, moment.now, filters)
            then = coverage.counts(connection, moment.then, filters)
            cells = coverage_matrix.matrix(connection, moment, filters, counted)
            sites = coverage_matrix.site_rows(connection, moment, counted)
            days = trend(connection, moment, filters)
        return answer(
            {
                "date": midnight(moment.now.day, reader.zone),
                "compared_with": midnight(moment.then.day, reader.zone),
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


def _asked(reader: Reader, *more: str) -> Filters:
    finding_states(request.args)
    return reader.filters(extra=(*EXTRA, *more))


def _kind(kind: str, now: coverage.Counts, then: coverage.Counts) -> dict[str, Any]:
    states = dict.fromkeys(STATES, 0)
    for (_site, name, state), n in now.items():
        if name == kind:
            states[state] += n
    return {**states, "to_do": coverage.to_do(now, kind), "previous": coverage.to_do(then, kind)}
