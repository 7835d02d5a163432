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
from db.history.runs import kept_days, published_days
from db.history.views import rows_on_either_day

ABSENT, ELSEWHERE, IN_SITES, COUNTED = range(4)
"""How far into the filters a device is: not there, at another site, at one of the sites but outside
another filter, counted."""

LEVELS_OF_BAR = {
    "added": (ABSENT, COUNTED),
    "removed": (COUNTED, ABSENT),
    "moved_in": (ELSEWHERE, COUNTED),
    "moved_out": (COUNTED, ELSEWHERE),
    "reclassified_in": (IN_SITES, COUNTED),
    "reclassified_out": (COUNTED, IN_SITES),
}
"""The levels of the devices in each bar, on the first and on the second day."""

ARRIVALS = tuple(bar for bar, (_was, is_now) in LEVELS_OF_BAR.items() if is_now == COUNTED)
DEPARTURES = tuple(bar for bar, (was, _is_now) in LEVELS_OF_BAR.items() if was == COUNTED)


@dataclass(frozen=True)
class Bars:
    """`opening + added - removed + moved_in - moved_out + reclassified_in - reclassified_out =
    closing`. While the basis had no snapshot on the first day only `closing` is known; it is None
    too where the second day is before the first snapshot."""

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
        counted = device_counts(connection, moment, moment.now, filters)
        return Bars(closing=None if counted is None else sum(count.n for count in counted))
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
    """The first kept day on which the basis has a snapshot; None while it has none."""
    days = published_days(connection, None if basis in ("assets", "records") else basis)
    kept = kept_days(connection)
    if not days or kept is None:
        return None
    later = [end for end in kept.month_ends() if end >= days[0]]
    return min(*later, max(days[0], kept.daily_from)) if later else max(days[0], kept.daily_from)


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
        moment.then.day,
        moment.now.day,
        filters.basis,
        moment.rules,
        sorted(needed),
        site_ids=filters.sites,
    )
    level = case(
        (entities.matches(rows, filters), COUNTED),
        (entities.in_sites(rows, filters), IN_SITES),
        else_=ELSEWHERE,
    )
    extra = [_newest(rows, name).label(name) for name in columns]
    if everything:
        extra.append(flag(has_changed(rows, filters.basis)).label("differs"))
    return select(
        rows.c.key,
        func.max(case((rows.c.was == 1, level), else_=ABSENT)).label("was_level"),
        func.max(case((rows.c.now == 1, level), else_=ABSENT)).label("is_level"),
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
    return {
        bar: and_(rows.c.was_level == was, rows.c.is_level == is_now)
        for bar, (was, is_now) in LEVELS_OF_BAR.items()
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
