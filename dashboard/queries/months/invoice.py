"""The evidence of an invoice for one site and month: devices at both ends, changes and reasons.

Of a closed month everything comes from its closing, of an open one from what stands now.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from dashboard.base.params import ALL_CHANGES, BARS, BILLABLE, SOURCES, Filters
from dashboard.queries import moment
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes import change_list
from dashboard.queries.changes.change_list import Item
from dashboard.queries.devices import device_list
from dashboard.queries.imported_counts import Imported, imported_counts
from dashboard.queries.months import bases as month_bases
from dashboard.queries.months import month_table
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.month_table import Closing
from dashboard.queries.months.snapshots import MonthSource, PublishedSnapshots
from dashboard.queries.own_sites import without_other_places
from db.history.changes import EntityChange
from db.history.explain import EntityState
from db.history.kept import month_before, month_end, month_of
from db.months.closings import PACK_FORM
from db.tables import month_changes, month_closings, month_members

Row = Mapping[str, Any]
"""The fields of a device row; `last_contact` is always None, since it changes every day."""


@dataclass(frozen=True)
class Invoice:
    """One site's month. `opening` is None where the end of the month before is not known: then
    there are no bars either. `closing` of an open month is None and everything preliminary.

    `imported`: what the month counts from a file besides.

    Otherwise `opening`, the changes in a bar and `rows` add up, device by device.
    """

    filters: Filters
    month: str
    days: tuple[date, date]
    opening: list[Row] | None
    rows: list[Row]
    changes: list[Item]
    bases: BillingBases | None
    dates: dict[str, MonthSource]
    dates_before: dict[str, MonthSource]
    rule_version: int
    closing: Closing | None
    imported: Imported

    @property
    def pack_form(self) -> int:
        """The form of the files of its pack (`PACK_FORM`)."""
        return self.closing.pack_form if self.closing else PACK_FORM

    @property
    def bars(self) -> dict[str, int | None]:
        """How many devices are in each bar, between opening and closing."""
        known = self.opening is not None
        counts = Counter(item.bar for item in self.changes)
        return {
            "opening": len(self.opening) if self.opening is not None else None,
            **{bar: counts[bar] if known else None for bar in BARS},
            "closing": len(self.rows),
        }


def invoice(
    connection: Connection, site: int, month: str, basis: str, today: date
) -> Invoice | None:
    """The invoice of one site; None when the month's devices are not, or no longer, kept, or are
    before the basis's first snapshot."""
    filters = Filters(basis=basis, sites=(site,), statuses=BILLABLE)
    closing = month_table.current_closings(connection).get(month)
    if closing is not None:
        return _stored(connection, closing, filters)
    return _live(connection, month, filters, today)


# Of a closed month.


def _stored(connection: Connection, closing: Closing, filters: Filters) -> Invoice | None:
    if closing.members != 0 and not _any_member(connection, closing.closing_id):
        return None
    if closing.pack_form > 1 and not _is_known(closing.dates, filters, closing.pack_form):
        return None
    opening, changed = None, []
    rows = _members(connection, closing.closing_id, filters)
    if _is_known(closing.dates_before, filters, closing.pack_form):
        changed = _stored_changes(connection, closing.closing_id, filters)
        opening = _opening(connection, closing, filters, rows, changed)
    bases = month_bases.stored_bases(connection, closing.closing_id, filters)
    return Invoice(
        filters,
        closing.month,
        (month_end(month_before(closing.month)), month_end(closing.month)),
        None if opening is None else _by_hostname(opening, closing.pack_form),
        _by_hostname(rows, closing.pack_form),
        _by_bar(_without_other_places(connection, changed), closing.pack_form),
        _of_site(bases, filters),
        closing.dates,
        closing.dates_before,
        closing.rule_version,
        closing,
        month_table.imported_at_closing(connection, filters, {closing.month: closing})[
            closing.month
        ],
    )


def _is_known(dates: Mapping[str, MonthSource], filters: Filters, form: int) -> bool:
    """Whether what a basis counts is known on a day on which `dates` are in force: not before the
    first snapshot of its source; in the first form of packs of any source."""
    return filters.basis in dates if form > 1 and filters.basis in SOURCES else bool(dates)


def _any_member(connection: Connection, closing_id: int) -> bool:
    members = select(month_members.c.device_id).where(month_members.c.closing_id == closing_id)
    return connection.execute(members.limit(1)).first() is not None


def _members(connection: Connection, closing_id: int, filters: Filters) -> list[Row]:
    """The members that `filters` count, as device rows, their names as they were then."""
    c = month_members.c
    assets = filters.basis == "assets"
    rows = connection.execute(
        select(month_members).where(
            c.closing_id == closing_id,
            c.site_id.in_(filters.sites),
            c.billing_status.in_(filters.statuses),
            _counted(filters),
        )
    )
    members = []
    for row in rows.mappings():
        values = dict(row) | {"last_contact": None, "first_seen": row["first_seen"].isoformat()}
        if assets:
            values["device_type"] = row["asset_type"]
        members.append(_row(values, filters.basis))
    return members


def _counted(filters: Filters) -> ColumnElement[bool]:
    """Which members a basis counts."""
    c = month_members.c
    if filters.basis == "assets":
        return c.speaks.is_(True)
    return c.source.in_(SOURCES if filters.basis == "records" else (filters.basis,))


