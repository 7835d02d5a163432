"""One attempt to collect one source: fetch it whole, read it, and decide what becomes of it."""

import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime

from sqlalchemy import Engine

from db.engine import reading
from db.settings import Environment, timezone
from etl.collect import run_log
from etl.collect.gather import CollectedRows, read
from etl.collect.verdict import Attempt, Outcome, decide, finish
from etl.records.record import FetchStats
from etl.runtime import stopping
from etl.runtime.lease import Lease, Lost
from etl.snapshots.publish import PublishRefused, check_publish_date
from etl.sources import Source, open_session
from etl.vendor.http import CollectionError

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
"""Answers the present instant, with a zone."""


def business_day(clock: Clock, environ: Environment | None = None) -> date:
    """The calendar date in TIMEZONE."""
    return clock().astimezone(timezone(environ)).date()


def collect(
    engine: Engine,
    lease: Lease,
    source: Source,
    day: date,
    clock: Clock,
    environ: Environment | None = None,
    on_page: Callable[[FetchStats], None] = lambda stats: None,
) -> Outcome:
    """Collect `source` for the business date `day`. Never raises for what the vendor does.

    Raises:
        SettingsError: a setting is missing or wrong; nothing was begun.
        Refused: the date cannot be published; nothing was begun.
        Lost: another worker took the lease over; nothing was published.
    """
    stats = FetchStats()
    session = open_session(source, environ, stats, engine=engine)
    with reading(engine) as connection:
        check_publish_date(connection, source.FACTS.name, day, business_day(clock, environ))
    run_id = run_log.begin(engine, source.FACTS.name, day, str(timezone(environ)), clock())
    attempt = Attempt(engine, lease, source, day, run_id, clock, environ, stats)

    def page(seen: FetchStats) -> None:
        stopping.check()
        lease.renew()
        run_log.beat(engine, run_id, clock(), seen.pages, seen.rows)
        on_page(seen)

    stats.on_page = page
    gathered = CollectedRows()
    try:
        gathered = read(source, source.fetch(session))
        failure = _failure(attempt, gathered)
        if failure is None:
            return decide(attempt, gathered)
    except CollectionError as error:
        failure = str(error)
    except KeyboardInterrupt:
        finish(attempt, gathered, "Stopped by hand; nothing was published.")
        raise
    except (Lost, PublishRefused) as error:
        finish(attempt, gathered, str(error))
        raise
    except Exception as error:
        # One source's fault must not take the others along; and a run must say how it ended.
        log.exception("collecting %s failed", source.FACTS.name)
        failure = f"Unexpected {type(error).__name__}: {error}. Please report it with the log."
    finish(attempt, gathered, failure)
    return attempt.outcome(run_log.FAILED, gathered, failure)


def _failure(attempt: Attempt, gathered: CollectedRows) -> str | None:
    """Why what came cannot be the whole truth; None when it can."""
    label = attempt.source.FACTS.label
    if not gathered.raws:
        return (
            f"{label} answered no devices at all: check that the key may read every "
            "organization. Yesterday's numbers stand."
        )
    if not gathered.records:
        reason = gathered.quarantined[0]["reason"]
        return f"None of {len(gathered.raws)} rows could be read; the first: {reason}."
    with reading(attempt.engine) as connection:
        last: Mapping[str, object] = (
            run_log.last_complete(connection, attempt.source.FACTS.name) or {}
        )
    for name in ("organizations", "locations"):
        if last.get(name) and getattr(attempt.stats, name) == 0:
            return (
                f"{label} answered no {name}, the last run had {last[name]}: "
                "check the key's rights."
            )
    return None
