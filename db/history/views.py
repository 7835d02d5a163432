"""What is counted as of a day: the records of every source, and each machine once.

Every count, list, export and difference, and the stored daily counts too, are made from these two
selects, so they cannot disagree. They know nothing of filters: whoever asks adds those.
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
"""The basis that counts each machine once; the other stored ones are the sources."""

BILLABLE = "billable"

Day = date | ColumnElement[date]

_STRETCH = tuple(column.name for column in device_snapshots.c)
_TYPED = ("device_type", "type_reason")
_CARRIED = ("source", "asset_id", "site_id", "billing_status")
"""Columns so narrow that windows carry them along more cheaply than they are fetched again."""
ASSET_COLUMNS = (*_STRETCH, "sources")
"""Everything that `assets_as_of` can tell of a machine."""


def records_as_of(day: Day, *, columns: Collection[str] = _STRETCH) -> Select[Any]:
    """One row per record of every source that stands on `day`: its stretch.

    Args:
        day: a date, or a date column of another table: then one row per record and value of it,
            told apart by a last column `day`.
        columns: those that are asked of it.
    """
    asked = (device_snapshots.c[name] for name in columns)
    return select(*asked, *_day_column(day)).where(as_of(day))


def assets_as_of(
    day: Day,
    rules: RulesByDay | None = None,
    *,
    columns: Collection[str] = ASSET_COLUMNS,
    asset_ids: Sequence[int] | ColumnElement[int] | None = None,
) -> Select[Any]:
    """One row per machine that stands on `day`: the stretch of the record that speaks for it.

    The columns are those of `records_as_of`, with `device_type` and `type_reason` of the first
    record that knows its type, and `sources`: who manages the machine, in the order in which they
    speak, joined by ", "; who has it, when none manages it.

    Args:
        day: as in `records_as_of`.
        rules: their `source_order` says who speaks first (default: the order of the registered
            sources); a source it does not name speaks last and unlisted. Records of their
            `spare_node_classes`, the guests, speak only where no other record of their source does.
        columns: those that are asked of it; it costs what they cost.
        asset_ids: only these machines; a column beside `day`: each machine on its own days.
    """
    eras = _eras(day, rules or RulesByDay.always(Rules(1)))
    keyed = _keyed(day, eras)
    if isinstance(asset_ids, ColumnElement):
        keyed = keyed.where(device_snapshots.c.asset_id == asset_ids)
    elif asset_ids is not None:
        keyed = keyed.where(device_snapshots.c.asset_id.in_(asset_ids))
    fetched = set(columns) - {*_CARRIED, *_TYPED, "device_id", "valid_from", "sources"}
    carried = () if fetched else tuple(name for name in _CARRIED if name in columns)
    named = sorted({source for _first, each in eras for source in each.source_order})
    ranked = _ranked(keyed, day, named, columns, carried).subquery("ranked")
    said = ranked.c if carried else device_snapshots.c
    asked: list[ColumnElement[Any]] = [
        ranked.c[name] if name in _TYPED else said[name] for name in _STRETCH if name in columns
    ]
    if "sources" in columns:
        on = day if isinstance(day, date) else ranked.c.day
        asked.append(_by_day(on, eras, lambda each: _listed(ranked, each)).label("sources"))
    machines = select(*asked, *(ranked.c[name] for name in _day_name(day)))
    if not carried:
        stretch = device_snapshots.c
        machines = machines.join_from(
            ranked,
            device_snapshots,
            and_(
                stretch.device_id == ranked.c.device_id, stretch.valid_from == ranked.c.valid_from
            ),
        )
    return machines.where(ranked.c.turn == 1)


def rows_on_either_day(
    then: date, now: date, basis: str, rules: RulesByDay, columns: Collection[str]
) -> Subquery:
    """What stands on either day in `basis`: `key` (a device, or an asset), `columns`, and `was`
    and `now`, 1 where the row stands on the first and the second day."""
    if basis == "assets":
        asked = {"asset_id", *columns}
        views = [
            (assets_as_of(day, rules, columns=asked).subquery(), was, is_now)
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
    said, was, is_now = device_snapshots.c, as_of(then), as_of(now)
    rows = select(
        said.device_id.label("key"),
        *(said[name] for name in columns),
        flag(was).label("was"),
        flag(is_now).label("now"),
    ).where(or_(was, is_now))
    if basis != "records":
        rows = rows.where(said.source == basis)
    return rows.subquery("both_days")


def flag(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """1 where `condition` holds, else 0: what can be summed on every database."""
    return case((condition, 1), else_=0)


_Eras = Sequence[tuple[date, Rules]]


def _eras(day: Day, rules: RulesByDay) -> _Eras:
    return [(date.min, rules.effective_on(day))] if isinstance(day, date) else rules.precedence_eras


def _by_day(
    day: Day, eras: _Eras, value: Callable[[Rules], ColumnElement[Any]]
) -> ColumnElement[Any]:
    """`value` of the rules of the day."""
    (_first, oldest), *later = eras
    if not later:
        return value(oldest)
    told = [(literal(first, Date) <= day, value(rules)) for first, rules in reversed(later)]
    return case(*told, else_=value(oldest))


def _listed(ranked: FromClause, rules: Rules) -> ColumnElement[str]:
    """`sources`: those that know the machine as well as the best of them."""
    listed: ColumnElement[str] = literal("")
    for source in rules.source_order:
        speaks = ranked.c[f"level_{source}"] == ranked.c.level
        listed = listed.concat(case((speaks, literal(f", {source}")), else_=literal("")))
    # From the third character on: without the first comma and space.
    return func.substr(listed, 3)


def _ranked(
    keyed: Select[Any],
    day: Day,
    named: Sequence[str],
    columns: Collection[str],
    carried: Sequence[str],
) -> Select[Any]:
    """Every record of `keyed` with its `turn` to speak for its machine and, if asked for, the
    machine's type, and how well each source, and the best of all, knows it: 2 manages, 1 has it,
    0 not.

    Narrow on purpose, and joined to its stretch again where more than `carried` is asked: windows
    cost by the width of their rows and by their keys, here a third of what they would with all
    columns.
    """
    said = keyed.subquery("said")
    machine = [*(said.c[name] for name in _day_name(day)), said.c.asset_id]
    # Ids last: whatever else is equal, the same record speaks on every database.
    newest_first = (said.c.first_seen.desc(), said.c.device_id.desc())
    speaking, typed = (said.c.speaks, *newest_first), (said.c.types, *newest_first)
    windows = [
        func.first_value(said.c[name]).over(partition_by=machine, order_by=typed).label(name)
        for name in _TYPED
        if name in columns
    ]
    if "sources" in columns:
        windows.append(func.max(said.c.level).over(partition_by=machine).label("level"))
        windows += [
            func.max(case((said.c.source == source, said.c.level), else_=0))
            .over(partition_by=machine)
            .label(f"level_{source}")
            for source in named
        ]
    return select(
        said.c.device_id,
        said.c.valid_from,
        *(said.c[name] for name in _day_name(day)),
        *(said.c[name] for name in carried),
        func.row_number().over(partition_by=machine, order_by=speaking).label("turn"),
        *windows,
    )


def _keyed(day: Day, eras: _Eras) -> Select[Any]:
    """Every record with two numbers: the lowest `speaks` speaks for its machine, the lowest
    `types` tells its type."""
    said = device_snapshots.c
    excluded = case((said.billing_status == "excluded", 1), else_=0)
    unknown = case((said.device_type == "unknown", 1), else_=0)
    within = _by_day(day, eras, _within)
    return (
        select(
            said.device_id,
            said.valid_from,
            said.asset_id,
            said.source,
            said.site_id,
            said.billing_status,
            *(said[name] for name in _TYPED),
            devices.c.first_seen,
            (excluded * 1000 + within).label("speaks"),
            (excluded * 1000 + unknown * 500 + within).label("types"),
            (2 - excluded).label("level"),
            *_day_column(day),
        )
        .join(devices, devices.c.device_id == said.device_id)
        .where(as_of(day))
    )


def _within(rules: Rules) -> ColumnElement[int]:
    """The place of a record among those that are managed alike."""
    said, order = device_snapshots.c, rules.source_order
    rank = case(
        *((said.source == source, position) for position, source in enumerate(order)),
        else_=len(order),
    )
    guest = case((said.node_class.in_(rules.spare_node_classes), 1), else_=0)
    return rank * 2 + guest


def _day_column(day: Day) -> list[ColumnElement[date]]:
    return [] if isinstance(day, date) else [day.label("day")]


def _day_name(day: Day) -> list[str]:
    return [] if isinstance(day, date) else ["day"]
