"""Which snapshot stands: one reader for everything that asks about published days."""

import json
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from db.history.kept import KeptDays, PurgeMarks, month_before, month_end
from db.settings import Environment
from db.tables import collection_runs, meta, months

END = "end"
"""The kind of the run that ended its source: it publishes that there is nothing more."""

PURGED = "purged"
"""The fact in `meta` that says what has been purged."""

RESTATED = "restated"
"""The fact in `meta` that names the days from which decisions restated what was published before:
the days after the border as it was. Every basis is counted on them too."""

PUBLISHED = collection_runs.c.published.is_(True)


def _published_by(source: str | None) -> ColumnElement[bool]:
    return PUBLISHED if source is None else and_(PUBLISHED, collection_runs.c.source == source)


def newest_day(connection: Connection, source: str | None = None) -> date | None:
    """The newest published business date, of one source or of any."""
    day: date | None = connection.scalar(
        select(func.max(collection_runs.c.business_date)).where(_published_by(source))
    )
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
    """Every published business date, of one source or of any, oldest first."""
    rows = connection.scalars(
        select(collection_runs.c.business_date).where(_published_by(source)).distinct()
    )
    return sorted(rows)


def restated_days(connection: Connection) -> list[date]:
    """The days from which decisions restated what had been published before them, oldest first."""
    text = connection.scalar(select(meta.c.value).where(meta.c.name == RESTATED))
    return [date.fromisoformat(day) for day in json.loads(text)] if text else []


def counted_days(connection: Connection, source: str | None = None) -> list[date]:
    """The days on which one source, or the machines of all, are counted, oldest first: every
    published one, and those from which decisions restated the one before."""
    published = published_days(connection, source)
    if not published:
        return []
    restated = (day for day in restated_days(connection) if day > published[0])
    return sorted({*published, *restated})


def runs_in_force(connection: Connection, day: date = date.max) -> dict[str, Row[Any]]:
    """Each source's published run that stands on `day`, all of its columns."""
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
    """The sources that an administrator ended and nobody collected since, each with the day."""
    standing = runs_in_force(connection).items()
    return {source: run.business_date for source, run in standing if run.kind == END}


def border(connection: Connection) -> date | None:
    """The last day of the newest closed month; None while no month is closed."""
    month = connection.scalar(select(func.max(months.c.month)).where(months.c.closed.is_(True)))
    return month_end(month) if month else None


def purge_marks(connection: Connection) -> PurgeMarks | None:
    """What has been purged; None while nothing has."""
    text = connection.scalar(select(meta.c.value).where(meta.c.name == PURGED))
    if text is None:
        return None
    days_before, months_before = json.loads(text)
    return PurgeMarks(date.fromisoformat(days_before), months_before)


def kept_days(connection: Connection, environ: Environment | None = None) -> KeptDays | None:
    """The kept days as of now; None before the first snapshot."""
    today = newest_day(connection)
    if today is None:
        return None
    since = border(connection)
    if since is None:
        # All closed months were reopened: what they are closed from again must stay.
        reopened = connection.scalar(select(func.min(months.c.month)))
        since = month_end(month_before(reopened)) if reopened else None
    return KeptDays.from_settings(today, since, environ, purge_marks(connection))
