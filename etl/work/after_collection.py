"""What follows each collection: coverage findings, closing months, retention, link suggestions; and
`process`, which counts again first."""

from datetime import date, datetime

from sqlalchemy import Engine

from db.engine import writing
from db.history.runs import newest_day
from db.rules import rules_by_day
from db.settings import Settings
from etl.coverage.refresh import catch_up
from etl.decisions.unfounded_links import undo_unfounded_links
from etl.machines.suggestions import refresh_suggestions
from etl.months.close import close_due
from etl.runtime.lease import Lease
from etl.snapshots.counts import counted_bases, recount
from etl.snapshots.retention import apply_retention


def run_after_collection(
    engine: Engine, lease: Lease, now: datetime, settings: Settings | None = None
) -> tuple[list[str], int]:
    """After an upgrade undo the links whose evidence is none any more; update coverage findings,
    close the months that are due, purge, and refresh suggestions.

    The order matters: links and findings of a day are made while it may change, and closing a month
    makes days of it eligible for purging.

    Returns:
        The closed months, and the number of purged stretches.
    """
    undo_unfounded_links(engine, lease, now)
    catch_up(engine, lease, settings)
    closed = close_due(engine, lease, now, settings)
    purged = apply_retention(engine, lease, settings)
    with writing(engine) as connection:
        lease.hold(connection)
        day = newest_day(connection)
        if day is not None:
            refresh_suggestions(connection, day)
    return closed, purged


def process(
    engine: Engine,
    lease: Lease,
    now: datetime,
    settings: Settings | None = None,
    since: date = date.min,
) -> tuple[int, list[str], int]:
    """Count every day again that may change, or those from `since` on, and do what follows a
    collection. It changes no number unless something outside the product did.

    Returns:
        The number of counted days, the closed months, and the number of purged stretches.
    """
    with writing(engine) as connection:
        lease.hold(connection)
        bases = dict.fromkeys(counted_bases(connection), since)
        counted = recount(connection, bases, rules_by_day(connection))
    return counted, *run_after_collection(engine, lease, now, settings)
