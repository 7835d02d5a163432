"""The points of a trend with their snapshots: for the drawer of a chart or a sparkline."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from dashboard.base.params import SOURCES, Filters
from dashboard.queries import series
from dashboard.queries.moment import Moment
from dashboard.queries.months import month_ends
from dashboard.queries.months.month_table import MonthSource
from dashboard.queries.sites import site_table
from db.history.kept import month_end
from db.history.runs import PUBLISHED
from db.tables import collection_runs

MONTHS = {"months": 14, "site": site_table.TREND_POINTS}
"""Figures that are drawn month by month, and how many months each draws."""

DAYS = {"days": 65, "trend": 30}
"""Figures that are drawn day by day, and how many days each draws."""

TRENDS = (*MONTHS, *DAYS)


@dataclass(frozen=True)
class Point:
    """One bar or one turn of a line. `filters` list its devices, None where no list is kept;
    `snapshots` are those it was counted from; empty for an imported count."""

    day: date
    n: int | None
    filters: Filters | None
    snapshots: dict[str, MonthSource]


def points(
    connection: Connection, moment: Moment, filters: Filters, figure: str
) -> tuple[Point, ...]:
    """The points that the chart or sparkline of `figure` draws, the newest first."""
    if moment.now.day is None or moment.kept is None:
        return ()
    history = _PublishedRuns(connection, filters)
    if figure in MONTHS:
        in_order = _by_month(connection, moment, filters, MONTHS[figure], history)
    else:
        trend = series.daily_series(
            connection, moment, filters, DAYS[figure], unbroken=figure == "days"
        )
        in_order = [
            Point(day, n, _on(filters, day, moment), history.up_to(day))
            for day, n in zip(trend.days, trend.of("total"), strict=True)
        ]
    return tuple(reversed(in_order))


def _by_month(
    connection: Connection, moment: Moment, filters: Filters, count: int, history: "_PublishedRuns"
) -> list[Point]:
    assert moment.now.day is not None
    by_month = []
    for month in month_ends.last_months(connection, moment, filters, count):
        day = min(month_end(month.month), moment.now.day)
        listing = month_ends.list_filters(month, filters, moment)
        snapshots = history.up_to(day) if month.dates else {}
        by_month.append(Point(day, month.total, listing, snapshots))
    return by_month


def _on(filters: Filters, day: date, moment: Moment) -> Filters:
    return filters if day == moment.now.day else filters.having(as_of=day, compare_to=None)


class _PublishedRuns:
    """Every published run of the sources that a basis counts."""

    def __init__(self, connection: Connection, filters: Filters) -> None:
        runs = collection_runs.c
        rows = connection.execute(
            select(runs.source, runs.business_date, runs.finished_at, runs.run_id, runs.kind)
            .where(PUBLISHED)
            .order_by(runs.business_date)
        )
        self._runs: dict[str, list[MonthSource]] = {source: [] for source in SOURCES}
        for source, day, finished_at, run_id, kind in rows:
            if filters.basis in ("assets", "records", source):
                self._runs[source].append(MonthSource(day, finished_at, run_id, kind == "end"))

    def up_to(self, day: date) -> dict[str, MonthSource]:
        """The snapshot of each source that is in force on `day`."""
        snapshots = {}
        for source, runs in self._runs.items():
            place = bisect_right(runs, day, key=lambda snapshot: snapshot.date)
            if place:
                snapshots[source] = runs[place - 1]
        return snapshots
