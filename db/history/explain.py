"""Why an entity differs between two days: the reasons, derived from its segments in between.

The segments of an entity (a device, or in the basis "assets" a machine) cover the days from the
first to the last without gaps; each says the state in its days, or that the entity is absent. Every
attribute is treated separately: if its value on the last day differs from the one on the first, the
change is dated by the first day of the unbroken run of its present value, however often it changed
before and whatever else changed meanwhile (docs/rules.md, 8). Presence is treated in the same way.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from typing import Any, NamedTuple

from db.history.reasons import CODES, Reason
from db.tables import NameFields, SystemFields

COMPARED = (
    "site_id", "location", "device_type", "billing_status", "hostname", "display_name", "serial",
)  # fmt: skip
"""A device that is present on both days is changed if one of these differs; in the basis "assets"
also if the machine has another primary record (`device_id`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityState(NameFields, SystemFields):
    """A device row on one day, without `last_contact`, which is not stored for past days: a record,
    or in the basis "assets" a machine as its primary record describes it. `sources` is None outside
    the basis "assets"."""

    device_id: int
    source: str
    source_key: str
    site_id: int
    site: str
    device_type: str
    billing_status: str
    reason: str
    first_seen: date
    asset_id: int
    sources: str | None = None


class Segment(NamedTuple):
    """The state (None: absent) from `day` until the next segment begins. `restated`: it begins
    because of a decision. `alias_key` and `rule_version` as in `device_snapshots`."""

    day: date
    state: EntityState | None
    restated: bool = False
    alias_key: str | None = None
    rule_version: int | None = None


@dataclass(frozen=True)
class CollectionHistory:
    """For each source the first published day, all published days in order, and the days on which
    an administrator ended it; and the versions of the rules that persons saved."""

    began: Mapping[str, date]
    published: Mapping[str, Sequence[date]]
    ended: Mapping[str, Sequence[date]]
    saved: frozenset[int] = frozenset()


def explain_changes(
    segments: Sequence[Segment], links: Sequence[Reason], collected: CollectionHistory
) -> tuple[Reason, ...]:
    """The reasons for the differences between the first and the last segment, oldest first; none if
    the entity is absent in all of them.

    Args:
        segments: in order; the first one contains the first day, the last one the last day.
        links: links that began or ended in between (only in the basis "assets").
    """
    arrived = next((segment for segment in segments if segment.state is not None), None)
    if arrived is None:
        return ()
    reasons = [*_presence(segments, arrived, links, collected), *_attributes(segments, arrived)]
    dated = [
        replace(reason, adjustment=_is_adjustment(reason, segments, collected))
        for reason in reasons
    ]
    return tuple(
        sorted([*links, *dated], key=lambda reason: (reason.day, CODES.index(reason.code)))
    )


def _is_adjustment(
    reason: Reason, segments: Sequence[Segment], collected: CollectionHistory
) -> bool:
    """Whether this is the effect of a decision, which restates the days after the border."""
    index = next((n for n, segment in enumerate(segments) if segment.day == reason.day), 0)
    if index == 0:
        return False
    before, after = segments[index - 1], segments[index]
    if after.restated:
        return True
    # If a collection opened a stretch on the day of a decision, the stretch does not mention the
    # decision. It is the cause if nothing that the source reports explains the change.
    then, now = before.state, after.state
    if then is None or now is None or then.device_id != now.device_id:
        return False
    if reason.code == "site":
        return before.alias_key == after.alias_key
    same_input = all(getattr(then, name) == getattr(now, name) for name in _RULE_INPUTS)
    other_version = (
        before.rule_version != after.rule_version and after.rule_version in collected.saved
    )
    return reason.code == "billing_status" and same_input and other_version


_RULE_INPUTS = ("display_name", "location", "node_class")
"""The reported fields on which the billing status depends."""


def _run(segments: Sequence[Segment], value: Callable[[EntityState], Any]) -> int:
    """The index at which the unbroken run of the last segment's `value` begins. Absence counts as a
    value of its own."""

    def value_of(segment: Segment) -> Any:
        return None if segment.state is None else (value(segment.state),)

    index, last = len(segments) - 1, value_of(segments[-1])
    while index and value_of(segments[index - 1]) == last:
        index -= 1
    return index


def _presence(
    segments: Sequence[Segment],
    arrived: Segment,
    links: Sequence[Reason],
    collected: CollectionHistory,
) -> list[Reason]:
    first, run = segments[0], _run(segments, lambda _state: True)
    day = segments[run].day
    if segments[-1].state is None:
        last = segments[run - 1].state
        assert last is not None
        # A machine whose record was linked to another machine on that day is not gone.
        return [] if any(link.day == day for link in links) else [_gone(last, day, collected)]
    back = [Reason("back", day)] if day > arrived.day else []
    if first.state is not None:
        return back
    assert arrived.state is not None
    source, first_seen = arrived.state.source, arrived.state.first_seen
    began = collected.began.get(source, first.day)
    reasons = [Reason("source_began", began, {"source": source})] if began > first.day else []
    if any(link.day == arrived.day and link.code == "unlinked" for link in links):
        return [*reasons, *back]
    if first_seen <= first.day:
        reasons.append(Reason("back", arrived.day))
    elif first_seen != began:
        reasons.append(Reason("first_seen", first_seen))
    return [*reasons, *back]


def _gone(last: EntityState, day: date, collected: CollectionHistory) -> Reason:
    if day in collected.ended.get(last.source, ()):
        return Reason("source_ended", day, {"source": last.source})
    published = collected.published.get(last.source, ())
    before = bisect_left(published, day)
    return Reason("gone", day, {"last_seen": published[before - 1].isoformat() if before else None})


def _attributes(segments: Sequence[Segment], arrived: Segment) -> list[Reason]:
    """The attributes that differ between the first and the last state. For an entity that is gone,
    the last state before that."""
    if segments[-1].state is None:
        segments = segments[: _run(segments, lambda _state: True)]
    was, now = arrived.state, segments[-1].state
    assert was is not None and now is not None
    reasons = []
    for name in (*COMPARED, "os", "node_class"):
        if getattr(was, name) == getattr(now, name):
            continue
        start = _run(segments, attrgetter(name))
        values = {"was": getattr(was, name), "now": getattr(now, name)}
        if name == "site_id":
            values = {"was": was.site, "now": now.site}
        if name == "billing_status":
            values |= {"reason_was": was.reason, "reason": now.reason}
            values |= _cause(segments[start - 1].state, segments[start].state)
        code = "site" if name == "site_id" else name
        reasons.append(Reason(code, segments[start].day, values))
    if was.sources is not None and was.device_id != now.device_id:
        start = _run(segments, lambda state: state.device_id)
        values = {"was": was.source, "now": now.source}
        reasons.append(Reason("speaks", segments[start].day, values))
    return reasons


def _cause(before: EntityState | None, after: EntityState | None) -> dict[str, str | None]:
    """The new display name or location that came with a new status, if the rule's reason for the
    status (before or after) is that field."""
    if before is None or after is None:
        return {}
    rule = after.reason if after.billing_status == "spare" else before.reason
    if rule.startswith("display name") and before.display_name != after.display_name:
        return {"renamed": after.display_name}
    if rule.startswith("location") and before.location != after.location:
        return {"relocated": after.location}
    return {}