def _stored_changes(connection: Connection, closing_id: int, filters: Filters) -> list[Item]:
    """Every stored change of a device that counts on either day."""
    c = month_changes.c
    bases = SOURCES if filters.basis == "records" else (filters.basis,)
    bodies = connection.scalars(
        select(c.body).where(
            c.closing_id == closing_id,
            c.basis.in_(bases),
            or_(c.site_then.in_(filters.sites), c.site_now.in_(filters.sites)),
        )
    )
    changed = (EntityChange.from_json(json.loads(zlib.decompress(body))) for body in bodies)
    return [
        Item(_bar(change, filters), change)
        for change in changed
        if _counts(change.then, filters) or _counts(change.now, filters)
    ]


def _without_other_places(connection: Connection, items: Iterable[Item]) -> list[Item]:
    return [Item(item.bar, without_other_places(connection, item.changed)) for item in items]


def _counts(state: EntityState | None, filters: Filters) -> bool:
    return (
        state is not None
        and state.site_id in filters.sites
        and state.billing_status in filters.statuses
    )


def _bar(change: EntityChange, filters: Filters) -> str | None:
    """The bar of a change (docs/rules.md, 8)."""
    was, is_now = _counts(change.then, filters), _counts(change.now, filters)
    if was == is_now:
        return None
    other = change.then if is_now else change.now
    if other is None:
        return "added" if is_now else "removed"
    if other.site_id not in filters.sites:
        return "moved_in" if is_now else "moved_out"
    return "reclassified_in" if is_now else "reclassified_out"


def _opening(
    connection: Connection,
    closing: Closing,
    filters: Filters,
    rows: Sequence[Row],
    changed: Sequence[Item],
) -> list[Row]:
    """Who stood at the end of the month before: the members of the closing before this one; if
    those are no longer kept, today's without what changed."""
    c = month_closings.c
    before = connection.scalar(
        select(func.max(c.closing_id)).where(
            and_(c.month == month_before(closing.month), c.closing_id < closing.closing_id)
        )
    )
    if before is not None and _any_member(connection, before):
        return _members(connection, before, filters)
    name = "asset_id" if filters.basis == "assets" else "device_id"
    moved = {str(item.changed.key) for item in changed}
    then = [item.changed.then for item in changed if _counts(item.changed.then, filters)]
    stayed = [row for row in rows if row[name] not in moved]
    was = [_state_row(state, filters.basis) for state in then if state is not None]
    return [*stayed, *was]


# Of an open month.


def _live(connection: Connection, month: str, filters: Filters, today: date) -> Invoice | None:
    before, end = month_end(month_before(month)), month_end(month)
    newest = moment.resolve(connection, filters, today)
    day = newest.now.day
    if newest.newest is None or day is None or month_of(day) < month:
        return None
    if day <= end:
        # The month is not over: up to its newest snapshot, if it has one.
        end = newest.newest if month_of(newest.newest) == month else day
    compared = filters.having(as_of=end, compare_to=before, changes=(ALL_CHANGES,))
    both = moment.resolve(connection, compared, today)
    if both.now.day != end or not both.now.has_data(filters.basis):
        return None
    opening, changed = None, []
    if both.then.day == before and changes.can_compare(both, compared):
        then = moment.resolve(connection, filters.having(as_of=before), today)
        opening = _listed(connection, then, filters)
        changed = [item for part in change_list.stream(connection, both, compared) for item in part]
    bases = month_bases.computed_bases(connection, both, month, filters)
    snapshots = PublishedSnapshots(connection)
    return Invoice(
        filters,
        month,
        (before, end),
        opening,
        _listed(connection, both, filters),
        _by_bar(changed, PACK_FORM),
        _of_site(bases, filters),
        snapshots.in_force_on(end),
        snapshots.in_force_on(before) if opening is not None else {},
        both.rules.effective_on(end).version,
        None,
        # A count of the month's end, not of an earlier day.
        imported_counts(connection, filters, month).get(month, {})
        if end == month_end(month)
        else {},
    )


def _listed(connection: Connection, at: moment.Moment, filters: Filters) -> list[Row]:
    names = device_list.columns(filters.basis)
    rows = [
        _row(dict(zip(names, row, strict=True)) | {"last_contact": None}, filters.basis)
        for part in device_list.stream(connection, at, filters)
        for row in part
    ]
    return _by_hostname(rows, PACK_FORM)


# Of both.


def _of_site(bases: Sequence[BillingBases], filters: Filters) -> BillingBases | None:
    return next((row for row in bases if row.site_id in filters.sites), None)


def _state_row(state: EntityState, basis: str) -> Row:
    values = {name: getattr(state, name) for name in state.__slots__}
    return _row(values | {"last_contact": None, "first_seen": state.first_seen.isoformat()}, basis)


def _row(values: Mapping[str, Any], basis: str) -> Row:
    """In the columns of the basis, ids as decimal text."""
    ids = {name: str(values[name]) for name in ("device_id", "asset_id")}
    return {name: ids.get(name, values[name]) for name in device_list.columns(basis)} | {
        "first_seen": str(values["first_seen"])
    }


def _by_bar(items: Iterable[Item], form: int) -> list[Item]:
    """By bar, hostname and key: the same order on every database."""
    turns: dict[str | None, int] = {bar: turn for turn, bar in enumerate(BARS)}

    def place(item: Item) -> tuple[int, bool, str, int]:
        turn = turns.get(item.bar, len(BARS))
        return turn, *_hostname_place(item.state.hostname, form), item.changed.key

    return sorted(items, key=place)


def _by_hostname(rows: Iterable[Row], form: int) -> list[Row]:
    return sorted(
        rows, key=lambda row: (*_hostname_place(row["hostname"], form), int(row["device_id"]))
    )


def _hostname_place(hostname: str | None, form: int) -> tuple[bool, str]:
    """Its place among others; what has none is last, in the first form of packs first."""
    return hostname is None and form > 1, (hostname or "").casefold()
