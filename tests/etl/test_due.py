"""When a source is due: every local day once, whatever the clocks do and whenever the worker
wakes."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.settings import load
from etl.collect.run_log import Attempts
from etl.work.due import FIRST_RETRY, MAX_RETRY, MONTH_END_AT, Due, collect_times, is_due, last_due
from tests.support.clocks import CLOCK_CHANGES, local_days
from tests.support.samples import some

TICK = timedelta(minutes=10)


def instants(zone: ZoneInfo, first: date, last: date) -> Iterator[datetime]:
    """Every tick of the local days from `first` to `last`."""
    instant = datetime.combine(first, time(0), zone).astimezone(UTC)
    while instant.astimezone(zone).date() <= last:
        yield instant
        instant += TICK


def collected(
    zone: ZoneInfo,
    at: time,
    first: date,
    last: date,
    awake: Callable[[datetime], bool] = lambda now: True,
) -> list[datetime]:
    """When a worker that looks at every tick at which it is awake collects; it collected before
    `first` as it should."""
    before = datetime.combine(first, time(0), zone).astimezone(UTC)
    runs = [last_due(before - TICK, at, zone).since]
    for now in instants(zone, first, last):
        if not awake(now):
            continue
        due = last_due(now, at, zone)
        counting = [run for run in runs if run >= due.since or not due.again]
        done = any(run.astimezone(zone).date() >= due.day for run in counting)
        if is_due(now, Attempts(done)):
            runs.append(now)
    return runs[1:]


def by_day(runs: list[datetime], zone: ZoneInfo) -> Counter[date]:
    return Counter(run.astimezone(zone).date() for run in runs)


@pytest.mark.parametrize("hour", some(range(24), 7))
@pytest.mark.parametrize(
    ("name", "night"), CLOCK_CHANGES, ids=[f"{z}-{d}" for z, d in CLOCK_CHANGES]
)
def test_a_worker_that_always_runs_collects_every_local_day_exactly_once(
    name: str, night: date, hour: int
) -> None:
    zone, first, last = ZoneInfo(name), night - timedelta(days=1), night + timedelta(days=1)
    at = time(hour, 30)

    found = by_day(collected(zone, at, first, last), zone)

    # A month's last day is collected once more in its last hour.
    last_days = {day for day in found if (day + timedelta(days=1)).month != day.month}
    again = last_days if at < MONTH_END_AT else set()
    assert found == {day: 1 + (day in again) for day in local_days(zone, first, last)}


@pytest.mark.parametrize(
    ("name", "night"), CLOCK_CHANGES, ids=[f"{z}-{d}" for z, d in CLOCK_CHANGES]
)
def test_a_worker_that_wakes_after_its_hour_collects_that_day_once(name: str, night: date) -> None:
    zone, first, last = ZoneInfo(name), night - timedelta(days=1), night + timedelta(days=1)
    for hour in range(14):
        office_hours = lambda now: 14 <= now.astimezone(zone).hour < 22  # noqa: E731

        found = collected(zone, time(hour), first, last, office_hours)

        assert by_day(found, zone) == dict.fromkeys(local_days(zone, first, last), 1)


def test_a_worker_that_was_off_for_days_collects_once_when_it_wakes() -> None:
    zone, first, last = ZoneInfo("America/Chicago"), date(2026, 11, 2), date(2026, 11, 9)
    wakes = datetime(2026, 11, 8, 15, tzinfo=UTC)

    runs = collected(zone, time(2), first, last, lambda now: now >= wakes)

    assert runs == [wakes, datetime(2026, 11, 9, 8, tzinfo=UTC)]


def test_a_worker_that_wakes_before_its_time_catches_up_at_once_for_that_day() -> None:
    zone = ZoneInfo("America/Chicago")
    wakes = datetime(2026, 11, 8, 7, tzinfo=UTC)  # 01:00, an hour before its time

    runs = collected(zone, time(2), date(2026, 11, 5), date(2026, 11, 9), lambda now: now >= wakes)

    assert runs == [wakes, datetime(2026, 11, 9, 8, tzinfo=UTC)]


@pytest.mark.parametrize("name", ["UTC", "America/Chicago", "Asia/Kolkata", "Pacific/Apia"])
@pytest.mark.parametrize("last", [date(2026, 1, 31), date(2026, 2, 28), date(2028, 2, 29)])
def test_the_last_day_of_a_month_is_collected_again_in_its_last_hour(name: str, last: date) -> None:
    zone = ZoneInfo(name)

    runs = collected(zone, time(2), last - timedelta(days=1), last + timedelta(days=1))

    times = [run.astimezone(zone).strftime("%d %H:%M") for run in runs]
    assert times[1:3] == [f"{last.day} 02:00", f"{last.day} 23:10"]
    assert len(runs) == 4


def test_a_time_skipped_by_the_clocks_is_due_when_it_would_have_come() -> None:
    zone = ZoneInfo("America/Chicago")

    due = last_due(datetime(2026, 3, 8, 20, tzinfo=UTC), time(2, 30), zone)

    assert due.since.astimezone(zone).strftime("%d %H:%M") == "08 03:30"


def test_a_repeated_time_is_due_the_first_time() -> None:
    zone = ZoneInfo("America/Chicago")

    due = last_due(datetime(2026, 11, 1, 20, tzinfo=UTC), time(1, 30), zone)

    assert due.since == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_a_source_is_due_from_its_exact_time_on() -> None:
    zone, since = ZoneInfo("UTC"), datetime(2026, 3, 8, 2, tzinfo=UTC)

    assert last_due(since, time(2), zone) == Due(since, date(2026, 3, 8))
    before = last_due(since - timedelta(seconds=1), time(2), zone)
    assert before == Due(since - timedelta(days=1), date(2026, 3, 7))
    assert is_due(since, Attempts()) and not is_due(since, Attempts(succeeded=True))


@pytest.mark.parametrize("at", ["02:00", "23:30"])
def test_the_last_collection_of_a_month_must_be_a_run_of_its_last_hour(at: str) -> None:
    hour = time.fromisoformat(at)
    due = last_due(datetime(2026, 3, 31, 23, 59, tzinfo=UTC), hour, ZoneInfo("UTC"))
    assert due.again and due.since.time() == max(hour, MONTH_END_AT)


def test_each_failure_doubles_the_wait_up_to_an_hour() -> None:
    failed = datetime(2026, 3, 8, 2, 3, tzinfo=UTC)
    waits = {}
    for failures in range(1, 9):
        waits[failures] = next(
            wait
            for wait in range(0, 120)
            if is_due(failed + timedelta(minutes=wait), Attempts(False, failures, failed))
        )

    assert timedelta(minutes=waits[1]) == FIRST_RETRY
    assert list(waits.values()) == [5, 10, 20, 40, 60, 60, 60, 60]
    assert timedelta(minutes=max(waits.values())) == MAX_RETRY
    assert is_due(failed + MAX_RETRY, Attempts(False, 10**6, failed)), "no overflow"


def test_the_times_are_read_from_the_setting() -> None:
    assert collect_times(load({})) == {
        "ninja": time(2), "threatlocker": time(3), "agent": time(4),
    }  # fmt: skip
    assert collect_times(load({"COLLECT_AT": " ninja = 18:45 "})) == {
        "ninja": time(18, 45), "threatlocker": time(4), "agent": time(4),
    }  # fmt: skip
