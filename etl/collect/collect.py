"""One run of one source: fetch it, read its rows, then publish or hold them."""

import logging
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial

from sqlalchemy import Engine

from db.correlation import correlated
from db.engine import reading
from db.settings import Settings, active_settings
from etl.collect import run_log
from etl.collect.gather import CollectedRows, read_rows
from etl.collect.run_lines import RunLines, recorded_lines
from etl.collect.verdict import Attempt, Outcome, publish_or_hold, record_failure
from etl.records.record import FetchStats
from etl.runtime import stopping
from etl.runtime.lease import Lease, LeaseLost
from etl.snapshots.publish import PublishRefused, check_publish_date
from etl.sources import Source, open_session
from etl.vendor.http import CollectionError, Session

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
"""Returns the present instant, with a time zone."""


_LEVELS = {run_log.SUSPICIOUS: logging.WARNING, run_log.FAILED: logging.ERROR}
"""Of the last line of a run that is not complete."""


def business_day(clock: Clock, settings: Settings | None = None) -> date:
    """The calendar date in TIMEZONE."""
    return clock().astimezone(active_settings(settings).timezone).date()


def collect(
    engine: Engine,
    lease: Lease,
    source: Source,
    day: date,
    clock: Clock,
    settings: Settings | None = None,
    on_page: Callable[[FetchStats], None] = lambda stats: None,
) -> Outcome:
    """Collect `source` for the business date `day`. Failures of the vendor end in the outcome.

    Raises:
        SettingsError: a setting is missing or wrong; no run was started.
        PublishRefused: the date cannot be published; no run was started.
        LeaseLost: another worker took the lease over; nothing was published.
    """
    with correlated():
        return _collect(engine, lease, source, day, clock, settings, on_page)


def _collect(
    engine: Engine,
    lease: Lease,
    source: Source,
    day: date,
    clock: Clock,
    settings: Settings | None,
    on_page: Callable[[FetchStats], None],
) -> Outcome:
    stats = FetchStats()
    session = open_session(source, settings, stats, engine=engine)
    with reading(engine) as connection:
        check_publish_date(connection, source.FACTS.name, day, business_day(clock, settings))
    run_id = run_log.start_run(
        engine, source.FACTS.name, day, str(active_settings(settings).timezone), clock()
    )
    attempt = Attempt(engine, lease, source, day, run_id, clock, settings, stats)
    with recorded_lines(engine, run_id, clock) as lines:
        stats.on_page = partial(_page, attempt, lines, on_page)
        lines.say(f"Collecting {source.FACTS.label} for {day}.")
        outcome = _run(attempt, session, lines)
        lines.say(str(outcome), _LEVELS.get(outcome.state, logging.INFO))
        return outcome


def _page(
    attempt: Attempt, lines: RunLines, on_page: Callable[[FetchStats], None], stats: FetchStats
) -> None:
    stopping.check()
    attempt.lease.renew()
    run_log.record_heartbeat(
        attempt.engine, attempt.run_id, attempt.clock(), stats.pages, stats.rows
    )
    lines.add(f"Page {stats.pages}: {stats.rows} rows so far.")
    on_page(stats)


def _run(attempt: Attempt, session: Session, lines: RunLines) -> Outcome:
    source, collected = attempt.source, CollectedRows()
    try:
        collected = read_rows(source, source.fetch(session))
        failure = _failure(attempt, collected)
        if failure is None:
            return publish_or_hold(attempt, collected)
    except CollectionError as error:
        failure, lines.answer = str(error), error.answer
        if error.request is not None:
            lines.say(f"The request that failed: {error.request}.", logging.ERROR)
    except KeyboardInterrupt:
        record_failure(attempt, collected, "Stopped by hand; nothing was published.")
        raise
    except (LeaseLost, PublishRefused) as error:
        record_failure(attempt, collected, str(error))
        raise
    except Exception as error:
        # A bug in one source must not stop the others, and every run must get an end.
        log.exception("collecting %s failed", source.FACTS.name)
        failure = f"Unexpected {type(error).__name__}: {error}. Please report it with the log."
    record_failure(attempt, collected, failure)
    return attempt.outcome(run_log.FAILED, collected, failure)


def _failure(attempt: Attempt, collected: CollectedRows) -> str | None:
    """Why the rows cannot be complete; None when they can."""
    label = attempt.source.FACTS.label
    if not collected.raws:
        return (
            f"{label} answered no devices at all: check that the key may read every "
            "organization. Yesterday's numbers stay in use."
        )
    if not collected.records:
        reason = collected.quarantined[0]["reason"]
        return f"None of {len(collected.raws)} rows could be read; the first: {reason}."
    with reading(attempt.engine) as connection:
        last: Mapping[str, object] = (
            run_log.last_complete_run(connection, attempt.source.FACTS.name) or {}
        )
    for name in ("organizations", "locations"):
        if last.get(name) and getattr(attempt.stats, name) == 0:
            return (
                f"{label} answered no {name}, the last run had {last[name]}: "
                "check the key's rights."
            )
    return None
