"""All that happened to one device between two days, from what was said of it in between.

A change is dated by the first day of the unbroken state that it led to, whatever else changed
(PRODUCT.md rule 8).
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
"""What makes a device that stands on both days a changed one; in the basis "assets" also who
speaks for it (`device_id`)."""


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
    """Days from `day` on up to the next segment: what was said (None: absent). `restated`: a
    decision made it begin. `alias_key` and `rule_version` as in `device_snapshots`."""

    day: date
    state: EntityState | None
    restated: bool = False
    alias_key: str | None = None
    rule_version: int | None = None


@dataclass(frozen=True)
class CollectionHistory:
    """When sources were collected: their first day, every published day in order, the days on
    which a decision ended them. `saved`: the versions of the rules that a person saved."""

    began: Mapping[str, date]
    published: Mapping[str, Sequence[date]]
    ended: Mapping[str, Sequence[date]]
    saved: frozenset[int] = frozenset()


def explain_changes(
    segments: Sequence[Segment], links: Sequence[Reason], collected: CollectionHistory
) -> tuple[Reason, ...]:
    """Everything between the first and the last day, oldest first.

    Args:
        segments: in order, the first one holds on the first day, the last one on the last.
        links: what was linked or unlinked in between (only in the basis "assets").
    """
    arrived = next((segment for segment in segments if segment.state is not None), None)
    if arrived is None:
        return ()
    reasons = [*_presence(segments, arrived, links, collected), *_attributes(segments, arrived)]
    told = [
        replace(reason, adjustment=_is_adjustment(reason, segments, collected))
        for reason in reasons
    ]
    return tuple(sorted([*links, *told], key=lambda one: (one.day, CODES.index(one.code))))


def _is_adjustment(
    reason: Reason, segments: Sequence[Segment], collected: CollectionHistory
) -> bool:
    """Whether a decision, which restates the days after the border, made this happen."""
    at = next((n for n, segment in enumerate(segments) if segment.day == reason.day), 0)
    if at == 0:
        return False
    before, after = segments[at - 1], segments[at]
    if after.restated:
        return True
    # What a collection said from the same day on may hide where the decision begins.
    was, now = before.state, after.state
    if was is None or now is None or was.device_id != now.device_id:
        return False
    if reason.code == "site":
        return before.alias_key == after.alias_key
    alike = all(getattr(was, name) == getattr(now, name) for name in _JUDGED_BY)
    judged = before.rule_version != after.rule_version and after.rule_version in collected.saved
    return reason.code == "billing_status" and alike and judged


_JUDGED_BY = ("display_name", "location", "node_class")


def _run(segments: Sequence[Segment], value: Callable[[EntityState], Any]) -> int:
    """Where the unbroken run of `value` begins in which the last segment stands. Absence is a
    value of its own."""

    def told(segment: Segment) -> Any:
        return None if segment.state is None else (value(segment.state),)

    index, last = len(segments) - 1, told(segments[-1])
    while index and told(segments[index - 1]) == last:
        index -= 1
    return index


def _presence(
    segments: Sequence[Segment],
    arrived: Segment,
    links: Sequence[Reason],
    collected: CollectionHistory,
) -> list[Reason]:
    first, start = segments[0], _run(segments, lambda _state: True)
    day = segments[start].day
    if segments[-1].state is None:
        last = segments[start - 1].state
        assert last is not None
        # A machine whose record answers to another one is not gone.
        return [] if any(link.day == day for link in links) else [_gone(last, day, collected)]
    back = [Reason("back", day)] if day > arrived.day else []
    if first.state is not None:
        return back
    assert arrived.state is not None
    source, seen = arrived.state.source, arrived.state.first_seen
    began = collected.began.get(source, first.day)
    found = [Reason("source_began", began, {"source": source})] if began > first.day else []
    if any(link.day == arrived.day and link.code == "unlinked" for link in links):
        return [*found, *back]
    if seen <= first.day:
        found.append(Reason("back", arrived.day))
    elif seen != began:
        found.append(Reason("first_seen", seen))
    return [*found, *back]


def _gone(last: EntityState, day: date, collected: CollectionHistory) -> Reason:
    if day in collected.ended.get(last.source, ()):
        return Reason("source_ended", day, {"source": last.source})
    published = collected.published.get(last.source, ())
    before = bisect_left(published, day)
    return Reason("gone", day, {"last_seen": published[before - 1].isoformat() if before else None})


def _attributes(segments: Sequence[Segment], arrived: Segment) -> list[Reason]:
    """What is not as it was, attribute by attribute; of a device that left, as it was at last."""
    if segments[-1].state is None:
        segments = segments[: _run(segments, lambda _state: True)]
    was, now = arrived.state, segments[-1].state
    assert was is not None and now is not None
    found = []
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
        found.append(Reason(code, segments[start].day, values))
    if was.sources is not None and was.device_id != now.device_id:
        start = _run(segments, lambda state: state.device_id)
        values = {"was": was.source, "now": now.source}
        found.append(Reason("speaks", segments[start].day, values))
    return found


def _cause(before: EntityState | None, after: EntityState | None) -> dict[str, str | None]:
    """The new name, or the new location, that a status came with, when its reason names it."""
    if before is None or after is None:
        return {}
    why = after.reason if after.billing_status == "spare" else before.reason
    if why.startswith("display name") and before.display_name != after.display_name:
        return {"renamed": after.display_name}
    if why.startswith("location") and before.location != after.location:
        return {"relocated": after.location}
    return {}
