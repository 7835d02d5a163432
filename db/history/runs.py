"""Published runs and days: which snapshot is in force on a day, the border, the kept days."""

import json
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from db.history.kept import KeptDays, PurgeMarks, month_before, month_end
from db.settings import Settings, active_settings
from db.tables import collection_runs, meta, months
from db.thresholds import in_force

END = "end"
"""The kind of the run that ends its source: it publishes an empty snapshot."""

PURGED = "purged"
"""The entry of `meta` that holds `PurgeMarks`."""

RESTATED = "restated"
"""The entry of `meta` that holds the days from which decisions restated earlier snapshots: the days
after the border at that time. Every basis has counts on them too."""

PUBLISHED = collection_runs.c.published.is_(True)

# Asked by every page, more than once by most: to put a question together takes longer than SQLite
# takes to answer it.
_NEWEST_DAY = select(func.max(collection_runs.c.business_date)).where(PUBLISHED)
_NEWEST_CLOSED = select(func.max(months.c.month)).where(months.c.closed.is_(True))
# Reopened months are in the table too.
_FIRST_CLOSED = select(func.min(months.c.month))
_PURGED = select(meta.c.value).where(meta.c.name == PURGED)
_RESTATED = select(meta.c.value).where(meta.c.name == RESTATED)
_KEPT = select(
    *(
        question.scalar_subquery()
        for question in (_NEWEST_DAY, _NEWEST_CLOSED, _FIRST_CLOSED, _PURGED)
    )
)


def _published_by(source: str | None) -> ColumnElement[bool]:
    return PUBLISHED if source is None else and_(PUBLISHED, collection_runs.c.source == source)


def newest_day(connection: Connection, source: str | None = None) -> date | None:
    """The newest published business date of one source, or of any."""
    question = _NEWEST_DAY
    if source is not None:
        question = question.where(collection_runs.c.source == source)
    day: date | None = connection.scalar(question)
    return day


def newest_by_source(connection: Connection) -> dict[str, date]:
    """Each source's newest published business date."""
    rows = connection.execute(
        select(collection_runs.c.source, func.max(collection_runs.c.business_date))
        .where(PUBLISHED)
        .group_by(collection_runs.c.source)
    )
    return {source: newest for source, newest in rows}


def published_days(connection: Connection, source: str | None = None) -> list[date]:
    """Every published business date of one source, or of any, oldest first."""
    rows = connection.scalars(
        select(collection_runs.c.business_date).where(_published_by(source)).distinct()
    )
    return sorted(rows)


def restated_days(connection: Connection) -> list[date]:
    """The days from which decisions restated earlier snapshots, oldest first."""
    text = connection.scalar(_RESTATED)
    return [date.fromisoformat(day) for day in json.loads(text)] if text else []


def counted_days(connection: Connection, source: str | None = None) -> list[date]:
    """The days that have counts of one source, or of the machines of all, oldest first: published
    days, and days from which decisions restated the snapshot before them."""
    published = published_days(connection, source)
    if not published:
        return []
    restated = (day for day in restated_days(connection) if day > published[0])
    return sorted({*published, *restated})


def runs_in_force(connection: Connection, day: date = date.max) -> dict[str, Row[Any]]:
    """Each source's run whose snapshot is in force on `day`: the newest published one up to it."""
    runs = collection_runs.c
    newest = (
        select(runs.source, func.max(runs.business_date).label("day"))
        .where(PUBLISHED, runs.business_date <= day)
        .group_by(runs.source)
        .subquery("newest")
    )
    of_newest = and_(runs.source == newest.c.source, runs.business_date == newest.c.day)
    rows = connection.execute(
        select(collection_runs).join(newest, of_newest).where(PUBLISHED).order_by(runs.source)
    )
    return {row.source: row for row in rows}


def ended_sources(connection: Connection) -> dict[str, date]:
    """The sources that an administrator ended and that were not collected since, with the day."""
    in_force = runs_in_force(connection).items()
    return {source: run.business_date for source, run in in_force if run.kind == END}


def border(connection: Connection) -> date | None:
    """The last day of the newest closed month; None while no month is closed. Nothing on or before
    it is restated."""
    month = connection.scalar(_NEWEST_CLOSED)
    return month_end(month) if month else None


def purge_marks(connection: Connection) -> PurgeMarks | None:
    """How far retention has purged; None if it has purged nothing yet."""
    return _marks(connection.scalar(_PURGED))


def _marks(text: str | None) -> PurgeMarks | None:
    if text is None:
        return None
    days_before, months_before = json.loads(text)
    return PurgeMarks(date.fromisoformat(days_before), months_before)


def kept_days(connection: Connection, settings: Settings | None = None) -> KeptDays | None:
    """The kept days as of the newest published day; None before the first snapshot."""
    today, closed, reopened, purged = connection.execute(_KEPT).one()
    if today is None:
        return None
    closed_until = month_end(closed) if closed else None
    if closed_until is None and reopened:
        # All closed months were reopened: the days from which they will be closed again must stay.
        closed_until = month_end(month_before(reopened))
    thresholds = in_force(connection, active_settings(settings).thresholds)
    return KeptDays.from_thresholds(today, closed_until, thresholds, _marks(purged))


def unpurged_days(connection: Connection) -> KeptDays | None:
    """The days whose state is stored, whatever the settings say now: those that retention has not
    purged. None before the first snapshot."""
    today, purged = newest_day(connection), purge_marks(connection)
    if today is None:
        return None
    return KeptDays(today, days=36500, months=1200 if purged else 0, purged=purged)
