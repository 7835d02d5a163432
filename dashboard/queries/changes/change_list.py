"""The devices in the bars: their number, a page of them, all of them.

Made of the select that the bars are made of, so that they cannot disagree.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)

from dashboard.base.params import ALL_CHANGES, BARS, Filters, Sort
from dashboard.queries.changes.bars import COUNTED, Bars, bar_conditions, can_compare, levels
from dashboard.queries.entities import NO_SITE, in_order
from dashboard.queries.moment import Moment
from dashboard.queries.own_sites import without_other_places
from db.history.changes import EntityChange, changes_between
from db.history.explain import EntityState
from db.history.reasons import Reason
from db.tables import sites

CHUNK = 500


@dataclass(frozen=True)
class Item:
    """A device, or machine, that changed, and its bar; None: in no bar."""

    bar: str | None
    changed: EntityChange

    @property
    def state(self) -> EntityState:
        """Its state now; of one that is gone, its last."""
        state = self.changed.now or self.changed.then
        assert state is not None
        return state

    @property
    def decisive(self) -> tuple[Reason, ...]:
        """What put it into its bar; without a bar, all that happened."""
        for codes in _DECISIVE.get(self.bar or "", ()):
            reasons = tuple(reason for reason in self.changed.reasons if reason.code in codes)
            if reasons:
                return reasons
        return self.changed.reasons

    @property
    def day(self) -> date | None:
        """The day of what put it into its bar; without a bar, of what happened last."""
        return max((reason.day for reason in self.decisive), default=None)


BY_BAR = Sort("bar")
DATE = "changed_on"
SORTS = ("bar", "site", "hostname", "display_name", "device_type", "billing_status", DATE)
_DECISIVE = {
    "added": (("source_began", "first_seen", "back"), ("unlinked",), ("linked",)),
    "removed": (("gone", "source_ended"), ("linked",), ("unlinked",)),
    "moved_in": (("site",),),
    "moved_out": (("site",),),
    "reclassified_in": (("billing_status",), ("device_type",)),
    "reclassified_out": (("billing_status",), ("device_type",)),
}
"""What dates a bar: the first group of which anything happened."""


def count(
    connection: Connection, moment: Moment, filters: Filters, bars: Bars | None = None
) -> int:
    """How many changed: what `page` and `stream` give in all. Of the bars in `filters.changes`;
    of all of them, if it names none; with `ALL_CHANGES`, also of what changed and stands in none,
    counted on both days.

    Args:
        bars: those of the same question, if they are known: then they need not be counted again.
    """
    if not can_compare(moment, filters):
        return 0
    if bars is not None and ALL_CHANGES not in filters.changes:
        return sum(getattr(bars, name) or 0 for name in filters.changes or BARS)
    rows = levels(moment, filters).subquery("entities")
    return connection.scalar(select(func.count()).where(_listed(rows, filters))) or 0


def page(
    connection: Connection,
    moment: Moment,
    filters: Filters,
    *,
    sort: Sort = BY_BAR,
    offset: int = 0,
    limit: int = 100,
) -> list[Item]:
    """The changes from `offset` on, at most `limit`."""
    if not can_compare(moment, filters):
        return []
    if sort.column == DATE:
        # The day follows from what happened, so sorting by it needs all changes.
        everything = list(chain.from_iterable(stream(connection, moment, filters, sort=sort)))
        return everything[offset : offset + limit]
    statement = _keys(moment, filters, sort).limit(limit).offset(offset)
    return _items(connection, moment, filters, connection.execute(statement).all())


def stream(
    connection: Connection, moment: Moment, filters: Filters, *, sort: Sort = BY_BAR
) -> Iterator[list[Item]]:
    """Every change in chunks."""
    if not can_compare(moment, filters):
        return
    by_date = sort.column == DATE
    keys = connection.execute(_keys(moment, filters, BY_BAR if by_date else sort)).all()
    if not by_date:
        for first in range(0, len(keys), CHUNK):
            yield _items(connection, moment, filters, keys[first : first + CHUNK])
        return
    items = _items(connection, moment, filters, keys)
    dated = [item for item in items if item.day is not None]
    dated.sort(key=lambda item: item.day or date.min, reverse=sort.descending)
    yield dated + [item for item in items if item.day is None]


def _items(
    connection: Connection, moment: Moment, filters: Filters, keys: Sequence[Any]
) -> list[Item]:
    assert moment.then.day and moment.now.day and moment.kept
    changes = changes_between(
        connection, filters.basis, moment.then.day, moment.now.day, moment.rules, moment.kept,
        [key for key, _bar in keys],
    )  # fmt: skip
    return [
        Item(bar, without_other_places(connection, change))
        for change, (_key, bar) in zip(changes, keys, strict=True)
    ]


def _listed(rows: Subquery, filters: Filters) -> ColumnElement[bool]:
    """Whether the row is in the list that the filters ask for."""
    conditions = bar_conditions(rows)
    everything = ALL_CHANGES in filters.changes
    names = [name for name in BARS if everything or not filters.changes or name in filters.changes]
    listed = [conditions[name] for name in names]
    if everything:
        counted = and_(rows.c.was_level == COUNTED, rows.c.is_level == COUNTED)
        listed.append(and_(counted, rows.c.differs == 1))
    return or_(*listed)


def _keys(moment: Moment, filters: Filters, sort: Sort) -> Select[Any]:
    """The key and the bar of every listed change, in a total order."""
    columns = {"site_id", "hostname"} | ({sort.column} & {*SORTS} - {"bar", "site"})
    rows = levels(moment, filters, *sorted(columns)).subquery("entities")
    conditions = bar_conditions(rows)
    bar = case(*((conditions[name], name) for name in BARS))
    turn = case(*((conditions[name], place) for place, name in enumerate(BARS)), else_=len(BARS))
    site = func.lower(func.coalesce(sites.c.name, literal(NO_SITE)))
    host = func.lower(rows.c.hostname)
    chosen = {"bar": turn, "site": site, "hostname": host}
    first = chosen[sort.column] if sort.column in chosen else func.lower(rows.c[sort.column])
    order = in_order(first, descending=sort.descending)
    return (
        select(rows.c.key, bar.label("bar"))
        .select_from(rows)
        .outerjoin(sites, sites.c.site_id == rows.c.site_id)
        .where(_listed(rows, filters))
        .order_by(*order, turn, site, *in_order(host), rows.c.key)
    )
