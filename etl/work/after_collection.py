"""What follows each collection: coverage findings, closing months, retention, link suggestions."""

from datetime import datetime

from sqlalchemy import Engine

from db.engine import writing
from db.history.runs import newest_day
from db.settings import Environment
from etl.coverage.refresh import catch_up
from etl.machines.suggestions import refresh_suggestions
from etl.months.close import close_due
from etl.runtime.lease import Lease
from etl.snapshots.retention import apply_retention


def run_after_collection(
    engine: Engine, lease: Lease, now: datetime, environ: Environment | None = None
) -> tuple[list[str], int]:
    """Update coverage findings, close the months that are due, purge, and refresh suggestions.

    The order matters: findings of a day are made while it may change, and closing a month makes
    days of it eligible for purging.

    Returns:
        The closed months, and the number of purged stretches.
    """
    catch_up(engine, lease, environ)
    closed, purged = close_due(engine, lease, now, environ), apply_retention(engine, lease, environ)
    with writing(engine) as connection:
        lease.hold(connection)
        day = newest_day(connection)
        if day is not None:
            refresh_suggestions(connection, day)
    return closed, purged
