"""The state of each source's collection on each day: for the calendar of collections and for
the marks of the date pickers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from dashboard.base.params import SOURCES
from dashboard.queries.moment import Moment
from db.history.runs import END, PUBLISHED, kept_days, runs_in_force
from db.sources import source_label
from db.tables import collection_runs

COMPLETE, HELD, SUSPICIOUS, WITHDRAWN = "complete", "held", "suspicious", "withdrawn"
FAILED, RUNNING, MISSING, ENDED = "failed", "running", "missing", "ended"
DUE, BEFORE = "due", "before"
STATES = (COMPLETE, HELD, SUSPICIOUS, WITHDRAWN, FAILED, MISSING, ENDED, RUNNING, DUE)
"""What a source's day can be: `DUE` is today while nothing was tried yet, `BEFORE` (not among
them) a day before the source's first collection."""

GAPS = (FAILED, SUSPICIOUS, HELD, MISSING, WITHDRAWN)
"""The states of a day on which the snapshot before it stays in force."""

MARKS = {"c": COMPLETE, "s": SUSPICIOUS, "f": FAILED, "m": MISSING, "x": "gone"}
"""The letters of `DayMarks`; a day without any has a dash. "gone": no longer kept."""

_RANK = (RUNNING, HELD, WITHDRAWN, SUSPICIOUS, FAILED, COMPLETE)
"""Which of a day's runs represents the day when none is published: the last of these."""
_WORST_FIRST = (
    ("f", (FAILED,)),
    ("s", (HELD, SUSPICIOUS)),
    ("m", (MISSING, WITHDRAWN)),
    ("c", (COMPLETE,)),
)


@dataclass(frozen=True)
class SourceDay:
    """One source on one day: its state, and the run that decides it, with its reason."""

    day: date
    state: str
    run_id: int | None = None
    reason: str | None = None
    records: int | None = None


@dataclass(frozen=True)
class DayMarks:
    """The days from `first` on, a letter of `MARKS` each: of all sources together, and of each."""

    first: date | None
    all_sources: str
    sources: dict[str, str]


def source_days(
    connection: Connection, first: date, last: date, today: date
) -> dict[str, list[SourceDay]]:
    """Each source that was ever collected, with its days from `first` to `last`, oldest first."""
    runs = collection_runs.c
    begun = {
        source: day
        for source, day in connection.execute(
            select(runs.source, func.min(runs.business_date)).group_by(runs.source)
        )
    }
    runs_by_day: dict[tuple[str, date], list[Any]] = defaultdict(list)
    for row in connection.execute(
        select(
            runs.source, runs.business_date, runs.run_id, runs.kind, runs.state, runs.hold,
            runs.published, runs.reason, runs.records,
        )
        .where(runs.business_date >= first, runs.business_date <= last)
        .order_by(runs.run_id)
    ):  # fmt: skip
        runs_by_day[row.source, row.business_date].append(row)
    ended = _ended_before(connection, first)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return {
        source: list(_source(source, days, runs_by_day, source in ended, begun[source], today))
        for source in SOURCES
        if source in begun
    }


def day_marks(connection: Connection, today: date) -> DayMarks:
    """Every day from the first published one to `today`, as the date pickers mark it."""
    kept = kept_days(connection)
    first = connection.scalar(select(func.min(collection_runs.c.business_date)).where(PUBLISHED))
    if kept is None or first is None:
        return DayMarks(None, "", {})
    by_source_days = source_days(connection, first, today, today)
    gone = {day for day in _days(by_source_days) if kept.kept_on_or_before(day) != day}
    letters = {
        source: "".join("x" if entry.day in gone else _letter([entry.state]) for entry in days)
        for source, days in by_source_days.items()
    }
    all_sources = "".join(
        "x" if entries[0].day in gone else _letter([entry.state for entry in entries])
        for entries in zip(*by_source_days.values(), strict=True)
    )
    return DayMarks(first, all_sources, letters)


def _days(by_source: Mapping[str, list[SourceDay]]) -> list[date]:
    return [entry.day for entry in next(iter(by_source.values()))]


def _letter(states: Iterable[str]) -> str:
    """The worst of several states as a letter."""
    given = set(states)
    return next((letter for letter, of in _WORST_FIRST if given.intersection(of)), "-")


def _ended_before(connection: Connection, day: date) -> set[str]:
    """The sources that had been ended, and not been collected since, when `day` began."""
    runs = runs_in_force(connection, day - timedelta(days=1))
    return {source for source, run in runs.items() if run.kind == END}


def _source(
    source: str,
    days: list[date],
    runs_by_day: Mapping[tuple[str, date], list[Any]],
    ended: bool,
    begun: date,
    today: date,
) -> Iterable[SourceDay]:
    for day in days:
        attempts = runs_by_day.get((source, day), [])
        in_force = next((run for run in attempts if run.published), None)
        if in_force is not None:
            ended = in_force.kind == END
        if attempts:
            # Of equal ones the last: sorted() keeps their order.
            best = in_force or sorted(attempts, key=lambda run: -_RANK.index(run_state(run)))[-1]
            yield SourceDay(day, run_state(best), best.run_id, best.reason, best.records)
        elif ended:
            yield SourceDay(day, ENDED)
        elif day < begun:
            yield SourceDay(day, BEFORE)
        else:
            yield SourceDay(day, MISSING if day < today else DUE)


def run_state(run: Any) -> str:
    """The state of a run, one of `STATES`."""
    if run.kind == END and run.published:
        return ENDED
    if run.published:
        return COMPLETE
    if run.hold in (HELD, WITHDRAWN):
        return str(run.hold)
    # Complete, but another run of the day is the published one.
    return str(run.state)


_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Gap:
    """One day without a snapshot of a source: its state, one of `GAPS`, and the run that tells
    most of it, with its reason; neither where nothing was tried."""

    source: str
    day: date
    state: str
    reason: str | None
    run_id: int | None

    @property
    def label(self) -> str:
        """The label of the source."""
        return source_label(self.source)


def gaps(
    connection: Connection, moment: Moment, sources: Collection[str], after: date, until: date
) -> list[Gap]:
    """The gaps of `sources` after one day and up to another, by day; none before a source's first
    snapshot, and nothing is missing that is newer than the newest snapshot of any."""
    if moment.newest is None:
        return []
    runs = collection_runs.c
    begun: dict[str, date] = {
        source: day
        for source, day in connection.execute(
            select(runs.source, func.min(runs.business_date)).where(PUBLISHED).group_by(runs.source)
        )
    }
    by_source = source_days(connection, after + _DAY, until, moment.newest + _DAY)
    missing = [
        Gap(source, entry.day, entry.state, entry.reason, entry.run_id)
        for source in begun.keys() & set(sources)
        for entry in by_source[source]
        if entry.state in GAPS and entry.day > begun[source]
    ]
    return sorted(missing, key=lambda gap: (gap.day, gap.source))
