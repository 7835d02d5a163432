"""Why the number moved between two days: bars that add up (docs/rules.md, 8)."""

from collections import Counter
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, case, func, select

from dashboard.base.change import Change
from dashboard.base.params import ALL_CHANGES, Filters
from dashboard.queries import entities
from dashboard.queries.counts import device_counts
from dashboard.queries.entities import flag
from dashboard.queries.moment import Moment
from dashboard.queries.names import site_names
from db.history.changes import compared_columns, has_changed
from db.history.runs import published_days
from db.history.views import rows_on_either_day

ARRIVALS = ("added", "moved_in", "reclassified_in")
DEPARTURES = ("removed", "moved_out", "reclassified_out")

_ABSENT, _ELSEWHERE, _IN_SITES, COUNTED = range(4)


@dataclass(frozen=True)
class Bars:
    """`opening + added - removed + moved_in - moved_out + reclassified_in - reclassified_out =
    closing`. All None before the basis's first snapshot."""

    opening: int | None = None
    added: int | None = None
    removed: int | None = None
    moved_in: int | None = None
    moved_out: int | None = None
    reclassified_in: int | None = None
    reclassified_out: int | None = None
    closing: int | None = None


@dataclass(frozen=True)
class Mover:
    """One site's counts on the two days."""

    site_id: int
    site: str
    figure: Change


def bars(connection: Connection, moment: Moment, filters: Filters) -> Bars:
    """The bars between the two days of the moment, for everything that the filters count."""
    if not can_compare(moment, filters):
        return Bars()
    rows = levels(moment, filters).subquery("entities")
    conditions = {
        "opening": rows.c.was_level == COUNTED,
        **bar_conditions(rows),
        "closing": rows.c.is_level == COUNTED,
    }
    sums = select(*(func.sum(flag(conditions[field.name])) for field in fields(Bars)))
    return Bars(*(int(n or 0) for n in connection.execute(sums).one()))


def signed_change(name: str, n: int | None) -> int | None:
    """What a bar does to the number; None at its ends."""
    if n is None or name in ("opening", "closing"):
        return None
    return n if name in ARRIVALS else -n


def can_compare(moment: Moment, filters: Filters) -> bool:
    """Whether the basis has a snapshot on both days: without one there is nothing to compare."""
    return moment.then.has_data(filters.basis) and moment.now.has_data(filters.basis)


def first_day(connection: Connection, basis: str) -> date | None:
    """The first day on which the basis has a snapshot; None while it has none."""
    days = published_days(connection, None if basis in ("assets", "records") else basis)
    return days[0] if days else None


def levels(moment: Moment, filters: Filters, *columns: str) -> Select[Any]:
    """One row per device or asset that stands on either day: how far into the filters it was on
    the first and is on the second, each level including those below it, so that the highest tells
    all; `columns` as they are now, or were; and, if the filters ask, whether anything differs."""
    assert moment.then.day is not None and moment.now.day is not None
    everything = ALL_CHANGES in filters.changes
    needed = {*entities.filter_columns(filters), *columns}
    if everything:
        needed |= {*compared_columns(filters.basis)}
    rows = rows_on_either_day(
        moment.then.day, moment.now.day, filters.basis, moment.rules, sorted(needed)
    )
    level = case(
        (entities.matches(rows, filters), COUNTED),
        (entities.in_sites(rows, filters), _IN_SITES),
        else_=_ELSEWHERE,
    )
    extra = [_newest(rows, name).label(name) for name in columns]
    if everything:
        extra.append(flag(has_changed(rows, filters.basis)).label("differs"))
    return select(
        rows.c.key,
        func.max(case((rows.c.was == 1, level), else_=_ABSENT)).label("was_level"),
        func.max(case((rows.c.now == 1, level), else_=_ABSENT)).label("is_level"),
        *extra,
    ).group_by(rows.c.key)


def _newest(rows: Subquery, name: str) -> ColumnElement[Any]:
    """A column as it is on the second day; of what is gone, as it was."""
    now, then = (
        func.max(case((flagged == 1, rows.c[name]))) for flagged in (rows.c.now, rows.c.was)
    )
    return case((func.max(rows.c.now) == 1, now), else_=then)


def bar_conditions(rows: Subquery) -> dict[str, ColumnElement[bool]]:
    """The condition of each bar."""
    was, is_now = rows.c.was_level, rows.c.is_level
    entered = and_(is_now == COUNTED, was < COUNTED)
    left = and_(was == COUNTED, is_now < COUNTED)
    return {
        "added": and_(entered, was == _ABSENT),
        "removed": and_(left, is_now == _ABSENT),
        "moved_in": and_(entered, was == _ELSEWHERE),
        "moved_out": and_(left, is_now == _ELSEWHERE),
        "reclassified_in": and_(entered, was == _IN_SITES),
        "reclassified_out": and_(left, is_now == _IN_SITES),
    }


def movers(
    connection: Connection, moment: Moment, filters: Filters, limit: int | None = 10
) -> list[Mover]:
    """The sites whose count changed most, largest change first, then by name; none unchanged.
    Empty before the basis's first snapshot."""
    now = device_counts(connection, moment, moment.now, filters)
    then = device_counts(connection, moment, moment.then, filters)
    if now is None or then is None:
        return []
    current: Counter[int] = Counter()
    previous: Counter[int] = Counter()
    for counts, sums in ((now, current), (then, previous)):
        for count in counts:
            sums[count.site_id] += count.n
    moved = [site for site in current | previous if current[site] != previous[site]]
    names = site_names(connection, moved)
    rows = [Mover(site, names[site], Change(current[site], previous[site])) for site in moved]
    rows.sort(key=lambda mover: (-abs(mover.figure.change or 0), mover.site.casefold()))
    return rows[:limit]
