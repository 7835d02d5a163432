"""Which sites a change, a bar or a count comes from: the parts add up to the figure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Select, and_, case, func, not_, or_, select

from dashboard.base.params import STATUSES, TYPES, Filters
from dashboard.queries import entities
from dashboard.queries.changes import change_list
from dashboard.queries.changes.bars import (
    ABSENT,
    COUNTED,
    ELSEWHERE,
    IN_SITES,
    LEVELS_OF_BAR,
    can_compare,
    signed_change,
)
from dashboard.queries.counts import Count
from dashboard.queries.moment import Moment
from dashboard.queries.names import site_names
from db.history.views import rows_on_either_day

TOP = 3
"""How many parts are named; the others are summed."""

MOST_DATED = 200
"""The most changes of a part that are read for their dates."""

MOST_LISTED = 60
"""The most sites that an address names."""

Part = TypeVar("Part")


@dataclass(frozen=True)
class Parts(Generic[Part]):
    """The biggest parts of a figure, and the others."""

    top: tuple[Part, ...] = ()
    rest: tuple[Part, ...] = ()

    def __iter__(self) -> Any:
        return iter((*self.top, *self.rest))


@dataclass(frozen=True)
class SiteChange:
    """What one site adds to a change, or to one of its bars.

    Attributes:
        bars: how many devices stand in each bar when only this site is asked for: its list.
        became: the billing status that all devices in its bar "reclassified_out" have now and that
            the filters leave out; None when they differ.
        in_bar: when one bar is explained: how many devices of the site stand in it.
        days: the first and the last day of the changes in each bar, where they are few.
    """

    site_id: int
    site: str
    bars: dict[str, int]
    became: str | None = None
    in_bar: int = 0
    days: dict[str, tuple[date, date]] = field(default_factory=dict)

    @property
    def net(self) -> int:
        """How many more devices the site has; negative when fewer."""
        return sum(signed_change(bar, n) or 0 for bar, n in self.bars.items())


@dataclass(frozen=True)
class CountPart:
    """The devices of a count that have one value of a dimension: "site", "type" or "status".
    `name` is the value, of a site its name."""

    dimension: str
    name: str
    n: int
    filters: Filters


def site_changes(
    connection: Connection, moment: Moment, filters: Filters, bar: str | None = None
) -> Parts[SiteChange]:
    """The sites whose count changed, the largest change first; with `bar`, those with devices in
    that bar. Empty before the basis's first snapshot.

    The changes of all sites add up to that of the filters, and `in_bar` to the bar.
    """
    if not can_compare(moment, filters):
        return Parts()
    alone: dict[int, Counter[str]] = defaultdict(Counter)
    shared: Counter[int] = Counter()
    statuses: dict[int, set[str]] = defaultdict(set)
    asked = set(filters.sites)
    for group in connection.execute(_groups(moment, filters)):
        for site in {group.was_site, group.is_site} - {None}:
            if asked and site not in asked:
                continue
            name = _bar(group, {site}.__contains__)
            if name is not None:
                alone[site][name] += group.n
                if name == "reclassified_out":
                    statuses[site].add(group.is_status)
        if bar is not None and _bar(group, lambda at: not asked or at in asked) == bar:
            counted_on = group.is_site if LEVELS_OF_BAR[bar][1] == COUNTED else group.was_site
            shared[counted_on] += group.n
    names = site_names(connection, alone)
    parts = [
        SiteChange(site, names[site], dict(bars), _became(statuses[site], filters), shared[site])
        for site, bars in alone.items()
    ]

    def size(part: SiteChange) -> int:
        return part.in_bar if bar is not None else abs(part.net)

    parts = [part for part in parts if size(part)]
    parts.sort(key=lambda part: (-size(part), part.site.casefold(), part.site_id))
    top, rest = split(parts)
    dated = (replace(part, days=_days(connection, moment, filters, part, bar)) for part in top)
    return Parts(tuple(dated), rest)


def count_parts(
    connection: Connection, filters: Filters, rows: Iterable[Count] | None
) -> Parts[CountPart]:
    """A count by site; of one site by type, and of one type by status. Empty when it has a single
    part."""
    rows = list(rows or ())
    names = site_names(connection, {row.site_id for row in rows})
    by_site: Counter[int] = Counter()
    by_type: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    for row in rows:
        by_site[row.site_id] += row.n
        by_type[row.device_type] += row.n
        by_status[row.billing_status] += row.n
    parts = [
        CountPart("site", names[site], n, filters.having(sites=(site,)))
        for site, n in by_site.items()
    ]
    if len(parts) < 2:
        parts = [
            CountPart("type", name, by_type[name], filters.having(types=(name,)))
            for name in TYPES if by_type[name]
        ]  # fmt: skip
    if len(parts) < 2:
        parts = [
            CountPart("status", name, by_status[name], filters.having(statuses=(name,)))
            for name in STATUSES if by_status[name]
        ]  # fmt: skip
    if len(parts) < 2:
        return Parts()
    parts.sort(key=lambda part: (-part.n, part.name.casefold()))
    return Parts(*split(parts))


def split(parts: Sequence[Part]) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """The parts that are named, of those in order, and the others."""
    # "and 1 more site" is no shorter than to name it.
    top = TOP + 1 if len(parts) == TOP + 1 else TOP
    return tuple(parts[:top]), tuple(parts[top:])


def _groups(moment: Moment, filters: Filters) -> Select[Any]:
    """How many devices changed in the same way: the site on both days (None: not there), whether
    the filters without their sites counted them, and the billing status."""
    assert moment.then.day is not None and moment.now.day is not None
    everywhere = filters.having(sites=())
    columns = {*entities.filter_columns(everywhere), "site_id", "billing_status"}
    rows = rows_on_either_day(
        moment.then.day, moment.now.day, filters.basis, moment.rules, sorted(columns)
    )
    counted = entities.flag(entities.matches(rows, everywhere))
    entity = (
        select(
            func.max(case((rows.c.was == 1, rows.c.site_id))).label("was_site"),
            func.max(case((rows.c.now == 1, rows.c.site_id))).label("is_site"),
            func.max(case((rows.c.was == 1, counted), else_=0)).label("was_counted"),
            func.max(case((rows.c.now == 1, counted), else_=0)).label("is_counted"),
            func.max(case((rows.c.now == 1, rows.c.billing_status))).label("is_status"),
        )
        .group_by(rows.c.key)
        .subquery("entities")
    )
    c = entity.c
    same = and_(c.was_counted == 1, c.is_counted == 1, c.was_site == c.is_site)
    # What is absent on a day has no site then, and NULL is no answer.
    unchanged = and_(c.was_site.is_not(None), c.is_site.is_not(None), same)
    either = or_(c.was_counted == 1, c.is_counted == 1)
    return (
        select(*c, func.count().label("n"))
        .where(either, not_(unchanged))
        .group_by(*c)
    )  # fmt: skip


def _bar(group: Row[Any], inside: Callable[[int], bool]) -> str | None:
    """The bar of a group of devices, when only the sites that are `inside` are asked for."""

    def level(site: int | None, counted: int) -> int:
        if site is None:
            return ABSENT
        if not inside(site):
            return ELSEWHERE
        return COUNTED if counted else IN_SITES

    both = level(group.was_site, group.was_counted), level(group.is_site, group.is_counted)
    return next((bar for bar, levels in LEVELS_OF_BAR.items() if levels == both), None)


def _became(statuses: set[str], filters: Filters) -> str | None:
    if len(statuses) != 1 or statuses & set(filters.statuses):
        return None
    return next(iter(statuses))


def _days(
    connection: Connection, moment: Moment, filters: Filters, part: SiteChange, bar: str | None
) -> dict[str, tuple[date, date]]:
    bars = part.bars if bar is None else {bar: part.in_bar}
    # Devices of the bar that came from another of the sites are not in the site's own list.
    if sum(bars.values()) > MOST_DATED or (bar is not None and part.bars.get(bar) != part.in_bar):
        return {}
    there = filters.having(sites=(part.site_id,), changes=tuple(bars))
    by_bar: dict[str, list[date]] = defaultdict(list)
    for item in change_list.page(connection, moment, there, limit=MOST_DATED):
        if item.bar is not None and item.day is not None:
            by_bar[item.bar].append(item.day)
    return {name: (min(days), max(days)) for name, days in by_bar.items()}
