"""What follows each collection: findings of coverage are made, months that may close do, what no
kept day needs goes, and what may be the same is looked for."""

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


def settle(
    engine: Engine, lease: Lease, now: datetime, environ: Environment | None = None
) -> tuple[list[str], int]:
    """Find what coverage misses, close what closes by itself, then purge; the closed months, and
    how many stretches went.

    In this order: findings of a day are made while it may change, and a month is closed from days
    that its closing lets go.
    """
    catch_up(engine, lease, environ)
    closed, purged = close_due(engine, lease, now, environ), apply_retention(engine, lease, environ)
    with writing(engine) as connection:
        lease.hold(connection)
        day = newest_day(connection)
        if day is not None:
            refresh_suggestions(connection, day)
    return closed, purged
