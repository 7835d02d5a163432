"""What follows each collection: findings of coverage are made, months that may close do, and what
no kept day needs goes."""

from datetime import datetime

from sqlalchemy import Engine

from db.settings import Environment
from etl.coverage_after import catch_up
from etl.lease import Lease
from etl.months import close_due
from etl.retention import retain


def settle(
    engine: Engine, lease: Lease, now: datetime, environ: Environment | None = None
) -> tuple[list[str], int]:
    """Find what coverage misses, close what closes by itself, then purge; the closed months, and
    how many stretches went.

    In this order: findings of a day are made while it may change, and a month is closed from days
    that its closing lets go.
    """
    catch_up(engine, lease, environ)
    return close_due(engine, lease, now, environ), retain(engine, lease, environ)
