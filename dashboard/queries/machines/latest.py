"""Machines as they last reported themselves, or were added by hand: which, in what state, what they
are.

`now` is in the business zone wherever it is asked for: whole days of age are counted there.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal, or_, select

from dashboard.base.machine_params import ADDED_BY_HAND, BY_NAME, STATES, MachineFilters
from dashboard.base.params import Sort
from dashboard.queries.entities import in_order
from dashboard.queries.machines.ages import in_bucket
from db.machines import is_added_by_hand
from db.search import contains_text_or_mac
from db.tables import inventory

ONLINE_WITHIN = timedelta(minutes=3)
"""A machine reports each minute: silent longer, it missed two reports and is late."""
LATE_WITHIN = timedelta(minutes=15)
CLONE_WARNING_FOR = timedelta(hours=24)
"""How long a shared id stays flagged after the last report that showed it."""

REPORT_COLUMNS = ("hostname", "os", "os_version", "created_at", "updated_at", "computer_activation")
"""What TatuScan's report shows and sorts by, in its order."""

_FOLDED = ("hostname", "site", "os", "os_version")
_m = inventory.c
# What a machine's marks of its newest reports are is ingest's: a kilobyte that nobody reads here.
_READ = [column for column in _m if column.name not in ("recent_reports", "search_text")]


def count(connection: Connection, filters: MachineFilters, now: datetime) -> int:
    """How many machines match."""
    number: int = connection.execute(
        select(func.count()).select_from(inventory).where(*matches(filters, now))
    ).scalar_one()
    return number


def by_state(connection: Connection, filters: MachineFilters, now: datetime) -> dict[str, int]:
    """How many machines match in each state, whatever `filters.states` says."""
    state = _state(now)
    rows = connection.execute(
        select(state, func.count()).where(*matches(filters, now, states=False)).group_by(state)
    )
    return dict.fromkeys(STATES, 0) | {name: n for name, n in rows}


def rows(
    connection: Connection,
    filters: MachineFilters,
    now: datetime,
    *,
    sort: Sort = BY_NAME,
    limit: int | None = None,
    offset: int = 0,
) -> Iterator[Mapping[str, Any]]:
    """One row per machine: the columns of `inventory`, its `state`, and `is_cloned`."""
    statement = _select(filters, now, sort.column, sort.descending)
    if limit is not None:
        statement = statement.limit(limit).offset(offset)
    streamed = connection.execution_options(yield_per=1000) if limit is None else connection
    for row in streamed.execute(statement).mappings():
        yield dict(row)


def find(connection: Connection, machine_id: str, now: datetime) -> Mapping[str, Any] | None:
    """The machine of that id."""
    row = connection.execute(_columns(now).where(_m.machine_id == machine_id.lower())).first()
    return None if row is None else dict(row._mapping)


def _select(filters: MachineFilters, now: datetime, sort: str, descending: bool) -> Select[Any]:
    if sort == "state":
        # Offline after online, what never reported last, and in each state the longest silent first
        # or last.
        by_hand, last = is_added_by_hand(), _m.received_at
        keys: Sequence[ColumnElement[Any]] = (
            [by_hand.desc(), last.asc()] if descending else [by_hand.asc(), last.desc()]
        )
    else:
        key = _key(sort)
        keys = in_order(key, descending=descending)
    return _columns(now).where(*matches(filters, now)).order_by(*keys, _m.machine_id)


def _key(sort: str) -> ColumnElement[Any]:
    if sort in ("memory_percent", "disk_percent"):
        kind = sort.split("_")[0]
        return _m[f"{kind}_used_mb"] * 1.0 / func.nullif(_m[f"{kind}_total_mb"], 0)
    return func.lower(_m[sort]) if sort in _FOLDED else _m[sort]


def _columns(now: datetime) -> Select[Any]:
    return select(*_READ, _state(now).label("state"), _is_cloned(now).label("is_cloned"))


def _state(now: datetime) -> ColumnElement[str]:
    return case(
        (is_added_by_hand(), literal(ADDED_BY_HAND)),
        (_m.received_at >= now - ONLINE_WITHIN, literal("online")),
        (_m.received_at >= now - LATE_WITHIN, literal("late")),
        else_=literal("offline"),
    )


def _is_cloned(now: datetime) -> ColumnElement[bool]:
    return and_(_m.clone_seen_at.is_not(None), _m.clone_seen_at >= now - CLONE_WARNING_FOR)


def matches(
    filters: MachineFilters, now: datetime, *, states: bool = True
) -> list[ColumnElement[bool]]:
    """What a machine must be to be counted, listed and exported; without `states`, in any
    state."""
    conditions: list[ColumnElement[bool]] = []
    if filters.q is not None:
        conditions.append(contains_text_or_mac(_m.search_text, filters.q))
    if states and filters.states:
        conditions.append(_state(now).in_(filters.states))
    named = (("site", filters.sites), ("os", filters.systems), ("os_version", filters.versions))
    for name, values in named:
        if values:
            conditions.append(func.coalesce(_m[name], "").in_(values))
    for name, values in (("os", filters.other_systems), ("os_version", filters.other_versions)):
        if values:
            conditions.append(func.coalesce(_m[name], "").not_in(values))
    if filters.ages:
        activation = _m.computer_activation
        conditions.append(or_(*(in_bucket(activation, bucket, now) for bucket in filters.ages)))
    if filters.clones:
        conditions.append(_is_cloned(now))
    return conditions


def report_rows(
    connection: Connection, sort: str, *, descending: bool = False
) -> Iterator[Sequence[Any]]:
    """Every machine in `REPORT_COLUMNS`, streamed; those without a value in `sort` come last."""
    key = func.lower(_m[sort]) if sort in REPORT_COLUMNS[:3] else _m[sort]
    columns = (_m[name] for name in REPORT_COLUMNS)
    statement = select(*columns).order_by(*in_order(key, descending=descending), _m.machine_id)
    yield from connection.execution_options(yield_per=1000).execute(statement)
