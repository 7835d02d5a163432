"""What is counted as of a day: the records of every source, and each machine once.

Every count, list, export and difference, and the stored daily counts too, are made from these two
selects, so they cannot disagree. They know nothing of filters: whoever asks adds those.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
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

from db.asof import as_of
from db.rules import Rules
from db.tables import device_snapshots, devices

SOURCE_ORDER = ("ninja", "threatlocker", "agent")
"""The order in which sources speak for a machine (PRODUCT.md rule 4)."""

SPARE_NODE_CLASSES = ("VMWARE_VM_GUEST",)

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


def records_as_of(day: Day) -> Select[Any]:
    """One row per record of every source that stands on `day`: its stretch, all columns.

    Args:
        day: a date, or a date column of another table: then one row per record and value of it,
            told apart by a last column `day`.
    """
    return select(*device_snapshots.c, *_day_column(day)).where(as_of(day))


def assets_as_of(
    day: Day,
    source_order: tuple[str, ...] = SOURCE_ORDER,
    spare_node_classes: tuple[str, ...] = SPARE_NODE_CLASSES,
    *,
    columns: Collection[str] = ASSET_COLUMNS,
    asset_ids: Sequence[int] | ColumnElement[int] | None = None,
) -> Select[Any]:
    """One row per machine that stands on `day`: the stretch of the record that speaks for it.

    The columns are those of `records_as_of`, with `device_type` and `type_reason` of the first
    record that knows its type, and `sources`: who manages the machine, in `source_order`
    ("ninja, threatlocker"); who has it, when none manages it.

    Args:
        day: as in `records_as_of`.
        source_order: who speaks first; a source it does not name speaks last and unlisted.
        spare_node_classes: classes of guest records, which speak only where no other record of
            their source does.
        columns: those that are asked of it; it costs what they cost.
        asset_ids: only these machines; a column beside `day`: each machine on its own days.
    """
    keyed = _keyed(day, source_order, spare_node_classes)
    if isinstance(asset_ids, ColumnElement):
        keyed = keyed.where(device_snapshots.c.asset_id == asset_ids)
    elif asset_ids is not None:
        keyed = keyed.where(device_snapshots.c.asset_id.in_(asset_ids))
    fetched = set(columns) - {*_CARRIED, *_TYPED, "device_id", "valid_from", "sources"}
    carried = () if fetched else tuple(name for name in _CARRIED if name in columns)
    ranked = _ranked(keyed, day, source_order, columns, carried).subquery("ranked")
    said = ranked.c if carried else device_snapshots.c
    asked: list[ColumnElement[Any]] = [
        ranked.c[name] if name in _TYPED else said[name] for name in _STRETCH if name in columns
    ]
    if "sources" in columns:
        asked.append(_listed(ranked, source_order))
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


def standing_on_both(
    then: date, now: date, basis: str, rules: Rules, columns: Collection[str]
) -> Subquery:
    """What stands on either day in `basis`: `key` (a device, or an asset), `columns`, and `was`
    and `now`, 1 where the row stands on the first and the second day."""
    if basis == "assets":
        order, classes = rules.source_order, rules.spare_node_classes
        asked = {"asset_id", *columns}
        views = [
            (assets_as_of(day, order, classes, columns=asked).subquery(), was, is_now)
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


def _listed(ranked: FromClause, source_order: tuple[str, ...]) -> ColumnElement[str]:
    """`sources`: those that know the machine as well as the best of them."""
    listed: ColumnElement[str] = literal("")
    for position, source in enumerate(source_order):
        speaks = ranked.c[f"level_{position}"] == ranked.c.level
        listed = listed.concat(case((speaks, literal(f", {source}")), else_=literal("")))
    # From the third character on: without the first comma and space.
    return func.substr(listed, 3).label("sources")


def _ranked(
    keyed: Select[Any],
    day: Day,
    source_order: tuple[str, ...],
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
            .label(f"level_{position}")
            for position, source in enumerate(source_order)
        ]
    return select(
        said.c.device_id,
        said.c.valid_from,
        *(said.c[name] for name in _day_name(day)),
        *(said.c[name] for name in carried),
        func.row_number().over(partition_by=machine, order_by=speaking).label("turn"),
        *windows,
    )


def _keyed(
    day: Day, source_order: tuple[str, ...], spare_node_classes: tuple[str, ...]
) -> Select[Any]:
    """Every record with two numbers: the lowest `speaks` speaks for its machine, the lowest
    `types` tells its type."""
    said = device_snapshots.c
    excluded = case((said.billing_status == "excluded", 1), else_=0)
    unknown = case((said.device_type == "unknown", 1), else_=0)
    rank = case(
        *((said.source == source, position) for position, source in enumerate(source_order)),
        else_=len(source_order),
    )
    guest = case((said.node_class.in_(spare_node_classes), 1), else_=0)
    within = rank * 2 + guest
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


def _day_column(day: Day) -> list[ColumnElement[date]]:
    return [] if isinstance(day, date) else [day.label("day")]


def _day_name(day: Day) -> list[str]:
    return [] if isinstance(day, date) else ["day"]
