"""The states of devices or machines between two days, as segments without gaps.

A record's segments are its stored stretches. A machine has no stretches of its own: its state is
queried on every day on which it may change, which are the days on which a record of it begins or
ends, or the precedence of records changes.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Date, Row, Select, literal, select, union

from db.history.explain import EntityState, Segment
from db.history.kept import KeptDays
from db.history.views import Day, assets_as_of
from db.keys import as_of
from db.rules import RulesByDay
from db.tables import OPEN_END, device_snapshots, devices
from db.types import as_date

Segments = dict[int, list[Segment]]


@dataclass(frozen=True)
class Span:
    """The days from `first` to `last`; `kept` are the kept ones among them, in order."""

    first: date
    last: date
    kept: tuple[date, ...]

    @classmethod
    def from_kept_days(cls, then: date, now: date, kept: KeptDays) -> "Span":
        """The span with its kept days; `then` and `now` count as kept."""
        between = (then + timedelta(days=number) for number in range((now - then).days + 1))
        days = {then, now, *(day for day in between if kept.kept_on_or_before(day) == day)}
        return cls(then, now, tuple(sorted(days)))

    def has_kept_day(self, first: date, until: date) -> bool:
        """Whether there is a kept day from `first` up to but without `until`."""
        index = bisect_left(self.kept, first)
        return index < len(self.kept) and self.kept[index] < until


class _Stretch(NamedTuple):
    """A state from `first` up to but without `until`; the rest as in `Segment`."""

    first: date
    until: date
    state: EntityState | None
    restated: bool = False
    alias_key: str | None = None
    rule_version: int | None = None


def record_segments(
    connection: Connection, device_ids: Sequence[int], span: Span, names: Mapping[int, str]
) -> Segments:
    """The segments of each device by its id.

    Args:
        names: site id -> name.
    """
    stretch = device_snapshots.c
    statement = (
        select(
            *_COLUMNS, stretch.valid_from, stretch.valid_to, *(stretch[name] for name in _ORIGIN)
        )
        .join(devices, devices.c.device_id == stretch.device_id)
        .where(
            stretch.device_id.in_(device_ids),
            stretch.valid_from <= span.last,
            stretch.valid_to > span.first,
        )
        .order_by(stretch.device_id, stretch.valid_from)
    )
    stretches: dict[int, list[_Stretch]] = defaultdict(list)
    for row in connection.execute(statement):
        state = _state(row, names, None)
        stretches[row.device_id].append(
            _Stretch(row.valid_from, row.valid_to, state, *_origin(row))
        )
    return {key: _segments(of_device, span) for key, of_device in stretches.items()}


def machine_segments(
    connection: Connection,
    asset_ids: Sequence[int],
    span: Span,
    rules: RulesByDay,
    names: Mapping[int, str],
) -> Segments:
    """The segments of each machine by its asset id.

    Args:
        names: site id -> name.
    """
    states: dict[tuple[int, date], tuple[Any, ...]] = {}
    precedence_changes = rules.precedence_changes(span.first, span.last)
    days = _days(asset_ids, span, precedence_changes).subquery("days")
    for row in connection.execute(_machines_on(span.first, rules, asset_ids)):
        _, *origin = _origin(row)
        states[row.asset_id, span.first] = _state(row, names, row.sources), False, *origin
    for row in connection.execute(_machines_on(days.c.day, rules, days.c.asset_id)):
        restated, *origin = _origin(row)
        day = as_date(row.day)
        restated = restated and row.valid_from == day
        states[row.asset_id, day] = _state(row, names, row.sources), restated, *origin
    days_of = {asset_id: [span.first] for asset_id in asset_ids}
    for asset_id, day in connection.execute(_days(asset_ids, span, precedence_changes)):
        days_of[asset_id].append(as_date(day))
    return {
        key: _segments(
            [
                _Stretch(day, until, *states.get((key, day), (None,)))
                for day, until in _pairs(sorted(days))
            ],
            span,
        )
        for key, days in days_of.items()
    }


def _machines_on(
    day: Day, rules: RulesByDay, asset_ids: Sequence[int] | ColumnElement[int]
) -> Select[Any]:
    view = assets_as_of(day, rules, asset_ids=asset_ids).subquery("machines")
    columns = (
        devices.c[column.name] if column.table is devices else view.c[column.name]
        for column in _COLUMNS
    )
    others = [view.c[name] for name in ("sources", "valid_from", *_ORIGIN, "day") if name in view.c]
    same_device = devices.c.device_id == view.c.device_id
    return select(*columns, *others).join_from(view, devices, same_device)


def _days(asset_ids: Sequence[int], span: Span, precedence_changes: Sequence[date]) -> Select[Any]:
    """Asset id and day: every day after the first one on which a record of the machine begins or
    ends, and the days of `precedence_changes` on which it has a record."""
    stretch = device_snapshots.c
    of_asset = stretch.asset_id.in_(asset_ids)
    begins, ends = stretch.valid_from.label("day"), stretch.valid_to.label("day")
    every = union(
        select(stretch.asset_id, begins).where(of_asset, begins > span.first, begins <= span.last),
        select(stretch.asset_id, ends).where(of_asset, ends > span.first, ends <= span.last),
        *(
            select(stretch.asset_id, literal(day, Date)).where(of_asset, as_of(day))
            for day in precedence_changes
        ),
    ).subquery("every_day")
    return select(every.c.asset_id, every.c.day)


def _pairs(days: Sequence[date]) -> Iterable[tuple[date, date]]:
    return zip(days, [*days[1:], OPEN_END], strict=True)


def _segments(stretches: Iterable[_Stretch], span: Span) -> list[Segment]:
    """Stretches as segments, with absence in between. Leaves out those without a kept day: whether
    they have been purged already must make no difference."""
    segments, until = [], span.first
    for stretch in stretches:
        if span.has_kept_day(until, stretch.first):
            segments.append(Segment(until, None))
        first = max(stretch.first, span.first)
        if span.has_kept_day(first, stretch.until):
            segments.append(Segment(first, *stretch[2:]))
        until = stretch.until
    if until <= span.last:
        segments.append(Segment(until, None))
    return segments


_ORIGIN = ("restated_by", "alias_key", "rule_version")


def _origin(row: Row[*tuple[Any, ...]]) -> tuple[bool, str | None, int]:
    return row.restated_by is not None, row.alias_key, row.rule_version


_FIELDS = tuple(
    field.name for field in fields(EntityState) if field.name not in ("site", "sources")
)
_COLUMNS = tuple(
    devices.c[name] if name in ("source_key", "first_seen") else device_snapshots.c[name]
    for name in _FIELDS
)


def _state(
    row: Row[*tuple[Any, ...]], names: Mapping[int, str], sources: str | None
) -> EntityState:
    values = dict(zip(_FIELDS, row, strict=False))
    return EntityState(**values, site=names.get(row.site_id, str(row.site_id)), sources=sources)
