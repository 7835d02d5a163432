"""What was said of devices, or of machines, between two days, in its order."""

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
    """The days from `then` to `now`; `kept` are those of them that are kept, in order."""

    first: date
    last: date
    kept: tuple[date, ...]

    @classmethod
    def from_kept_days(cls, then: date, now: date, kept: KeptDays) -> "Span":
        """The span with the days that `kept` keeps; both ends count as kept."""
        between = (then + timedelta(days=number) for number in range((now - then).days + 1))
        days = {then, now, *(day for day in between if kept.kept_on_or_before(day) == day)}
        return cls(then, now, tuple(sorted(days)))

    def has_kept_day(self, first: date, until: date) -> bool:
        """Whether a kept day lies from `first` up to, not with, `until`."""
        index = bisect_left(self.kept, first)
        return index < len(self.kept) and self.kept[index] < until


class _Said(NamedTuple):
    first: date
    until: date
    state: EntityState | None
    restated: bool = False
    alias_key: str | None = None
    rule_version: int | None = None


def record_segments(
    connection: Connection, device_ids: Sequence[int], span: Span, names: Mapping[int, str]
) -> Segments:
    """The segments of each device, by its id; `names` are those of the sites."""
    said = device_snapshots.c
    statement = (
        select(*_COLUMNS, said.valid_from, said.valid_to, *(said[name] for name in _HOW))
        .join(devices, devices.c.device_id == said.device_id)
        .where(
            said.device_id.in_(device_ids), said.valid_from <= span.last, said.valid_to > span.first
        )
        .order_by(said.device_id, said.valid_from)
    )
    found: dict[int, list[_Said]] = defaultdict(list)
    for row in connection.execute(statement):
        state = _state(row, names, None)
        found[row.device_id].append(_Said(row.valid_from, row.valid_to, state, *_how(row)))
    return {key: _segments(told, span) for key, told in found.items()}


def machine_segments(
    connection: Connection,
    asset_ids: Sequence[int],
    span: Span,
    rules: RulesByDay,
    names: Mapping[int, str],
) -> Segments:
    """The segments of each machine, by its asset id: what it shows on the first day and on every
    one on which a record of it begins or ends, or the rules say anew who speaks for it."""
    shown: dict[tuple[int, date], tuple[Any, ...]] = {}
    turns = rules.precedence_changes(span.first, span.last)
    days = _days(asset_ids, span, turns).subquery("days")
    for row in connection.execute(_machines(span.first, rules, asset_ids)):
        _, *how = _how(row)
        shown[row.asset_id, span.first] = _state(row, names, row.sources), False, *how
    for row in connection.execute(_machines(days.c.day, rules, days.c.asset_id)):
        restated, *how = _how(row)
        day = as_date(row.day)
        restated = restated and row.valid_from == day
        shown[row.asset_id, day] = _state(row, names, row.sources), restated, *how
    found = {asset_id: [span.first] for asset_id in asset_ids}
    for asset_id, day in connection.execute(_days(asset_ids, span, turns)):
        found[asset_id].append(as_date(day))
    return {
        key: _segments(
            [
                _Said(day, until, *shown.get((key, day), (None,)))
                for day, until in _pairs(sorted(days))
            ],
            span,
        )
        for key, days in found.items()
    }


def _machines(
    day: Day, rules: RulesByDay, asset_ids: Sequence[int] | ColumnElement[int]
) -> Select[Any]:
    view = assets_as_of(day, rules, asset_ids=asset_ids).subquery("machines")
    columns = (
        devices.c[column.name] if column.table is devices else view.c[column.name]
        for column in _COLUMNS
    )
    more = [view.c[name] for name in ("sources", "valid_from", *_HOW, "day") if name in view.c]
    joined = devices.c.device_id == view.c.device_id
    return select(*columns, *more).join_from(view, devices, joined)


def _days(asset_ids: Sequence[int], span: Span, turns: Sequence[date]) -> Select[Any]:
    """Every day after the first one on which a record of a machine begins or ends; of those that
    have a record, the `turns` too."""
    said = device_snapshots.c
    ours = said.asset_id.in_(asset_ids)
    begins, ends = said.valid_from.label("day"), said.valid_to.label("day")
    every = union(
        select(said.asset_id, begins).where(ours, begins > span.first, begins <= span.last),
        select(said.asset_id, ends).where(ours, ends > span.first, ends <= span.last),
        *(select(said.asset_id, literal(day, Date)).where(ours, as_of(day)) for day in turns),
    ).subquery("every_day")
    return select(every.c.asset_id, every.c.day)


def _pairs(days: Sequence[date]) -> Iterable[tuple[date, date]]:
    return zip(days, [*days[1:], OPEN_END], strict=True)


def _segments(told: Iterable[_Said], span: Span) -> list[Segment]:
    """Without what holds on no kept day: of that some may be purged and some not."""
    found, until = [], span.first
    for one in told:
        if span.has_kept_day(until, one.first):
            found.append(Segment(until, None))
        first = max(one.first, span.first)
        if span.has_kept_day(first, one.until):
            found.append(Segment(first, *one[2:]))
        until = one.until
    if until <= span.last:
        found.append(Segment(until, None))
    return found


_HOW = ("restated_by", "alias_key", "rule_version")


def _how(row: Row[*tuple[Any, ...]]) -> tuple[bool, str | None, int]:
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
