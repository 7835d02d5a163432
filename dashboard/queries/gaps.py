"""Days on which a source has no snapshot: what stood before goes on standing, and here is why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, func, select

from dashboard.queries.days import GAPS, source_days
from dashboard.queries.moment import LABELS, Moment
from db.runs import PUBLISHED
from db.tables import collection_runs

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Gap:
    """One day without a snapshot of a source: its state, one of `GAPS`, and the run that tells
    most of it, with its reason; neither where nothing was tried."""

    source: str
    day: date
    state: str
    reason: str | None
    run_id: int | None

    @property
    def label(self) -> str:
        """What people read for the source."""
        return LABELS.get(self.source, self.source)


def gaps(
    connection: Connection, moment: Moment, sources: Collection[str], after: date, until: date
) -> list[Gap]:
    """The gaps of `sources` after one day and up to another, by day; none before a source's first
    snapshot, and nothing is missing that is newer than the newest snapshot of any."""
    if moment.newest is None:
        return []
    runs = collection_runs.c
    begun: dict[str, date] = {
        source: day
        for source, day in connection.execute(
            select(runs.source, func.min(runs.business_date)).where(PUBLISHED).group_by(runs.source)
        )
    }
    judged = source_days(connection, after + _DAY, until, moment.newest + _DAY)
    found = [
        Gap(source, one.day, one.state, one.reason, one.run_id)
        for source in begun.keys() & set(sources)
        for one in judged[source]
        if one.state in GAPS and one.day > begun[source]
    ]
    return sorted(found, key=lambda gap: (gap.day, gap.source))
