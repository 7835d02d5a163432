"""Why the number moved between two days: bars that add up (PRODUCT.md rule 8)."""

from collections import Counter
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from dashboard.filters import Filters
from dashboard.queries import entities
from dashboard.queries.change import Change
from dashboard.queries.counts import counted
from dashboard.queries.entities import flag
from dashboard.queries.moment import Moment
from dashboard.queries.sites import names


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
    column = rows.c
    entered = and_(column.is_counted == 1, column.was_counted == 0)
    left = and_(column.was_counted == 1, column.is_counted == 0)
    elsewhere_before = and_(column.was_present == 1, column.was_in_sites == 0)
    elsewhere_now = and_(column.is_present == 1, column.is_in_sites == 0)
    conditions: dict[str, ColumnElement[bool]] = {
        "opening": column.was_counted == 1,
        "added": and_(entered, column.was_present == 0),
        "removed": and_(left, column.is_present == 0),
        "moved_in": and_(entered, elsewhere_before),
        "moved_out": and_(left, elsewhere_now),
        "reclassified_in": and_(entered, column.was_in_sites == 1),
        "reclassified_out": and_(left, column.is_in_sites == 1),
        "closing": column.is_counted == 1,
    }
    sums = select(*(func.sum(flag(conditions[field.name])) for field in fields(Bars)))
    return Bars(*(int(n or 0) for n in connection.execute(sums).one()))


def _both_days(moment: Moment, filters: Filters) -> Select[tuple[int, ...]]:
    """One row per device or asset that stands on either day: present, in the sites, counted."""
    assert moment.then.day is not None and moment.now.day is not None
    rows = entities.standing_on_both(moment.then.day, moment.now.day, filters.basis, moment.rules)
    conditions = {
        "counted": entities.matches(rows, filters),
        "in_sites": entities.in_sites(rows, filters),
    }
    days = (("was", rows.c.was), ("is", rows.c.now))
    return select(
        *(func.max(stands).label(f"{day}_present") for day, stands in days),
        *(
            func.max(flag(and_(stands == 1, condition))).label(f"{day}_{name}")
            for day, stands in days
            for name, condition in conditions.items()
        ),
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
