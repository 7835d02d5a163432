"""After the border, every stretch says what decisions say: the site of its alias, the machine that
its links name, the verdict of the rules that a person saved. On or before the border it says what
it said.

A stretch that spans the border is split on the day after it, and made whole again when what made
the difference is undone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from db.bulk import chunks, insert_many, rows_where_in
from db.decisions import Undo, restating_kinds
from db.history.runs import border, published_days, restated_days
from db.tables import (
    asset_links,
    audit_log,
    device_snapshots,
)
from etl.machines.identities import follow_links
from etl.snapshots.evaluate import RuleEvaluator

Values = dict[str, Any]
"""One stretch, all columns of `device_snapshots`."""


@dataclass
class Restated:
    """The devices of which something had to be restated, and the machines that they answered to
    before it or answer to now."""

    devices: set[int] = field(default_factory=set)
    assets: set[int] = field(default_factory=set)


class _Link(NamedTuple):
    link_id: int
    since: date
    until: date
    asset_id: int


def apply_decisions(
    connection: Connection, first: date, entry_id: int, device_ids: Collection[int] | None = None
) -> Restated:
    """Make the stretches of these devices (None: of all) say on every day from `first`, the day
    after the border, what decisions say.

    Args:
        entry_id: the entry of the audit log because of which they may begin.
    """
    judges = RuleEvaluator(connection)
    done = Restated()
    ids = _all(connection, first) if device_ids is None else sorted(device_ids)
    for chunk in chunks(ids):
        stretches = _stretches(connection, first, chunk)
        links = _links(connection, chunk)
        rows = _Rows()
        for device_id, told in stretches.items():
            for group in _groups(told):
                wanted = _wanted(group, first, entry_id, links, judges)
                _compare(group, wanted, rows, done)
            if rows.changed:
                done.devices.add(device_id)
                rows.changed = False
        rows.write(connection)
    return done


def reapply_decisions(connection: Connection, source: str, day: date) -> None:
    """Say again what decisions say, after a publish of `day` was taken back: where that is the
    first day that they restate, what stands again is what was said before it."""
    if day not in restated_days(connection) or day != restatement_start(connection):
        return
    c, log = device_snapshots.c, audit_log.c
    standing = select(c.device_id).where(c.source == source, c.valid_to > day, c.valid_from < day)
    decision = select(func.max(log.entry_id)).where(log.action.in_((*restating_kinds(), Undo.kind)))
    entry_id = connection.scalar(decision)
    assert entry_id is not None, "a decision restated the day"
    apply_decisions(connection, day, entry_id, set(connection.scalars(standing)))


def restatement_start(connection: Connection) -> date | None:
    """The first day that a decision restates now: the one after the border, or while no month is
    closed the first published one. None before there is any."""
    closed = border(connection)
    if closed is not None:
        return closed + timedelta(days=1)
    return min(published_days(connection), default=None)


def _all(connection: Connection, first: date) -> list[int]:
    c = device_snapshots.c
    return sorted(connection.scalars(select(c.device_id).where(c.valid_to > first).distinct()))


def _stretches(
    connection: Connection, first: date, device_ids: Sequence[int]
) -> dict[int, list[Values]]:
    c = device_snapshots.c
    # The one that ends with the border too: one of the same run may go on after it.
    rows = connection.execute(
        select(device_snapshots)
        .where(c.device_id.in_(device_ids), c.valid_to >= first)
        .order_by(c.device_id, c.valid_from)
    )
    found: dict[int, list[Values]] = defaultdict(list)
    for row in rows.mappings():
        found[row["device_id"]].append(dict(row))
    return found


def _groups(told: Sequence[Values]) -> Iterator[list[Values]]:
    """The stretches that one publish opened, of which decisions made several."""
    group: list[Values] = []
    for one in told:
        if group and (
            one["opened_by"] != group[-1]["opened_by"] or one["valid_from"] != group[-1]["valid_to"]
        ):
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _wanted(
    group: Sequence[Values],
    first: date,
    entry_id: int,
    links: Mapping[int, Sequence[_Link]],
    judges: RuleEvaluator,
) -> list[Values]:
    """What the group has to say, as stretches."""
    newest, until = group[-1], group[-1]["valid_to"]
    wanted = [dict(one) for one in group if one["valid_from"] < first]
    if wanted:
        wanted[-1]["valid_to"] = min(first, until)
    start = max(group[0]["valid_from"], first)
    if start >= until:
        return [dict(one) for one in group]
    device_id = newest["device_id"]
    days = sorted({start, *_boundaries(device_id, links, start, until)})
    for day, end in zip(days, [*days[1:], until], strict=True):
        said = judges.evaluate(newest) | {
            "valid_from": day, "valid_to": end, "asset_id": _asset(device_id, links, day),
        }  # fmt: skip
        if wanted and _alike(wanted[-1], said):
            wanted[-1]["valid_to"] = end
            continue
        said["restated_by"] = entry_id if wanted else None
        wanted.append(said)
    for one in wanted:
        one["closed_by"] = newest["closed_by"] if one["valid_to"] == until else None
    return wanted


_DECIDED = (
    "site_id", "asset_id", "billing_status", "reason", "rule_version", "state_hash",
)  # fmt: skip
"""What decisions may change of a stretch."""


def _alike(one: Values, other: Values) -> bool:
    return all(one[name] == other[name] for name in _DECIDED)


def _compare(
    group: Sequence[Values], wanted: Sequence[Values], rows: "_Rows", done: Restated
) -> None:
    """Note in `rows` what has to be written to make `group` into `wanted`."""
    stored = {one["valid_from"]: one for one in group}
    for one in wanted:
        was = stored.pop(one["valid_from"], None)
        if was is None:
            rows.inserted.append(one)
        elif not _alike(was, one):
            rows.updated.append(one)
        elif was["valid_to"] != one["valid_to"]:
            one["restated_by"] = was["restated_by"]
            rows.updated.append(one)
        else:
            continue
        rows.changed = True
    for was in stored.values():
        rows.deleted.append(was)
        rows.changed = True
    if rows.changed:
        done.assets |= {one["asset_id"] for one in (*group, *wanted)}


@dataclass
class _Rows:
    inserted: list[Values] = field(default_factory=list)
    updated: list[Values] = field(default_factory=list)
    deleted: list[Values] = field(default_factory=list)
    changed: bool = False

    def write(self, connection: Connection) -> None:
        if self.deleted:
            connection.execute(_DELETE, [_key(one) for one in self.deleted])
        if self.updated:
            connection.execute(
                _UPDATE,
                [_key(one) | {name: one[name] for name in _RESTATED} for one in self.updated],
            )
        insert_many(connection, device_snapshots, self.inserted)


_RESTATED = ("valid_to", "closed_by", "restated_by", *_DECIDED)
_BY_KEY = and_(
    device_snapshots.c.device_id == bindparam("of_device"),
    device_snapshots.c.valid_from == bindparam("of_day"),
)
_DELETE = delete(device_snapshots).where(_BY_KEY)
_UPDATE = (
    update(device_snapshots).where(_BY_KEY).values({name: bindparam(name) for name in _RESTATED})
)


def _key(one: Values) -> Values:
    return {"of_device": one["device_id"], "of_day": one["valid_from"]}


def _links(connection: Connection, device_ids: Sequence[int]) -> dict[int, list[_Link]]:
    """The links of these devices, and of those whose machine they answer to; the newest first: a
    decision reaches back to the border, also over links that a later run ended."""
    c = asset_links.c
    found: dict[int, list[_Link]] = {}
    wanted = set(device_ids)
    while wanted:
        told = select(c.device_id, c.link_id, c.since, c.until, c.asset_id)
        told = told.where(c.since < c.until).order_by(c.device_id, c.link_id.desc())
        rows = list(rows_where_in(connection, told, c.device_id, wanted))
        found |= {device_id: [] for device_id in wanted}
        for device_id, *link in rows:
            found[device_id].append(_Link._make(link))
        wanted = {row.asset_id for row in rows} - found.keys()
    return found


def _asset(device_id: int, links: Mapping[int, Sequence[_Link]], day: date) -> int:
    """The machine that a device answers to on a day: its links followed to the end."""

    def on_the_day(device_id: int) -> _Link | None:
        return next((link for link in links[device_id] if link.since <= day < link.until), None)

    chain = follow_links(device_id, on_the_day)
    return chain[-1].asset_id if chain else device_id


def _boundaries(
    device_id: int, links: Mapping[int, Sequence[_Link]], first: date, until: date
) -> Iterator[date]:
    """The days after `first` on which the device may come to answer to another machine."""
    seen, ahead = {device_id}, [device_id]
    while ahead:
        for link in links[ahead.pop()]:
            yield from (day for day in (link.since, link.until) if first < day < until)
            if link.asset_id not in seen:
                seen.add(link.asset_id)
                ahead.append(link.asset_id)
