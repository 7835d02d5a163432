"""Which snapshot stands: one reader for everything that asks about published days."""

from datetime import date

from sqlalchemy import ColumnElement, Connection, and_, func, select

from db.kept import KeptDays, month_end
from db.settings import Environment
from db.tables import collection_runs, months

PUBLISHED = collection_runs.c.published.is_(True)


def _of(source: str | None) -> ColumnElement[bool]:
    return PUBLISHED if source is None else and_(PUBLISHED, collection_runs.c.source == source)


def newest_day(connection: Connection, source: str | None = None) -> date | None:
    """The newest published business date, of one source or of any."""
    day: date | None = connection.scalar(
        select(func.max(collection_runs.c.business_date)).where(_of(source))
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
    rows = connection.scalars(select(collection_runs.c.business_date).where(_of(source)).distinct())
    return sorted(rows)


def border(connection: Connection) -> date | None:
    """The last day of the newest closed month; None while no month is closed."""
    month = connection.scalar(select(func.max(months.c.month)).where(months.c.closed.is_(True)))
    return month_end(month) if month else None


def kept_days(connection: Connection, environ: Environment | None = None) -> KeptDays | None:
    """The kept days as of now; None before the first snapshot."""
    today = newest_day(connection)
    if today is None:
        return None
    return KeptDays.configured(today, border(connection), environ)
