"""Month by month: open, closed or imported, what it counts, and what hinders it from closing."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, true

from dashboard.base.change import Change
from dashboard.base.params import SOURCES, Filters
from dashboard.queries.counts import device_counts
from dashboard.queries.moment import Moment
from db.history.kept import month_before, month_end, month_of
from db.history.runs import border, runs_in_force
from db.months.closings import Hindrance, hindrances, next_to_close
from db.tables import month_closing_counts, month_closings, month_end_counts, months

RUNNING, OPEN, CLOSED, IMPORTED = "running", "open", "closed", "imported"


@dataclass(frozen=True)
class Closing:
    """One closing of a month; `dates` and `dates_before` hold what each source contributed to its
    end and to the end of the month before."""

    closing_id: int
    month: str
    closed_at: datetime
    author: str
    rule_version: int
    dates: dict[str, "MonthSource"]
    dates_before: dict[str, "MonthSource"]
    members: int
    hash: str


@dataclass(frozen=True)
class MonthSource:
    """A source's snapshot in force at a month's end: its date, when that collection finished, its
    run, and whether the source had been ended."""

    date: date
    finished_at: datetime | None
    run_id: int
    ended: bool = False


@dataclass(frozen=True)
class MonthRow:
    """One month ('2026-11'). The counts are None where nothing is known; `figure` is billable now
    against the month before. `hindrances` say why it does not close by itself, `can_close` and
    `can_reopen` whether it is the one month that can."""

    month: str
    state: str
    billable: int | None
    spare: int | None
    excluded: int | None
    figure: Change
    dates: dict[str, MonthSource]
    closing: Closing | None
    hindrances: tuple[Hindrance, ...]
    can_close: bool
    can_reopen: bool

    @property
    def total(self) -> int | None:
        """Billable and spare, without excluded."""
        if self.billable is None or self.spare is None:
            return None
        return self.billable + self.spare

    @property
    def late(self) -> dict[str, date]:
        """The sources whose snapshot is of another day than the month's last, with that day."""
        if self.state == RUNNING:
            return {}
        end = month_end(self.month)
        return {
            name: snapshot.date
            for name, snapshot in self.dates.items()
            if snapshot.date != end and not snapshot.ended
        }


_Counts = Mapping[str, int]
"""How many by billing status."""


def month_rows(connection: Connection, moment: Moment, filters: Filters) -> list[MonthRow]:
    """A row for each of `counted_months`, newest first. A search, a location and a source are left
    aside: months are not stored by them."""
    filters = filters.as_stored()
    day = moment.now.day or moment.now.requested
    names = counted_months(connection, moment)
    if not names:
        return []
    last = names[-1]
    closings = current_closings(connection)
    counts, imported = _ends(connection, filters, names)
    counts.update(_closed(connection, filters, closings))
    running = last >= month_of(moment.newest or day) or day != month_end(last)
    if running and moment.now.day is not None:
        counts[last] = _live(connection, moment, filters)
        closings.pop(last, None)
    to_close, to_reopen = next_to_close(connection), border(connection)
    rows = []
    for month in reversed(names):
        closing = closings.get(month)
        state = _state(month, closing, imported, running and month == last)
        now, before = counts.get(month), counts.get(month_before(month))
        rows.append(
            MonthRow(
                month=month,
                state=state,
                billable=_of(now, "billable"),
                spare=_of(now, "spare"),
                excluded=_of(now, "excluded"),
                figure=Change(_of(now, "billable"), _of(before, "billable")),
                dates=closing.dates if closing else _month_end_snapshots(connection, month, moment),
                closing=closing,
                hindrances=tuple(hindrances(connection, month)) if state == OPEN else (),
                can_close=month == to_close,
                can_reopen=to_reopen is not None and month == month_of(to_reopen),
            )
        )
    return rows


def counted_months(connection: Connection, moment: Moment) -> list[str]:
    """Every month from the first that is counted to that of the shown day, oldest first."""
    last = month_of(moment.now.day or moment.now.requested)
    first = connection.scalar(select(func.min(month_end_counts.c.month)))
    if moment.newest is None and first is None:
        return []
    return _months(min(first or last, last), last)


def current_closings(connection: Connection) -> dict[str, Closing]:
    """The closing in force of every closed month, by month."""
    c = month_closings.c
    newest = (
        select(func.max(c.closing_id))
        .join(months, months.c.month == c.month)
        .where(months.c.closed.is_(True))
        .group_by(c.month)
    )
    rows = connection.execute(select(month_closings).where(c.closing_id.in_(newest)))
    return {row.month: read_closing(row) for row in rows}


