"""The two days that a view shows: requested day, kept day, and the snapshot of each source.

A date resolves to the nearest earlier kept day (docs/rules.md, 7 and 10). In force on it is each
source's latest published snapshot on or before it.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, and_, func, select

from dashboard.base.notice import Notice, mark
from dashboard.base.params import SOURCES, Filters
from dashboard.queries.imported_counts import imported_counts, stored_bases
from db.history.kept import KeptDays, month_before, month_end, month_of
from db.history.runs import PUBLISHED, kept_days, restated_days
from db.rules import Rules, RulesByDay, rules_by_day
from db.sources import source_label
from db.tables import collection_runs

Day = date


@dataclass(frozen=True)
class SourceSnapshot:
    """The snapshot of one source that is in force on a day. Kind "end": the source was ended and
    has no records since. `counts_day`: the day of its stored counts, later when a decision restated
    it."""

    source: str
    date: date
    finished_at: datetime | None
    run_id: int
    kind: str
    counts_day: Day


@dataclass(frozen=True)
class SnapshotDay:
    """One of the two days: the `requested` one, the kept `day` it resolves to (None when none is
    kept or nothing was ever published), and the snapshot in force of each source (None before its
    first)."""

    requested: date
    day: date | None
    snapshots: dict[str, SourceSnapshot | None]

    def dates(self, basis: str) -> dict[str, date]:
        """The snapshot date of each source that `basis` counts."""
        return {
            source: snapshot.date
            for source, snapshot in self.snapshots.items()
            if snapshot is not None and basis in ("assets", "records", source)
        }

    def count_days(self, basis: str) -> dict[str, date]:
        """The days whose stored counts make up this day, by stored basis."""
        snapshots = {source: self.snapshots[source] for source in self.dates(basis)}
        days = {
            source: snapshot.counts_day
            for source, snapshot in snapshots.items()
            if snapshot is not None
        }
        return {"assets": max(days.values())} if basis == "assets" and days else days

    def latest(self, basis: str) -> date | None:
        """The latest real date among the sources that `basis` counts."""
        return max(self.dates(basis).values(), default=None)

    def has_data(self, basis: str) -> bool:
        """Whether `basis` has any snapshot here; before its first every count is None, never 0."""
        return self.day is not None and bool(self.dates(basis))


@dataclass(frozen=True)
class Moment:
    """The two days of a view. `newest` is the newest published business date of any source, None
    while there is no data; `notices` explain where a shown day is not the requested one. `rules`
    are those by which each day was counted; they choose the primary record of an asset."""

    now: SnapshotDay
    then: SnapshotDay
    newest: date | None
    kept: KeptDays | None
    rules: RulesByDay
    notices: tuple[Notice, ...] = ()

    @property
    def rules_of_day(self) -> Rules:
        """The rules in force on the shown day."""
        return self.rules.effective_on(self.now.day or self.now.requested)

    @property
    def is_newest(self) -> bool:
        """Whether `now` shows the newest state, so that hourly facts belong to it."""
        return self.newest is not None and self.now.day is not None and self.now.day >= self.newest


def resolve(connection: Connection, filters: Filters, today: date) -> Moment:
    """The moment of `filters`; `today` is the current business day."""
    kept, rules = kept_days(connection), rules_by_day(connection)
    newest = kept.today if kept else None
    as_of = filters.as_of or max(today, newest or today)
    now = snapshot_day(connection, as_of, kept)
    # Of a day that is no longer kept an earlier one is shown, perhaps the month-end before itself.
    compare_to = filters.compare_to or month_end(month_before(month_of(now.day or as_of)))
    then = snapshot_day(connection, compare_to, kept)
    if newest is None:
        return Moment(now, then, None, None, rules)
    notices = _notices(now, filters.basis, asked_for=filters.as_of is not None)
    imports = [_imported(connection, side, filters) for side in (now, then)]
    # Where nothing can be shown, nothing is compared either.
    if now.day is not None and now.day == then.day:
        text = mark("Both dates show %(day)s: choose an earlier one to compare with.")
        notices.append(Notice(text, {"day": now.day}))
    elif now.day is not None:
        notices += _notices(then, filters.basis, asked_for=True)
        notices += [notice for notice in imports if notice is not None]
    return Moment(now, then, newest, kept, rules, tuple(notices))


def _imported(connection: Connection, side: SnapshotDay, filters: Filters) -> Notice | None:
    """What is counted from a file at the end of the month that ends on this day, which the numbers
    of the day leave out: there are no devices behind it."""
    day = side.day or side.requested
    month = month_of(day)
    # What is imported counts for sources without a snapshot only: most fleets have nothing to ask.
    missing = set(stored_bases(filters)) - {"assets", *side.dates(filters.basis)}
    if day != month_end(month) or not missing or not filters.are_stored:
        return None
    sources = {
        source: counts.total()
        for source, counts in imported_counts(connection, filters, month).get(month, {}).items()
        if counts.total()
    }
    if not sources:
        return None
    text = mark(
        "At the end of %(day)s %(n)s devices of %(sources)s are counted from a file. They are in "
        "the numbers of months only, and in no list, comparison, billing basis or invoice pack."
    )
    names = ", ".join(source_label(source) for source in sources)
    return Notice(text, {"day": day, "n": sum(sources.values()), "sources": names})


def snapshot_day(connection: Connection, requested: date, kept: KeptDays | None) -> SnapshotDay:
    """The kept day that `requested` resolves to, with its snapshots."""
    day = kept.kept_on_or_before(requested) if kept else None
    if day is None:
        return SnapshotDay(requested, None, dict.fromkeys(SOURCES))
    runs = collection_runs.c
    latest = (
        select(runs.source, func.max(runs.business_date).label("business_date"))
        .where(PUBLISHED, runs.business_date <= day)
        .group_by(runs.source)
        .subquery("latest")
    )
    rows = connection.execute(
        select(runs.source, runs.business_date, runs.finished_at, runs.run_id, runs.kind)
        .join(
            latest,
            and_(latest.c.source == runs.source, latest.c.business_date == runs.business_date),
        )
        .where(PUBLISHED)
    )
    snapshots: dict[str, SourceSnapshot | None] = dict.fromkeys(SOURCES)
    restated = max(
        (decided_day for decided_day in restated_days(connection) if decided_day <= day),
        default=day.min,
    )
    for row in rows.all():
        if row.source in snapshots:
            snapshots[row.source] = SourceSnapshot(*row, max(row.business_date, restated))
    return SnapshotDay(requested, day, snapshots)


def _notices(side: SnapshotDay, basis: str, *, asked_for: bool) -> list[Notice]:
    if side.day is None:
        text = mark("%(asked)s is before the first day that is kept: nothing to show.")
        return [Notice(text, {"asked": side.requested}, "warning")]
    notices = []
    if side.day != side.requested:
        text = mark("%(asked)s is no longer kept. Showing %(day)s, the nearest earlier day.")
        notices.append(Notice(text, {"asked": side.requested, "day": side.day}))
    if not asked_for:
        # Today's collection may still come; freshness reports how old the data is.
        return notices
    for source, day in side.dates(basis).items():
        snapshot = side.snapshots[source]
        if day != side.day and snapshot is not None and snapshot.kind != "end":
            text = mark("%(source)s has no snapshot of %(day)s. Showing %(date)s.")
            values = {"source": source_label(source), "day": side.day, "date": day}
            notices.append(Notice(text, values, run_id=snapshot.run_id))
    return notices
