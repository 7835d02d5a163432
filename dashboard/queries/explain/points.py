"""The points of a trend with their snapshots: for the drawer of a chart or a sparkline."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from dashboard.base.params import Filters
from dashboard.queries import series
from dashboard.queries.moment import Moment
from dashboard.queries.months import month_ends
from dashboard.queries.months.snapshots import MonthSource, PublishedSnapshots
from dashboard.queries.sites import site_table
from db.history.kept import month_end

MONTHS = {"months": 14, "site": site_table.TREND_POINTS}
"""Figures that are drawn month by month, and how many months each draws."""

DAYS = {"days": 65, "trend": 30}
"""Figures that are drawn day by day, and how many days each draws."""

TRENDS = (*MONTHS, *DAYS)


@dataclass(frozen=True)
class Point:
    """One bar or one turn of a line. `filters` list its devices, None where no list is kept;
    `snapshots` are those it was counted from; `imported`: how many are from a file."""

    day: date
    n: int | None
    filters: Filters | None
    snapshots: dict[str, MonthSource]
    imported: int = 0


def points(
    connection: Connection, moment: Moment, filters: Filters, figure: str
) -> tuple[Point, ...]:
    """The points that the chart or sparkline of `figure` draws, the newest first."""
    if moment.now.day is None or moment.kept is None:
        return ()
    history = PublishedSnapshots(connection)
    if figure in MONTHS:
        in_order = _by_month(connection, moment, filters, MONTHS[figure], history)
    else:
        trend = series.daily_series(
            connection, moment, filters, DAYS[figure], unbroken=figure == "days"
        )
        in_order = [
            Point(day, n, _on(filters, day, moment), history.in_force_on(day, filters.basis))
            for day, n in zip(trend.days, trend.of("total"), strict=True)
        ]
    return tuple(reversed(in_order))


def _by_month(
    connection: Connection,
    moment: Moment,
    filters: Filters,
    count: int,
    history: PublishedSnapshots,
) -> list[Point]:
    assert moment.now.day is not None
    by_month = []
    for month in month_ends.last_months(connection, moment, filters, count):
        day = min(month_end(month.month), moment.now.day)
        listing = month_ends.list_filters(month, filters, moment)
        snapshots = history.in_force_on(day, filters.basis)
        imported = sum(counts.total() for counts in month.imported.values())
        by_month.append(Point(day, month.total, listing, snapshots, imported))
    return by_month


def _on(filters: Filters, day: date, moment: Moment) -> Filters:
    return filters if day == moment.now.day else filters.having(as_of=day, compare_to=None)