def closings_of(connection: Connection, month: str) -> list[Closing]:
    """Every closing that a month ever had, the newest first."""
    c = month_closings.c
    rows = connection.execute(
        select(month_closings).where(c.month == month).order_by(c.closing_id.desc())
    )
    return [read_closing(row) for row in rows]


def read_closing(row: Any) -> Closing:
    """A row of `month_closings`, read."""
    return Closing(
        row.closing_id, row.month, row.closed_at, row.author, row.rule_version,
        _read(row.dates), _read(row.dates_before), row.members, row.hash,
    )  # fmt: skip


def _read(text: str) -> dict[str, MonthSource]:
    return {
        source: MonthSource(
            date.fromisoformat(entry["date"]),
            datetime.fromisoformat(entry["finished_at"]) if entry["finished_at"] else None,
            int(entry["run_id"]),
            bool(entry.get("ended")),
        )
        for source, entry in json.loads(text).items()
    }


def sources_on(connection: Connection, day: date) -> dict[str, MonthSource]:
    """The snapshot of each source that is in force on a day."""
    return {
        source: MonthSource(run.business_date, run.finished_at, run.run_id, run.kind == "end")
        for source, run in runs_in_force(connection, day).items()
    }


def _month_end_snapshots(
    connection: Connection, month: str, moment: Moment
) -> dict[str, MonthSource]:
    end = month_end(month)
    return sources_on(connection, min(end, moment.now.day) if moment.now.day else end)


def _state(month: str, closing: Closing | None, imported: Collection[str], running: bool) -> str:
    if running:
        return RUNNING
    if closing is not None:
        return CLOSED
    return IMPORTED if month in imported else OPEN


def _months(first: str, last: str) -> list[str]:
    names = [first]
    while names[-1] < last:
        names.append(month_before(names[-1], -1))
    return names


def _of(counts: _Counts | None, status: str) -> int | None:
    return None if counts is None else counts.get(status, 0)


def _ends(
    connection: Connection, filters: Filters, names: list[str]
) -> tuple[dict[str, _Counts | None], set[str]]:
    """The counts of each month's end by status, None before the basis's first, and the months
    that were imported."""
    c = month_end_counts.c
    first = connection.scalar(select(func.min(c.month)).where(_in_basis(c.basis, filters)))
    rows = connection.execute(
        select(c.month, c.billing_status, func.sum(c.n))
        .where(_in_basis(c.basis, filters), _matching(c, filters))
        .group_by(c.month, c.billing_status)
    )
    by_month: dict[str, Counter[str]] = defaultdict(Counter)
    for month, status, n in rows:
        by_month[month][status] += int(n)
    counts = {
        month: by_month[month] if first is not None and month >= first else None for month in names
    }
    every = select(c.month).where(c.imported.is_(True)).distinct()
    return dict(counts), set(connection.scalars(every))


def _closed(
    connection: Connection, filters: Filters, closings: Mapping[str, Closing]
) -> dict[str, _Counts]:
    """The counts of closed months, as they were then."""
    c = month_closing_counts.c
    month_of_closing = {closing.closing_id: month for month, closing in closings.items()}
    rows = connection.execute(
        select(c.closing_id, c.billing_status, func.sum(c.n))
        .where(
            c.closing_id.in_(month_of_closing),
            _in_basis(c.basis, filters),
            _matching(c, filters),
        )
        .group_by(c.closing_id, c.billing_status)
    )
    by_month: dict[str, Counter[str]] = defaultdict(Counter)
    for closing_id, status, n in rows:
        by_month[month_of_closing[closing_id]][status] += int(n)
    return dict(by_month)


def _in_basis(column: ColumnElement[str], filters: Filters) -> ColumnElement[bool]:
    return column.in_(SOURCES if filters.basis == "records" else (filters.basis,))


def _matching(columns: Any, filters: Filters) -> ColumnElement[bool]:
    """The site and type filters; statuses are counted in columns of their own."""
    condition: ColumnElement[bool] = true()
    if filters.sites:
        condition = columns.site_id.in_(filters.sites)
    if filters.types:
        condition = condition & columns.device_type.in_(filters.types)
    return condition


def _live(connection: Connection, moment: Moment, filters: Filters) -> _Counts | None:
    everything = filters.having(statuses=("billable", "spare", "excluded"))
    counts = device_counts(connection, moment, moment.now, everything)
    if counts is None:
        return None
    sums: Counter[str] = Counter()
    for count in counts:
        sums[count.billing_status] += count.n
    return sums
