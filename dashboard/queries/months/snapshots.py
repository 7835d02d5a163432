"""Which snapshot of each source is in force on a day: one query for any number of days."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from dashboard.base.params import SOURCES
from db.history.runs import END, PUBLISHED
from db.history.views import ASSETS
from db.tables import collection_runs


@dataclass(frozen=True)
class MonthSource:
    """A source's snapshot in force at a month's end: its date, when that collection finished, its
    run, and whether the source had been ended."""

    date: date
    finished_at: datetime | None
    run_id: int
    ended: bool = False


class PublishedSnapshots:
    """Every published snapshot of every source."""

    def __init__(self, connection: Connection) -> None:
        runs = collection_runs.c
        rows = connection.execute(
            select(runs.source, runs.business_date, runs.finished_at, runs.run_id, runs.kind)
            .where(PUBLISHED)
            .order_by(runs.business_date)
        )
        self._by_source: dict[str, list[MonthSource]] = {source: [] for source in SOURCES}
        for source, day, finished_at, run_id, kind in rows:
            snapshot = MonthSource(day, finished_at, run_id, kind == END)
            self._by_source.setdefault(source, []).append(snapshot)

    def in_force_on(self, day: date, basis: str = ASSETS) -> dict[str, MonthSource]:
        """The snapshot in force on `day` of each source that `basis` counts and that has one."""
        in_force = {}
        for source, snapshots in self._counted_by(basis).items():
            place = bisect_right(snapshots, day, key=lambda snapshot: snapshot.date)
            if place:
                in_force[source] = snapshots[place - 1]
        return in_force

    def first_day(self, basis: str = ASSETS) -> date | None:
        """The day of the first snapshot that `basis` counts; None without any."""
        counted = self._counted_by(basis).values()
        return min((snapshots[0].date for snapshots in counted if snapshots), default=None)

    def _counted_by(self, basis: str) -> dict[str, list[MonthSource]]:
        """The snapshots of the sources that `basis` counts; assets and records count all."""
        if basis in self._by_source:
            return {basis: self._by_source[basis]}
        return self._by_source
