"""What changed between two days: each entity that differs, with the reasons.

An entity is a device, or in the basis "assets" a machine. First one query finds the entities that
differ. Then, in chunks, their segments (`db.history.segments`) are loaded, and the reasons derived
from them (`db.history.explain`). Closing a month stores the same rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, func, or_, select

from db.bulk import chunks
from db.history.evidence import collection_history, link_reasons
from db.history.explain import COMPARED, EntityState, explain_changes
from db.history.kept import KeptDays
from db.history.reasons import Reason
from db.history.segments import Span, machine_segments, record_segments
from db.history.views import rows_on_either_day
from db.names import NO_SITE
from db.rules import RulesByDay
from db.tables import NO_SITE_ID, sites


@dataclass(frozen=True, slots=True)
class EntityChange:
    """A device (`key` is its id), or in the basis "assets" a machine (`key` is its asset id).

    `then` and `now` are its states on the two days, None where it is absent; `reasons` what
    happened in between, oldest first.
    """

    key: int
    then: EntityState | None
    now: EntityState | None
    reasons: tuple[Reason, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON: ids as decimal text, days as ISO text. Stored by closings."""
        return {
            "key": str(self.key),
            "then": _state_to_json(self.then),
            "now": _state_to_json(self.now),
            "happened": [
                {**asdict(reason), "day": reason.day.isoformat()} for reason in self.reasons
            ],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "EntityChange":
        """The change that `to_json` wrote."""
        reasons = (
            Reason(**{**reason, "day": date.fromisoformat(reason["day"])})
            for reason in stored["happened"]
        )
        then, now = _state_from_json(stored["then"]), _state_from_json(stored["now"])
        return cls(int(stored["key"]), then, now, tuple(reasons))


def changes_between(
    connection: Connection,
    basis: str,
    then: date,
    now: date,
    rules: RulesByDay,
    kept: KeptDays,
    keys: Sequence[int] | None = None,
) -> Iterator[EntityChange]:
    """The entities of `basis` whose state on `now` differs from that on `then`, ordered by key.

    Args:
        then, now: kept days.
        kept: other days are ignored, since some of their stretches may be purged.
        keys: instead of the entities that differ exactly these, in this order, changed or not; but
            for those that are absent on both days and in between.
    """
    if keys is None:
        keys = list(connection.scalars(_differing(basis, then, now, rules)))
    span, collections = Span.from_kept_days(then, now, kept), collection_history(connection)
    rows = connection.execute(select(sites.c.site_id, sites.c.name))
    names = {NO_SITE_ID: NO_SITE, **{site_id: name for site_id, name in rows}}
    for chunk in chunks(keys):
        links: Mapping[int, list[Reason]] = {}
        if basis == "assets":
            by_key = machine_segments(connection, chunk, span, rules, names)
            links = link_reasons(connection, chunk, then, now)
        else:
            by_key = record_segments(connection, chunk, span, names)
        for key in chunk:
            segments = by_key.get(key, [])
            if any(segment.state for segment in segments):
                reasons = explain_changes(segments, links.get(key, ()), collections)
                yield EntityChange(key, segments[0].state, segments[-1].state, reasons)


def has_changed(rows: Subquery, basis: str) -> ColumnElement[bool]:
    """HAVING condition for `rows_on_either_day` grouped by `key`: whether the entity is present on
    one day only, or one of the `compared_columns` has more than one value."""
    values: list[ColumnElement[Any]] = [
        rows.c[name] if name.endswith("_id") else func.coalesce(rows.c[name], "")
        for name in compared_columns(basis)
    ]
    return or_(
        func.sum(rows.c.was) != func.sum(rows.c.now),
        *(func.min(value) != func.max(value) for value in values),
    )


def compared_columns(basis: str) -> tuple[str, ...]:
    """The columns that `has_changed` compares."""
    return (*COMPARED, "device_id") if basis == "assets" else COMPARED


def _differing(basis: str, then: date, now: date, rules: RulesByDay) -> Select[tuple[int]]:
    rows = rows_on_either_day(then, now, basis, rules, compared_columns(basis))
    return (
        select(rows.c.key)
        .group_by(rows.c.key)
        .having(has_changed(rows, basis))
        .order_by(rows.c.key)
    )


_IDS = ("device_id", "asset_id")


def _state_to_json(state: EntityState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    ids = {name: str(getattr(state, name)) for name in _IDS}
    return {**asdict(state), **ids, "first_seen": state.first_seen.isoformat()}


def _state_from_json(stored: Mapping[str, Any] | None) -> EntityState | None:
    if stored is None:
        return None
    ids = {name: int(stored[name]) for name in _IDS}
    return EntityState(**{**stored, **ids, "first_seen": date.fromisoformat(stored["first_seen"])})
