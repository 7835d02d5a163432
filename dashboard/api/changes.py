"""Why the number moved: the bars between two days, and the devices behind them."""

from dataclasses import asdict

from flask import Blueprint, Response

from dashboard.api.answers import answer, midnight, midnights
from dashboard.base.params import BILLABLE
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes import items as changes_list
from dashboard.queries.changes import rows as change_rows
from dashboard.queries.changes.items import SORTS, Sort
from dashboard.web.question import Reader, page, sort_asked


def blueprint(reader: Reader) -> Blueprint:
    """The route /api/dashboard/changes."""
    routes = Blueprint("changes_api", __name__, url_prefix="/api/dashboard")

    @routes.get("/changes")
    def bars_and_items() -> Response:
        extra = ("change", "source", "sort", "limit", "offset")
        filters = reader.filters(extra=extra, statuses=BILLABLE)
        limit, offset = page()
        sort = Sort(*(sort_asked(SORTS) or ()))
        with reader.asked(filters) as (connection, moment):
            asked = (connection, moment, filters)
            found = changes.bars(*asked)
            items = changes_list.page(*asked, sort=sort, limit=limit, offset=offset)
            count = changes_list.count(*asked, found)
            rows = change_rows.rows(connection, moment, filters.basis, items)
        bars = asdict(found)
        opening, closing = bars.pop("opening"), bars.pop("closing")
        return answer(
            {
                "date": midnight(moment.now.day, reader.zone),
                "compare_date": midnight(moment.then.day, reader.zone),
                "basis": filters.basis,
                "opening": opening,
                "bars": bars,
                "closing": closing,
                "items": rows,
                "count": count,
                "limit": limit,
                "offset": offset,
                "source_dates": midnights(moment.now.dates(filters.basis), reader.zone),
                "compare_source_dates": midnights(moment.then.dates(filters.basis), reader.zone),
                "notices": [str(notice) for notice in moment.notices],
            }
        )

    return routes
