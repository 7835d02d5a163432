"""The real worker walks through the hours of odd nights, of month ends and year ends, in zones
whose clocks do odd things: one business date a day, and month-ends are the last hour's."""

import json
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from db.history.kept import month_end, month_of
from db.tables import month_closings
from tests.support.clocks import CLOCK_CHANGES, WorkerSetup, local_days
from tests.support.samples import some
from tests.support.small_hub import pcs

ZONES = (
    "America/Chicago", "America/Cuiaba", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe",
)  # fmt: skip
ENDS = (
    date(2024, 2, 29), date(2026, 2, 28), date(2026, 4, 30), date(2026, 10, 31), date(2026, 12, 31),
)  # fmt: skip
WALKS = [(zone, night, "02:00") for zone in ZONES for night in ENDS]
WALKS += [
    (zone, night, at) for zone, night in CLOCK_CHANGES if zone in ZONES for at in ("00:15", "02:30")
]
WALKS = some(WALKS, 10)
STEP = timedelta(minutes=30)


@pytest.mark.parametrize(("name", "night", "at"), WALKS, ids=["-".join(map(str, w)) for w in WALKS])
def test_a_worker_that_walks_through_a_night_publishes_each_local_day_once(
    sqlite_engine: Engine, name: str, night: date, at: str
) -> None:
    zone = ZoneInfo(name)
    here = WorkerSetup(
        sqlite_engine, ("ninja",), TIMEZONE=name, COLLECT_AT=f"ninja={at}", MONTH_CLOSE_DAYS="1"
    )
    first, last = night - timedelta(days=1), night + timedelta(days=1)
    now = datetime.combine(first, time(0, 20), zone).astimezone(UTC)
    told: dict[date, str] = {}
    while now.astimezone(zone).date() <= last:
        local = now.astimezone(zone)
        here.clock.now = now
        here.sources["ninja"].rows = pcs(range(10), hostname=f"{local:%m-%d %H:%M}")
        if here.worker.tick():
            told[local.date()] = f"{local:%m-%d %H:%M}"
        now += STEP

    days = local_days(zone, first, last)
    runs = here.hub.runs()
    assert {run.state for run in runs} == {"complete"}
    assert Counter(run.business_date for run in runs if run.published) == dict.fromkeys(days, 1)
    # Each day shows what its last collection saw; on a month's last day that is the last hour's.
    for day in days:
        assert {row.hostname for row in here.hub.on(day).values()} == {told[day]}
        if day == month_end(month_of(day)):
            assert told[day] >= f"{day:%m-%d} 23:05"
    ends = [day for day in days if day == month_end(month_of(day)) and day < max(days)]
    assert [row.month for row in here.hub.all(month_closings)] == [month_of(day) for day in ends]
    for row, day in zip(here.hub.all(month_closings), ends, strict=True):
        assert json.loads(row.dates)["ninja"]["date"] == day.isoformat()
        closed_on = row.closed_at.astimezone(zone).date()
        assert month_of(closed_on) > row.month, "not before the month is over there"
