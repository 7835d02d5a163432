"""Applying decisions to stored stretches, on every day after the border.

People decide which site an alias belongs to, which records are one machine, and the rules that
decide billing status. A decision applies to every day after the border, the last day of the newest
closed month; on or before the border nothing changes. So for every stretch that reaches beyond the
border, three things are derived again:

- the site of its alias, after merges (`RuleEvaluator`);
- billing status, reason and rule version under the newest rules that a person saved, and with them
  the state hash (`RuleEvaluator`);
- the machine, by following the links in force on each day (`_asset_on`).

A stretch is split on the first day after the border, and where a link begins or ends in its days.
To make this repeatable and reversible, stretches are taken in groups: those that one publish opened
and decisions have split since. `_expected` computes what a group should be, merging neighbours that
no longer differ, and `_compare` writes only what differs. Undoing a decision is therefore the same
operation with the decision gone: stretches that it split are whole again.

`closed_by` of the group's last stretch is kept; `restated_by` names the entry of the audit log
because of which a stretch begins.
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
from db.names import site_roots
from db.rules import ENVIRONMENT, Rules, all_versions
from db.site_names import match_name
from db.tables import (
    NO_SITE_ID,
    asset_links,
    audit_log,
    device_snapshots,
    rule_versions,
    site_aliases,
    sites,
)
from etl.machines.identities import follow_links
from etl.records.states import hash_state
from etl.rules.billing import billing_status

Values = dict[str, Any]
"""One stretch: all columns of `device_snapshots`."""


@dataclass
class Restated:
    """The devices whose stretches changed, and the machines that they belonged to before it or
    belong to now."""

    devices: set[int] = field(default_factory=set)
    assets: set[int] = field(default_factory=set)


class RuleEvaluator:
    """Evaluates stretches again under the current sites of aliases and the current rules."""

    def __init__(self, connection: Connection) -> None:
        roots = site_roots(connection)
        aliases = site_aliases.c
        rows = connection.execute(select(aliases.source, aliases.alias_key, aliases.site_id))
        self._sites = {(source, key): roots.get(site, site) for source, key, site in rows}
        named = connection.execute(select(sites.c.site_id, sites.c.name))
        self._names = {site_id: name for site_id, name in named}
        self._versions = all_versions(connection)
        self._internal = {
            version: {match_name(name) for name in rules.internal_sites}
            for version, rules in self._versions.items()
        }
        newest = select(func.max(rule_versions.c.version))
        by_person = rule_versions.c.author != ENVIRONMENT
        self._least = connection.scalar(newest.where(by_person)) or 0

    def evaluate(self, stretch: dict[str, Any]) -> dict[str, Any]:
        """The stretch with its current site, and if site or rules differ with its new status. The
        machine stays."""
        alias = stretch["alias_key"]
        site = NO_SITE_ID if alias is None else self._sites[stretch["source"], alias]
        version = max(stretch["rule_version"], self._least)
        if site == stretch["site_id"] and version == stretch["rule_version"]:
            return dict(stretch)
        rules: Rules = self._versions[version]
        name = self._names.get(site)
        internal = name if name and match_name(name) in self._internal[version] else None
        status = billing_status(
            unmanaged=stretch["unmanaged"],
            added_by_hand=stretch["added_by_hand"],
            internal_site=internal,
            display_name=stretch["display_name"],
            location=stretch["location"],
            node_class=stretch["node_class"],
            spare_words=rules.spare_words,
            spare_node_classes=rules.spare_node_classes,
        )
        evaluated = stretch | {
            "site_id": site,
            "billing_status": status.value,
            "reason": status.reason[:400],
            "rule_version": version,
        }
        return evaluated | {"state_hash": hash_state(evaluated)}


class _Link(NamedTuple):
    link_id: int
    since: date
    until: date
    asset_id: int


def apply_decisions(
    connection: Connection, first: date, entry_id: int, device_ids: Collection[int] | None = None
) -> Restated:
    """Apply all current decisions to the stretches of these devices (None: of all).

    Args:
        first: the first day to restate, see `restatement_start`.
        entry_id: the audit log's entry that new or changed stretches will refer to.
    """
    evaluator = RuleEvaluator(connection)
    restated = Restated()
    ids = _devices_after(connection, first) if device_ids is None else sorted(device_ids)
    for chunk in chunks(ids):
        stretches = _stretches(connection, first, chunk)
        links = _links(connection, chunk)
        rows = _Rows()
        for device_id, of_device in stretches.items():
            for group in _groups(of_device):
                expected = _expected(group, first, entry_id, links, evaluator)
                _compare(group, expected, rows, restated)
            if rows.changed:
                restated.devices.add(device_id)
                rows.changed = False
        rows.write(connection)
    return restated


def reapply_decisions(connection: Connection, source: str, day: date) -> None:
    """Apply decisions again after a publish of `day` was undone.

    Only needed if `day` is the first day that decisions restate: publishing it deleted the
    stretches that decisions had begun on it, so the undo reopened those from before the decisions.
    """
    if day not in restated_days(connection) or day != restatement_start(connection):
        return
    c, log = device_snapshots.c, audit_log.c
    reopened = select(c.device_id).where(c.source == source, c.valid_to > day, c.valid_from < day)
    decision = select(func.max(log.entry_id)).where(log.action.in_((*restating_kinds(), Undo.kind)))
    entry_id = connection.scalar(decision)
    assert entry_id is not None, "a decision restated the day"
    apply_decisions(connection, day, entry_id, set(connection.scalars(reopened)))


def restatement_start(connection: Connection) -> date | None:
    """The first day that a decision made now restates: the one after the border; while no month is
    closed, the first published day. None before the first publish."""
    closed = border(connection)
    if closed is not None:
        return closed + timedelta(days=1)
    return min(published_days(connection), default=None)


def _devices_after(connection: Connection, first: date) -> list[int]:
    c = device_snapshots.c
    return sorted(connection.scalars(select(c.device_id).where(c.valid_to > first).distinct()))


def _stretches(
    connection: Connection, first: date, device_ids: Sequence[int]
) -> dict[int, list[Values]]:
    c = device_snapshots.c
    # Includes those that end on the border: the next stretch of the same run may continue them.
    rows = connection.execute(
        select(device_snapshots)
        .where(c.device_id.in_(device_ids), c.valid_to >= first)
        .order_by(c.device_id, c.valid_from)
    )
    stretches: dict[int, list[Values]] = defaultdict(list)
    for row in rows.mappings():
        stretches[row["device_id"]].append(dict(row))
    return stretches


def _groups(stretches: Sequence[Values]) -> Iterator[list[Values]]:
    """Adjacent stretches that one run opened: one stretch, unless decisions split it."""
    group: list[Values] = []
    for stretch in stretches:
        if group and (
            stretch["opened_by"] != group[-1]["opened_by"]
            or stretch["valid_from"] != group[-1]["valid_to"]
        ):
            yield group
            group = []
        group.append(stretch)
    if group:
        yield group


def _expected(
    group: Sequence[Values],
    first: date,
    entry_id: int,
    links: Mapping[int, Sequence[_Link]],
    evaluator: RuleEvaluator,
) -> list[Values]:
    """The stretches that the group should consist of: up to the border as they are, after it under
    the current decisions."""
    newest, until = group[-1], group[-1]["valid_to"]
    expected = [dict(stretch) for stretch in group if stretch["valid_from"] < first]
    if expected:
        expected[-1]["valid_to"] = min(first, until)
    start = max(group[0]["valid_from"], first)
    if start >= until:
        return [dict(stretch) for stretch in group]
    device_id = newest["device_id"]
    days = sorted({start, *_boundaries(device_id, links, start, until)})
    for day, end in zip(days, [*days[1:], until], strict=True):
        stretch = evaluator.evaluate(newest) | {
            "valid_from": day,
            "valid_to": end,
            "asset_id": _asset_on(device_id, links, day),
        }
        if expected and _is_same(expected[-1], stretch):
            expected[-1]["valid_to"] = end
            continue
        stretch["restated_by"] = entry_id if expected else None
        expected.append(stretch)
    for stretch in expected:
        stretch["closed_by"] = newest["closed_by"] if stretch["valid_to"] == until else None
    return expected


_DECIDED_COLUMNS = (
    "site_id", "asset_id", "billing_status", "reason", "rule_version", "state_hash",
)  # fmt: skip
"""The columns that decisions may change."""


def _is_same(first: Values, second: Values) -> bool:
    return all(first[name] == second[name] for name in _DECIDED_COLUMNS)


def _compare(
    group: Sequence[Values], expected: Sequence[Values], rows: "_Rows", restated: Restated
) -> None:
    """Add to `rows` what has to be written to turn `group` into `expected`."""
    stored = {stretch["valid_from"]: stretch for stretch in group}
    for stretch in expected:
        stored_stretch = stored.pop(stretch["valid_from"], None)
        if stored_stretch is None:
            rows.inserted.append(stretch)
        elif not _is_same(stored_stretch, stretch):
            rows.updated.append(stretch)
        elif stored_stretch["valid_to"] != stretch["valid_to"]:
            stretch["restated_by"] = stored_stretch["restated_by"]
            rows.updated.append(stretch)
        else:
            continue
        rows.changed = True
    for stored_stretch in stored.values():
        rows.deleted.append(stored_stretch)
        rows.changed = True
    if rows.changed:
        restated.assets |= {stretch["asset_id"] for stretch in (*group, *expected)}


@dataclass
class _Rows:
    inserted: list[Values] = field(default_factory=list)
    updated: list[Values] = field(default_factory=list)
    deleted: list[Values] = field(default_factory=list)
    changed: bool = False

    def write(self, connection: Connection) -> None:
        if self.deleted:
            connection.execute(_DELETE, [_parameters(stretch) for stretch in self.deleted])
        if self.updated:
            connection.execute(
                _UPDATE,
                [
                    _parameters(stretch) | {name: stretch[name] for name in _UPDATED_COLUMNS}
                    for stretch in self.updated
                ],
            )
        insert_many(connection, device_snapshots, self.inserted)


_UPDATED_COLUMNS = ("valid_to", "closed_by", "restated_by", *_DECIDED_COLUMNS)
_BY_KEY = and_(
    device_snapshots.c.device_id == bindparam("of_device"),
    device_snapshots.c.valid_from == bindparam("of_day"),
)
_DELETE = delete(device_snapshots).where(_BY_KEY)
_UPDATE = (
    update(device_snapshots)
    .where(_BY_KEY)
    .values({name: bindparam(name) for name in _UPDATED_COLUMNS})
)


def _parameters(stretch: Values) -> Values:
    return {"of_device": stretch["device_id"], "of_day": stretch["valid_from"]}


def _links(connection: Connection, device_ids: Sequence[int]) -> dict[int, list[_Link]]:
    """The links of these devices and of the devices that they lead to, the newest first.

    Where two links of a device are in force on the same day, the newest counts: a decision reaches
    back to the border, and so overlaps links that a run ended since.
    """
    c = asset_links.c
    links: dict[int, list[_Link]] = {}
    remaining = set(device_ids)
    while remaining:
        statement = select(c.device_id, c.link_id, c.since, c.until, c.asset_id)
        statement = statement.where(c.since < c.until).order_by(c.device_id, c.link_id.desc())
        rows = list(rows_where_in(connection, statement, c.device_id, remaining))
        links |= {device_id: [] for device_id in remaining}
        for device_id, *link in rows:
            links[device_id].append(_Link._make(link))
        remaining = {row.asset_id for row in rows} - links.keys()
    return links


def _asset_on(device_id: int, links: Mapping[int, Sequence[_Link]], day: date) -> int:
    """The machine that a device belongs to on a day: the end of its chain of links."""

    def on_the_day(device_id: int) -> _Link | None:
        return next((link for link in links[device_id] if link.since <= day < link.until), None)

    chain = follow_links(device_id, on_the_day)
    return chain[-1].asset_id if chain else device_id


def _boundaries(
    device_id: int, links: Mapping[int, Sequence[_Link]], first: date, until: date
) -> Iterator[date]:
    """The days after `first` on which the device's chain of links may change."""
    seen, pending = {device_id}, [device_id]
    while pending:
        for link in links[pending.pop()]:
            yield from (day for day in (link.since, link.until) if first < day < until)
            if link.asset_id not in seen:
                seen.add(link.asset_id)
                pending.append(link.asset_id)
