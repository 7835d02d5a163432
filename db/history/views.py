"""The two selects behind every number: the records of a day, and the machines of a day.

Counts, lists, exports, differences and the stored daily counts are all made from these two, so they
cannot disagree. Filters are added by the callers.

A machine (an asset) may have several records, from different sources or the same one. One of them
is its primary record, which provides its site, names and billing status. `_ranked` puts the records
of a machine in this order, and the first one is primary:

1. records that their source manages before excluded ones;
2. by the place of their source in the rules' `source_order`, unlisted sources last;
3. within a source, what a host reports of its guests (`spare_node_classes`) after other records;
4. the most recently first seen; then the higher device id, so that all databases choose the same.

The device type comes from the first record in a slightly different order: after 1., records of a
known type come before records of an unknown type.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)

from db.keys import as_of
from db.rules import Rules, RulesByDay
from db.tables import device_snapshots, devices

ASSETS = "assets"
"""The basis that counts each machine once. The other stored bases are the names of the sources."""

BILLABLE, EXCLUDED = "billable", "excluded"

Day = date | ColumnElement[date]

_STRETCH_COLUMNS = tuple(column.name for column in device_snapshots.c)
_TYPE_COLUMNS = ("device_type", "type_reason")
_NARROW_COLUMNS = ("source", "asset_id", "site_id", "billing_status")
"""Columns so narrow that selecting them through the window functions costs less than joining them
afterwards."""
ASSET_COLUMNS = (*_STRETCH_COLUMNS, "sources")
"""The columns of `assets_as_of`."""


def records_as_of(day: Day, *, columns: Collection[str] = _STRETCH_COLUMNS) -> Select[Any]:
    """One row per record of any source that is present on `day`: its stretch.

    Args:
        day: a date, or a date column of another table; then there is one row per record and value
            of that column, which is returned as the last column, `day`.
        columns: the columns to select.
    """
    selected = (device_snapshots.c[name] for name in columns)
    return select(*selected, *_day_column(day)).where(as_of(day))


def assets_as_of(
    day: Day,
    rules: RulesByDay | None = None,
    *,
    columns: Collection[str] = ASSET_COLUMNS,
    asset_ids: Sequence[int] | Select[tuple[int]] | ColumnElement[int] | None = None,
) -> Select[Any]:
    """One row per machine that is present on `day`: the stretch of its primary record.

    The columns are those of `records_as_of`, with `device_type` and `type_reason` of the first
    record whose type is known, and `sources`: the sources that manage the machine, in order of
    precedence, joined by ", "; if none manages it, those that have it.

    Args:
        day: as in `records_as_of`.
        rules: their `source_order` (default: the order of the registered sources) and
            `spare_node_classes` decide which record is primary; `sources` leaves out sources that
            are not in the order.
        columns: the columns to select. Select no more than needed: the statement depends on them.
        asset_ids: only these machines, or those that are selected; or a column beside `day`, for
            each machine on its own days.
    """
    eras = _eras(day, rules or RulesByDay.always(Rules(1)))
    stretches = _with_precedence(day, eras)
    if isinstance(asset_ids, ColumnElement):
        stretches = stretches.where(device_snapshots.c.asset_id == asset_ids)
    elif asset_ids is not None:
        stretches = stretches.where(device_snapshots.c.asset_id.in_(asset_ids))
    fetched = set(columns) - {
        *_NARROW_COLUMNS,
        *_TYPE_COLUMNS,
        "device_id",
        "valid_from",
        "sources",
    }
    carried = () if fetched else tuple(name for name in _NARROW_COLUMNS if name in columns)
    named = sorted({source for _first, each in eras for source in each.source_order})
    ranked = _ranked(stretches, day, named, columns, carried).subquery("ranked")
    values = ranked.c if carried else device_snapshots.c
    selected: list[ColumnElement[Any]] = [
        ranked.c[name] if name in _TYPE_COLUMNS else values[name]
        for name in _STRETCH_COLUMNS
        if name in columns
    ]
    if "sources" in columns:
        on = day if isinstance(day, date) else ranked.c.day
        selected.append(
            _case_by_day(on, eras, lambda each: _sources_column(ranked, each)).label("sources")
        )
    machines = select(*selected, *(ranked.c[name] for name in _day_name(day)))
    if not carried:
        stretch = device_snapshots.c
        machines = machines.join_from(
            ranked,
            device_snapshots,
            and_(
                stretch.device_id == ranked.c.device_id, stretch.valid_from == ranked.c.valid_from
            ),
        )
    return machines.where(ranked.c.place == 1)


def machines_at(site_ids: Collection[int], *days: date) -> Select[tuple[int]]:
    """The machines of which a record was at one of the sites on one of the days. The site of a
    machine is that of its primary record, so these are more than those that count there: they spare
    a question about a few sites the machines of all others."""
    at_sites = device_snapshots.c.site_id.in_(site_ids)
    return select(device_snapshots.c.asset_id).where(at_sites, or_(*map(as_of, days)))


def rows_on_either_day(
    then: date,
    now: date,
    basis: str,
    rules: RulesByDay,
    columns: Collection[str],
    *,
    site_ids: Collection[int] = (),
) -> Subquery:
    """Everything in `basis` that is present on either day: `key` (device id, or asset id),
    `columns`, and `was` and `now`: 1 if the row is in force on the first, the second day, else 0.

    A stretch that spans both days is one row; a machine (basis "assets") has one row for each day.

    Args:
        site_ids: what never was at these sites may be left out; none means all sites.
    """
    if basis == "assets":
        needed = {"asset_id", *columns}
        asset_ids = machines_at(site_ids, then, now) if site_ids else None
        views = [
            (
                assets_as_of(day, rules, columns=needed, asset_ids=asset_ids).subquery(),
                was,
                is_now,
            )
            for day, was, is_now in ((then, 1, 0), (now, 0, 1))
        ]
        both = union_all(
            *(
                select(
                    view.c.asset_id.label("key"),
                    *(view.c[name] for name in columns),
                    literal(was, Integer).label("was"),
                    literal(is_now, Integer).label("now"),
                )
                for view, was, is_now in views
            )
        )
        return both.subquery("both_days")
    stretch, was, is_now = device_snapshots.c, as_of(then), as_of(now)
    rows = select(
        stretch.device_id.label("key"),
        *(stretch[name] for name in columns),
        flag(was).label("was"),
        flag(is_now).label("now"),
    ).where(or_(was, is_now))
    if basis != "records":
        rows = rows.where(stretch.source == basis)
    return rows.subquery("both_days")


def flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """1 if `condition` holds, else 0: a boolean that every database can sum."""
    return case((condition, 1), else_=0)


def is_managed(records: FromClause) -> ColumnElement[bool]:
    """Whether a record counts as one that its source manages: every one that is not excluded. That
    a source does not manage a record now, and that its site is internal, are the same in every
    respect (docs/rules.md, 2 and 4)."""
    return records.c.billing_status != EXCLUDED


_Eras = Sequence[tuple[date, Rules]]


def _eras(day: Day, rules: RulesByDay) -> _Eras:
    return [(date.min, rules.effective_on(day))] if isinstance(day, date) else rules.precedence_eras


def _case_by_day(
    day: Day, eras: _Eras, value: Callable[[Rules], ColumnElement[Any]]
) -> ColumnElement[Any]:
    """SQL for `value` of the rules that apply to `day`."""
    (_first, oldest), *later = eras
    if not later:
        return value(oldest)
    later_values = [(literal(first, Date) <= day, value(rules)) for first, rules in reversed(later)]
    return case(*later_values, else_=value(oldest))


def _sources_column(ranked: FromClause, rules: Rules) -> ColumnElement[str]:
    """The column `sources`: the sources whose level is the highest level of all."""
    listed: ColumnElement[str] = literal("")
    for source in rules.source_order:
        highest = ranked.c[f"level_{source}"] == ranked.c.level
        listed = listed.concat(case((highest, literal(f", {source}")), else_=literal("")))
    # Without the first comma and space.
    return func.substr(listed, 3)


def _ranked(
    stretches: Select[Any],
    day: Day,
    named: Sequence[str],
    columns: Collection[str],
    carried: Sequence[str],
) -> Select[Any]:
    """The stretches of `_with_precedence` with their `place` within their machine (1: primary). If
    they are among the `columns`, also the machine's type, and its level with each source and the
    highest level of all: 2 managed, 1 present, 0 absent.

    Narrow on purpose: the cost of window functions grows with the width of the rows and with the
    keys; here it is a third of what it would be with all columns. The caller joins the stretch if
    it needs more than the `carried` columns.
    """
    records = stretches.subquery("records")
    machine = [*(records.c[name] for name in _day_name(day)), records.c.asset_id]
    # The id last: every database then chooses the same record.
    newest_first = (records.c.first_seen.desc(), records.c.device_id.desc())
    primary_first = (records.c.precedence, *newest_first)
    typed_first = (records.c.type_precedence, *newest_first)
    windows = [
        func.first_value(records.c[name])
        .over(partition_by=machine, order_by=typed_first)
        .label(name)
        for name in _TYPE_COLUMNS
        if name in columns
    ]
    if "sources" in columns:
        windows.append(func.max(records.c.level).over(partition_by=machine).label("level"))
        windows += [
            func.max(case((records.c.source == source, records.c.level), else_=0))
            .over(partition_by=machine)
            .label(f"level_{source}")
            for source in named
        ]
    return select(
        records.c.device_id,
        records.c.valid_from,
        *(records.c[name] for name in _day_name(day)),
        *(records.c[name] for name in carried),
        func.row_number().over(partition_by=machine, order_by=primary_first).label("place"),
        *windows,
    )


def _with_precedence(day: Day, eras: _Eras) -> Select[Any]:
    """Every record with its `precedence` as primary record and as source of the machine's type
    (`type_precedence`), the lowest first, and its `level`."""
    stretch = device_snapshots.c
    is_excluded = case((is_managed(device_snapshots), 0), else_=1)
    is_unknown = case((stretch.device_type == "unknown", 1), else_=0)
    within_level = _case_by_day(day, eras, _precedence_within_level)
    return (
        select(
            stretch.device_id,
            stretch.valid_from,
            stretch.asset_id,
            stretch.source,
            stretch.site_id,
            stretch.billing_status,
            *(stretch[name] for name in _TYPE_COLUMNS),
            devices.c.first_seen,
            (is_excluded * 1000 + within_level).label("precedence"),
            (is_excluded * 1000 + is_unknown * 500 + within_level).label("type_precedence"),
            (2 - is_excluded).label("level"),
            *_day_column(day),
        )
        .join(devices, devices.c.device_id == stretch.device_id)
        .where(as_of(day))
    )


def _precedence_within_level(rules: Rules) -> ColumnElement[int]:
    """The precedence of a record among those of the same level."""
    stretch, order = device_snapshots.c, rules.source_order
    place = case(
        *((stretch.source == source, position) for position, source in enumerate(order)),
        else_=len(order),
    )
    is_guest = case((stretch.node_class.in_(rules.spare_node_classes), 1), else_=0)
    return place * 2 + is_guest


def _day_column(day: Day) -> list[ColumnElement[date]]:
    return [] if isinstance(day, date) else [day.label("day")]


def _day_name(day: Day) -> list[str]:
    return [] if isinstance(day, date) else ["day"]
