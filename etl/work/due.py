"""When a source is due: from its time of day on, until it has a complete run for that business
date, so that no day is missed while the machine sleeps."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from db.history.kept import month_end, month_of
from db.settings import Settings, active_settings
from db.sources import registered_sources, source_names
from etl.collect.run_log import Attempts

MONTH_END_AT = time(23, 5)
"""On a month's last day every source is collected once more at this time, for the month-end."""

FIRST_RETRY = timedelta(minutes=5)
MAX_RETRY = timedelta(hours=1)
DEFAULT_AT = time(4, 0)
"""Of a source that COLLECT_AT, when it is set, does not name."""


def collect_times(settings: Settings | None = None) -> dict[str, time]:
    """The time of day, in TIMEZONE, at which each registered source is collected."""
    times = active_settings(settings).collect_at
    if times is None:
        return {source.name: source.collect_at for source in registered_sources()}
    return {**dict.fromkeys(source_names(), DEFAULT_AT), **times}


@dataclass(frozen=True)
class Due:
    """A collection that is due since the instant `since`, for the business date `day` or, if it is
    late, a later one."""

    since: datetime
    day: date
    again: bool = False
    """Whether a run counts only if it started at `since` or later: a month's last collection."""


def last_due(now: datetime, at: time, zone: tzinfo) -> Due:
    """The latest collection that became due on or before `now`, of a source collected at `at`.

    A time skipped by a change of the clocks is due when it would have come; one that comes twice
    is due the first time.
    """
    today = now.astimezone(zone).date()
    dues = [due for back in range(3) for due in _dues(today - timedelta(days=back), at, zone)]
    return max((due for due in dues if due.since <= now), key=lambda due: due.since)


def is_due(now: datetime, attempts: Attempts) -> bool:
    """Whether to collect now what is due."""
    if attempts.succeeded:
        return False
    if not attempts.failures or attempts.last_failure is None:
        return True
    wait = FIRST_RETRY * int(2 ** min(attempts.failures - 1, 10))
    return now >= attempts.last_failure + min(wait, MAX_RETRY)


def _dues(day: date, at: time, zone: tzinfo) -> list[Due]:
    """When a source is due on `day`: at its time, and on a month's last day in the last hour."""
    last = day == month_end(month_of(day))
    times = {at, MONTH_END_AT} if last and at < MONTH_END_AT else {at}
    instants = {when: _instant(day, when, zone) for when in times}
    return [
        Due(instant, instant.astimezone(zone).date(), again=last and when >= MONTH_END_AT)
        for when, instant in instants.items()
    ]


def _instant(day: date, at: time, zone: tzinfo) -> datetime:
    instant = datetime.combine(day, at, zone).astimezone(UTC)
    if instant.astimezone(zone).date() != day:
        # The clocks skip the end of this day; an hour earlier still belongs to it.
        instant = datetime.combine(day, at.replace(fold=1), zone).astimezone(UTC)
    return instant
