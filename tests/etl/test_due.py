"""When a source is due: every local day once, whatever the clocks do and whenever the worker
wakes."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.settings import SettingsError
from etl.work.due import FIRST_RETRY, MAX_RETRY, MONTH_END_AT, collect_times, is_due, last_due_at
from tests.support.clocks import CLOCK_CHANGES, local_days

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
    success = last_due_at(before - TICK, at, zone)
    runs = []
    for now in instants(zone, first, last):
        if awake(now) and is_due(now, last_due_at(now, at, zone), success, 0, None):
            success = now
            runs.append(now)
    return runs


def by_day(runs: list[datetime], zone: ZoneInfo) -> Counter[date]:
    return Counter(run.astimezone(zone).date() for run in runs)


@pytest.mark.parametrize("hour", range(24))
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


def test_a_worker_that_wakes_before_its_time_catches_up_at_once_and_stays_on_time() -> None:
    zone = ZoneInfo("America/Chicago")
    wakes = datetime(2026, 11, 8, 7, tzinfo=UTC)  # 01:00, an hour before its time

    runs = collected(zone, time(2), date(2026, 11, 5), date(2026, 11, 8), lambda now: now >= wakes)

    assert runs == [wakes, datetime(2026, 11, 8, 8, tzinfo=UTC)]


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

    due = last_due_at(datetime(2026, 3, 8, 20, tzinfo=UTC), time(2, 30), zone)

    assert due.astimezone(zone).strftime("%d %H:%M") == "08 03:30"


def test_a_repeated_time_is_due_the_first_time() -> None:
    zone = ZoneInfo("America/Chicago")

    due = last_due_at(datetime(2026, 11, 1, 20, tzinfo=UTC), time(1, 30), zone)

    assert due == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_a_source_is_due_from_its_exact_time_on() -> None:
    zone, due = ZoneInfo("UTC"), datetime(2026, 3, 8, 2, tzinfo=UTC)
    second = timedelta(seconds=1)

    assert last_due_at(due, time(2), zone) == due
    assert last_due_at(due - second, time(2), zone) == due - timedelta(days=1)
    assert is_due(due, due, due - second, 0, None)
    assert not is_due(due + second, due, due, 0, None), "it has been collected at that instant"


def test_a_source_that_was_never_collected_is_due() -> None:
    now = datetime(2026, 3, 8, 12, tzinfo=UTC)

    assert is_due(now, last_due_at(now, time(2), UTC), None, 0, None)


def test_each_failure_doubles_the_wait_up_to_an_hour() -> None:
    due = datetime(2026, 3, 8, 2, tzinfo=UTC)
    failed = due + timedelta(minutes=3)
    waits = {}
    for failures in range(1, 9):
        waits[failures] = next(
            wait
            for wait in range(0, 120)
            if is_due(failed + timedelta(minutes=wait), due, None, failures, failed)
        )

    assert timedelta(minutes=waits[1]) == FIRST_RETRY
    assert list(waits.values()) == [5, 10, 20, 40, 60, 60, 60, 60]
    assert timedelta(minutes=max(waits.values())) == MAX_RETRY
    assert is_due(failed + MAX_RETRY, due, None, 10**6, failed), "no overflow"


def test_after_a_success_a_source_is_not_due_until_the_next_time() -> None:
    due = datetime(2026, 3, 8, 2, tzinfo=UTC)
    success = due + timedelta(minutes=20)

    assert not is_due(due + timedelta(hours=20), due, success, 3, due + timedelta(minutes=10))
    tomorrow = due + timedelta(days=1)
    assert is_due(tomorrow, tomorrow, success, 0, None)


def test_the_times_are_read_from_the_setting() -> None:
    assert collect_times({}) == {
        "ninja": time(2), "threatlocker": time(3), "agent": time(4),
    }  # fmt: skip
    assert collect_times({"COLLECT_AT": " ninja = 18:45 "}) == {
        "ninja": time(18, 45), "threatlocker": time(4), "agent": time(4),
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    ["2", "ninja", "ninja=", "ninja=25:00", "ninja=2am", "ninja=02:00;agent=03:00", "x=02:00"],
)
def test_a_wrong_setting_is_named_with_an_example(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"COLLECT_AT .* set it like ninja=02:00"):
        collect_times({"COLLECT_AT": wrong})
