"""Month by month: open, closed or imported, what it counts, and what hinders it from closing."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from dashboard.base.change import Change
from dashboard.base.params import BILLABLE, SOURCES, STATUSES, Filters
from dashboard.queries import entities
from dashboard.queries.counts import device_counts
from dashboard.queries.imported_counts import (
    Imported,
    imported_counts,
    imported_in_closings,
    stored_bases,
)
from dashboard.queries.moment import Moment
from dashboard.queries.months.month_end_counts import counts_at_month_ends
from dashboard.queries.months.snapshots import MonthSource, PublishedSnapshots
from db.history.kept import FIRST_MONTH, month_before, month_end, month_of
from db.history.runs import border
from db.months.closings import Hindrance, hindrances_of, next_to_close
from db.tables import month_closing_counts, month_closings, month_end_counts, months

RUNNING, OPEN, CLOSED, IMPORTED = "running", "open", "closed", "imported"


@dataclass(frozen=True)
class Closing:
    """One closing of a month; `dates` and `dates_before` hold what each source contributed to its
    end and to the end of the month before. `members`: how many records it holds, of all sites; None
    for somebody who sees only some."""

    closing_id: int
    month: str
    closed_at: datetime
    author: str
    rule_version: int
    dates: dict[str, MonthSource]
    dates_before: dict[str, MonthSource]
    members: int | None
    hash: str
    pack_form: int


@dataclass(frozen=True)
class MonthRow:
    """One month ('2026-11'). The counts are None where nothing is known; `figure` is billable now
    against the month before. `imported` is the part of the counts that is from a file, by source.
    `hindrances` say why it does not close by itself, `can_close` and `can_reopen` whether it is the
    one month that can."""

    month: str
    state: str
    billable: int | None
    spare: int | None
    excluded: int | None
    figure: Change
    dates: dict[str, MonthSource]
    imported: Imported
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
    snapshots = PublishedSnapshots(connection)
    names = counted_months(connection, moment, snapshots)
    if not names:
        return []
    last = names[-1]
    closings = current_closings(connection)
    everything = filters.having(statuses=STATUSES)
    status = month_end_counts.c.billing_status
    ends = counts_at_month_ends(connection, moment, snapshots, everything, names, status)
    counts: dict[str, _Counts | None] = dict(zip(names, ends, strict=True))
    counts.update(_closed(connection, everything, closings))
    first_day = snapshots.first_day()
    with_imports = imported_counts(connection, Filters(basis="records"))
    imported = imported_counts(connection, everything)
    imported.update(imported_at_closing(connection, everything, closings))
    running = last >= month_of(moment.newest or day) or day != month_end(last)
    if running and moment.now.day is not None:
        counts[last] = _live(connection, moment, everything)
        closings.pop(last, None)
        imported.pop(last, None)  # a count of the month's end, not of this day
    to_close, to_reopen = next_to_close(connection), border(connection)
    states = {
        month: _state(
            closings.get(month),
            month in with_imports and (first_day is None or first_day > month_end(month)),
            running and month == last,
        )
        for month in names
    }
    # A past month that is shown as of one of its days is over, whatever its row says.
    still_runs = last >= month_of(moment.newest or day)
    open_ones = [
        name for name in names if states[name] == OPEN or (states[name] == RUNNING and still_runs)
    ]
    hindrances = hindrances_of(connection, open_ones)
    rows = []
    for month in reversed(names):
        closing = closings.get(month)
        now, before = counts.get(month), counts.get(month_before(month))
        rows.append(
            MonthRow(
                month=month,
                state=states[month],
                billable=_of(now, "billable"),
                spare=_of(now, "spare"),
                excluded=_of(now, "excluded"),
                figure=Change(_of(now, "billable"), _of(before, "billable")),
                dates=closing.dates
                if closing
                else snapshots.in_force_on(min(month_end(month), moment.now.day or date.max)),
                imported=imported.get(month, {}),
                closing=closing,
                hindrances=tuple(hindrances.get(month, ())),
                can_close=month == to_close,
                can_reopen=to_reopen is not None and month == month_of(to_reopen),
            )
        )
    return rows


def counted_months(
    connection: Connection, moment: Moment, snapshots: PublishedSnapshots
) -> list[str]:
    """Every month from the first that is counted to that of the shown day, oldest first."""
    last = month_of(moment.now.day or moment.now.requested)
    month = month_end_counts.c.month
    # Earlier versions imported months that cannot be: "0206-05", "0000-05".
    first = connection.scalar(select(func.min(month)).where(month >= FIRST_MONTH))
    first_day = snapshots.first_day()
    firsts = [first] if first else []
    if first_day is not None:
        firsts.append(month_of(first_day))
    return _months(min(*firsts, last), last) if firsts else []


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


def billable_at(
    connection: Connection, closings: Sequence[Closing], filters: Filters
) -> dict[int, int]:
    """By closing of one month the billable devices that it stored."""
    filters = filters.having(statuses=BILLABLE)
    stored = {
        closing.closing_id: _closed(connection, filters, {closing.month: closing})
        for closing in closings
    }
    return {
        closing.closing_id: stored[closing.closing_id].get(closing.month, {}).get("billable", 0)
        for closing in closings
    }


def read_closing(row: Any) -> Closing:
    """A row of `month_closings`, read."""
    return Closing(
        row.closing_id, row.month, row.closed_at, row.author, row.rule_version,
        _read(row.dates), _read(row.dates_before), row.members, row.hash,
        row.pack_form,
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


def _state(closing: Closing | None, only_imported: bool, running: bool) -> str:
    if running:
        return RUNNING
    if closing is not None:
        return CLOSED
    return IMPORTED if only_imported else OPEN


def _months(first: str, last: str) -> list[str]:
    names = [first]
    while names[-1] < last:
        names.append(month_before(names[-1], -1))
    return names


def _of(counts: _Counts | None, status: str) -> int | None:
    return None if counts is None else counts.get(status, 0)


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
            c.basis.in_(stored_bases(filters)),
            entities.matches(month_closing_counts, filters),
        )
        .group_by(c.closing_id, c.billing_status)
    )
    by_month: dict[str, Counter[str]] = defaultdict(Counter)
    for closing_id, status, n in rows:
        by_month[month_of_closing[closing_id]][status] += int(n)
    return dict(by_month)


def imported_at_closing(
    connection: Connection, filters: Filters, closings: Mapping[str, Closing]
) -> dict[str, Imported]:
    """The part of the counts of closed months that was imported: of sources without a snapshot."""
    stored = imported_in_closings(
        connection, filters, [closing.closing_id for closing in closings.values()]
    )
    return {
        month: {
            source: counts
            for source, counts in stored.get(closing.closing_id, {}).items()
            if source in SOURCES and source not in closing.dates
        }
        for month, closing in closings.items()
    }


def _live(connection: Connection, moment: Moment, filters: Filters) -> _Counts | None:
    counts = device_counts(connection, moment, moment.now, filters)
    if counts is None:
        return None
    sums: Counter[str] = Counter()
    for count in counts:
        sums[count.billing_status] += count.n
    return sums
