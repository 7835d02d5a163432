"""Days on which a source has no snapshot: what stood before goes on standing, and here is why."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, select

from dashboard.queries.moment import LABELS, Moment
from db.runs import published_days
from db.tables import collection_runs

MISSING = "missing"
"""The state of a day on which nothing was tried."""


@dataclass(frozen=True)
class Gap:
    """One day without a snapshot of a source: how its last attempt ended ("failed",
    "suspicious", ...), with its reason and run, or `MISSING`."""

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
    runs = collection_runs.c
    tried = connection.execute(
        select(runs.source, runs.business_date, runs.state, runs.reason, runs.run_id)
        .where(runs.source.in_(sorted(sources)), runs.business_date > after)
        .where(runs.business_date <= until, runs.state != "running")
        .order_by(runs.run_id)
    )
    last = {(row.source, row.business_date): row for row in tried}
    found = []
    for source in sources:
        published = published_days(connection, source)
        if not published:
            continue
        whole = set(published)
        for day in _days(max(after, published[0]), until):
            run = last.get((source, day))
            if day in whole or (run is None and (moment.newest is None or day > moment.newest)):
                continue
            how = (run.state, run.reason, run.run_id) if run else (MISSING, None, None)
            found.append(Gap(source, day, *how))
    return sorted(found, key=lambda gap: (gap.day, gap.source))


def _days(after: date, until: date) -> list[date]:
    return [after + timedelta(days=number) for number in range(1, (until - after).days + 1)]
