"""When a source is due: from its time of day on until it succeeds, so that no start is missed while
the machine sleeps."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from db.history.kept import month_end, month_of
from db.settings import COLLECT_AT, Environment, SettingsError, env, env_list
from db.sources import default_collect_at, registered_sources, source_names

MONTH_END_AT = time(23, 5)
"""On a month's last day every source is collected once more at this time, for the month-end."""

FIRST_RETRY = timedelta(minutes=5)
MAX_RETRY = timedelta(hours=1)
DEFAULT_AT = time(4, 0)
"""Of a source that COLLECT_AT, when it is set, does not name."""


def collect_times(environ: Environment | None = None) -> dict[str, time]:
    """The time of day, in TIMEZONE, at which each registered source is collected.

    Raises:
        SettingsError: COLLECT_AT is not of the form name=02:00,name=03:00.
    """
    if env(COLLECT_AT, environ) is None:
        return {source.name: source.collect_at for source in registered_sources()}
    names = source_names()
    times = {}
    for part in env_list(COLLECT_AT, environ):
        source, _, text = part.partition("=")
        try:
            times[source.strip()] = time.fromisoformat(text.strip())
        except ValueError:
            times = {}
            break
        if source.strip() not in names:
            times = {}
            break
    if not times:
        raise SettingsError(
            f"COLLECT_AT cannot be read: set it like {default_collect_at()}, "
            f"with sources of {', '.join(names)}."
        )
    return {**dict.fromkeys(names, DEFAULT_AT), **times}


def last_due_at(now: datetime, at: time, zone: tzinfo) -> datetime:
    """The latest instant on or before `now` at which a source collected at `at` became due.

    A time skipped by a change of the clocks is due when it would have come; one that comes twice
    is due the first time.
    """
    today = now.astimezone(zone).date()
    instants = [
        instant
        for back in range(3)
        for instant in _instants(today - timedelta(days=back), at, zone)
    ]
    return max(instant for instant in instants if instant <= now)


def is_due(
    now: datetime,
    due: datetime,
    last_success: datetime | None,
    failures: int,
    last_failure: datetime | None,
) -> bool:
    """Whether to collect now.

    Args:
        due: since when, as of `last_due_at`.
        last_success: start of the last complete or held run.
        failures: number of failed runs since `due`; each doubles the wait for the next attempt.
        last_failure: end of the last of them.
    """
    if last_success is not None and last_success >= due:
        return False
    if not failures or last_failure is None:
        return True
    wait = FIRST_RETRY * int(2 ** min(failures - 1, 10))
    return now >= last_failure + min(wait, MAX_RETRY)


def _instants(day: date, at: time, zone: tzinfo) -> list[datetime]:
    last = day == month_end(month_of(day))
    times = [at, MONTH_END_AT] if last and at < MONTH_END_AT else [at]
    return [_instant(day, when, zone) for when in times]


def _instant(day: date, at: time, zone: tzinfo) -> datetime:
    instant = datetime.combine(day, at, zone).astimezone(UTC)
    if instant.astimezone(zone).date() != day:
        # The clocks skip the end of this day; an hour earlier still belongs to it.
        instant = datetime.combine(day, at.replace(fold=1), zone).astimezone(UTC)
    return instant
