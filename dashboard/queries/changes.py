"""Why the number moved between two days: bars that add up (PRODUCT.md rule 8)."""

from collections import Counter
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select

from dashboard.filters import Filters
from dashboard.queries import entities
from dashboard.queries.change import Change
from dashboard.queries.counts import counted
from dashboard.queries.entities import flag
from dashboard.queries.moment import Moment
from dashboard.queries.sites import names
from db.views import standing_on_both

_ABSENT, _ELSEWHERE, _IN_SITES, _COUNTED = range(4)


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
    then, now = moment.then, moment.now
    if not (then.known(filters.basis) and now.known(filters.basis)):
        return Bars()
    rows = _both_days(moment, filters).subquery("entities")
    was, is_now = rows.c.was_level, rows.c.is_level
    entered = and_(is_now == _COUNTED, was < _COUNTED)
    left = and_(was == _COUNTED, is_now < _COUNTED)
    conditions: dict[str, ColumnElement[bool]] = {
        "opening": was == _COUNTED,
        "added": and_(entered, was == _ABSENT),
        "removed": and_(left, is_now == _ABSENT),
        "moved_in": and_(entered, was == _ELSEWHERE),
        "moved_out": and_(left, is_now == _ELSEWHERE),
        "reclassified_in": and_(entered, was == _IN_SITES),
        "reclassified_out": and_(left, is_now == _IN_SITES),
        "closing": is_now == _COUNTED,
    }
    sums = select(*(func.sum(flag(conditions[field.name])) for field in fields(Bars)))
    return Bars(*(int(n or 0) for n in connection.execute(sums).one()))


def _both_days(moment: Moment, filters: Filters) -> Select[tuple[int, int]]:
    """One row per device or asset that stands on either day: how far into the filters it was on
    the first and is on the second. Each level includes those below it, so the highest tells all."""
    assert moment.then.day is not None and moment.now.day is not None
    then, now, columns = moment.then.day, moment.now.day, entities.looked_at(filters)
    rows = standing_on_both(then, now, filters.basis, moment.rules, columns)
    level = case(
        (entities.matches(rows, filters), _COUNTED),
        (entities.in_sites(rows, filters), _IN_SITES),
        else_=_ELSEWHERE,
    )
    return select(
        func.max(case((rows.c.was == 1, level), else_=_ABSENT)).label("was_level"),
        func.max(case((rows.c.now == 1, level), else_=_ABSENT)).label("is_level"),
    ).group_by(rows.c.key)


def movers(
    connection: Connection, moment: Moment, filters: Filters, limit: int = 10
) -> list[Mover]:
    """The sites whose count changed most, largest change first, then by name; none unchanged.
    Empty before the basis's first snapshot."""
    now = counted(connection, moment, moment.now, filters)
    then = counted(connection, moment, moment.then, filters)
    if now is None or then is None:
        return []
    current: Counter[int] = Counter()
    previous: Counter[int] = Counter()
    for counts, sums in ((now, current), (then, previous)):
        for count in counts:
            sums[count.site_id] += count.n
    moved = [site for site in current | previous if current[site] != previous[site]]
    called = names(connection, moved)
    found = [Mover(site, called[site], Change(current[site], previous[site])) for site in moved]
    found.sort(key=lambda mover: (-abs(mover.figure.change or 0), mover.site.casefold()))
    return found[:limit]
