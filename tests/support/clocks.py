"""Nights on which clocks change, and a worker with a clock that is set by hand."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from etl.records.record import Raw
from etl.vendor.http import Session
from etl.work.worker import Worker
from tests.support.small_hub import Hub, SmallSource, pcs

# The days around which the clocks change, or a day is left out.
CLOCK_CHANGES = [
    ("America/Chicago", date(2026, 3, 8)),  # 02:00 -> 03:00
    ("America/Chicago", date(2026, 11, 1)),  # 02:00 -> 01:00
    ("America/Cuiaba", date(2018, 2, 17)),  # 24:00 -> 23:00
    ("America/Cuiaba", date(2018, 11, 4)),  # 00:00 -> 01:00
    ("Asia/Kolkata", date(2026, 3, 8)),  # never changes
    ("Asia/Kolkata", date(2026, 11, 1)),
    ("Pacific/Apia", date(2011, 9, 24)),  # 03:00 -> 04:00
    ("Pacific/Apia", date(2011, 12, 30)),  # a day that did not exist
    ("Pacific/Apia", date(2012, 4, 1)),  # 04:00 -> 03:00
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # 02:00 -> 01:30
    ("Australia/Lord_Howe", date(2026, 10, 4)),  # 02:00 -> 02:30
    ("America/Nuuk", date(2024, 3, 30)),  # 23:00 -> 24:00
    ("America/Nuuk", date(2024, 10, 27)),  # 00:00 -> 23:00 of the day before
]


def local_days(zone: ZoneInfo, first: date, last: date) -> set[date]:
    """The local days from `first` to `last` that exist."""
    days, instant = set(), datetime.combine(first, time(0), UTC) - timedelta(days=1)
    while instant < datetime.combine(last, time(0), UTC) + timedelta(days=2):
        days.add(instant.astimezone(zone).date())
        instant += timedelta(hours=1)
    return {day for day in days if first <= day <= last}


MORNING = datetime(2026, 3, 13, 4, 30, tzinfo=UTC)


class SettableClock:
    """A clock that somebody turns."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def at(self, hour: int, minute: int = 0, days: int = 0) -> None:
        self.now = self.now.replace(hour=hour, minute=minute) + timedelta(days=days)


class WorkerSetup:
    """A worker over small sources, its clock and what it has collected."""

    def __init__(self, engine: Engine, names: tuple[str, ...], **environ: str) -> None:
        self.hub = Hub(engine, environ)
        self.clock = SettableClock(MORNING)
        self.sources = {name: self.hub.sources[name] for name in names}
        for source in self.sources.values():
            source.rows = pcs(range(10))
        self.worker = Worker(engine, dict(self.sources), self.clock, self.hub.settings)  # type: ignore[arg-type]

    def states(self, source: str = "ninja") -> list[str]:
        return [run.state for run in self.hub.runs(source)]

    def days(self, source: str = "ninja") -> list[date]:
        return [run.business_date for run in self.hub.runs(source)]


class CrashingSource(SmallSource):
    """A source with a fault of ours in it."""

    def fetch(self, session: Session) -> Iterator[Raw]:
        raise ZeroDivisionError("a fault of ours")
