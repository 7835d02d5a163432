"""What a decision changes in the counts of days that were shown already, before and after."""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy import Connection, func, select

from db.bulk import insert_many, rows_where_in, upsert
from db.history.runs import RESTATED, counted_days, newest_by_source, published_days, restated_days
from db.history.views import ASSETS
from db.rules import RulesByDay, apply_newest_from, rules_by_day
from db.tables import (
    OPEN_END,
    asset_links,
    count_restatements,
    device_snapshots,
    devices,
    meta,
)
from etl.coverage import findings as coverage
from etl.machines.links import rematch, rematch_scope
from etl.snapshots import counts as rollups
from etl.snapshots.apply_decisions import Restated, apply_decisions, restatement_start
from etl.snapshots.incremental import (
    GROUP_COLUMNS,
    MAX_PERCENT,
    GroupCounts,
    add_to_counts,
    count_part,
    stored_counts,
)


@contextmanager
def restating(connection: Connection, entry_id: int, source: str, day: date) -> Iterator[None]:
    """Note under an entry of the audit log what the work inside changes in the counts of `source`
    on `day`, and of the machines on that day and on later published ones."""
    days = [day, *(later for later in published_days(connection) if later > day)]
    looked_at = [(source, day), *((ASSETS, each) for each in days)]
    before = {(basis, each): _standing(connection, basis, each) for basis, each in looked_at}
    yield
    for basis, each in looked_at:
        now = _standing(connection, basis, each)
        _note(connection, entry_id, basis, each, before[basis, each], now)


def restate(
    connection: Connection,
    entry_id: int,
    now: datetime,
    device_ids: Collection[int] | None,
    *,
    match: bool = False,
) -> Restated:
    """Make every day after the border say what decisions say now, count those days again, and
    note under an entry of the audit log which counts that changed.

    Args:
        device_ids: the devices that a decision is about, those of their machines included; None:
            all, by the newest rules.
        match: whether the rules should look again which of these are one machine.
    """
    first = restatement_start(connection)
    if first is None:
        return Restated()
    rules = apply_newest_from(connection, first) if device_ids is None else rules_by_day(connection)
    _count_first(connection, first, rules)
    if device_ids is not None:
        device_ids = _with_followers(connection, device_ids)
    touched = device_ids
    if match and device_ids is not None:
        # The rules look further than at these, and may part what answers to their machines.
        near = device_ids | rematch_scope(connection, device_ids).keys()
        touched = near | _answering(connection, first, near)
    counts = _Counts(connection, first, rules, touched)
    done = apply_decisions(connection, first, entry_id, device_ids)
    if match and device_ids is not None:
        linked = rematch(connection, device_ids, first, entry_id, now)
        more = apply_decisions(connection, first, entry_id, _with_followers(connection, linked))
        done.devices |= more.devices
        done.assets |= more.assets
    counts.again(entry_id)
    rollups.count_months(connection, counts.days, first)
    coverage.refresh_findings(connection, first, None if device_ids is None else done.assets)
    return done


def machines_of(connection: Connection, first: date, device_ids: Collection[int]) -> set[int]:
    """The machines that these devices answer to on any day from `first` on, or may when links
    begin again or end: then a device is its own."""
    said, link = device_snapshots.c, asset_links.c
    told = select(said.asset_id).where(said.valid_to > first).distinct()
    linked = select(link.asset_id).distinct()
    found = set(device_ids)
    found |= {
        asset_id for (asset_id,) in rows_where_in(connection, told, said.device_id, device_ids)
    }
    found |= {
        asset_id for (asset_id,) in rows_where_in(connection, linked, link.device_id, device_ids)
    }
    return found


def _with_followers(connection: Connection, device_ids: Collection[int]) -> set[int]:
    """These devices, and those that links ever let answer to them: where one goes, they go."""
    c = asset_links.c
    found, wanted = set(device_ids), set(device_ids)
    while wanted:
        into = rows_where_in(connection, select(c.device_id), c.asset_id, wanted)
        wanted = {device_id for (device_id,) in into} - found
        found |= wanted
    return found


def _answering(connection: Connection, first: date, device_ids: Collection[int]) -> set[int]:
    """The devices that answer to the machines of these on any day from `first` on."""
    c = device_snapshots.c
    machines = machines_of(connection, first, device_ids)
    answers = select(c.device_id).where(c.valid_to > first).distinct()
    return {device_id for (device_id,) in rows_where_in(connection, answers, c.asset_id, machines)}


def _count_first(connection: Connection, first: date, rules: RulesByDay) -> None:
    """Count every basis on `first` too: where its standing snapshot is an earlier one, the counts
    of that one stay as they are."""
    known = restated_days(connection)
    if first in known:
        return
    for basis in (*newest_by_source(connection), ASSETS):
        days = published_days(connection, None if basis == ASSETS else basis)
        if first not in days and days[0] < first:
            rollups.count_basis(connection, basis, first, rules)
    value = json.dumps([day.isoformat() for day in (*known, first)])
    upsert(connection, meta, [{"name": RESTATED, "value": value}])


class _Counts:
    """The counts of the days that a decision restates, made again: whole, or by the devices and
    machines that it may touch where those are few."""

    def __init__(
        self,
        connection: Connection,
        first: date,
        rules: RulesByDay,
        device_ids: Collection[int] | None,
    ) -> None:
        self.connection, self.rules = connection, rules
        self.days = {
            basis: [day for day in days if day >= first]
            for basis in (*newest_by_source(connection), ASSETS)
            if (days := counted_days(connection, None if basis == ASSETS else basis))
        }
        self._devices = device_ids
        if device_ids is not None:
            standing = device_snapshots.c.valid_to == OPEN_END
            fleet = connection.scalar(select(func.count()).where(standing)) or 0
            if len(device_ids) * 100 > MAX_PERCENT * fleet:
                self._devices = None
        if self._devices is not None:
            self._machines = machines_of(connection, first, self._devices)
            self._of = _by_source(connection, self._devices)
            self._before = self._parts()

    def again(self, entry_id: int) -> None:
        """Count again, and note what that changed."""
        now = None if self._devices is None else self._parts()
        for basis, days in self.days.items():
            for day in days:
                before = stored_counts(self.connection, basis, day)
                if now is None:
                    rollups.count_basis(self.connection, basis, day, self.rules)
                    after = stored_counts(self.connection, basis, day)
                else:
                    change = Counter(now[basis, day])
                    change.subtract(self._before[basis, day])
                    after = Counter(before)
                    after.update(change)
                    add_to_counts(self.connection, basis, day, before, change)
                _note(self.connection, entry_id, basis, day, before, after)

    def _parts(self) -> dict[tuple[str, date], GroupCounts]:
        assert self._devices is not None
        return {
            (basis, day): count_part(
                self.connection,
                basis,
                day,
                self.rules,
                self._machines if basis == ASSETS else self._of.get(basis, ()),
            )
            for basis, days in self.days.items()
            for day in days
        }


def _by_source(connection: Connection, device_ids: Collection[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    c = devices.c
    rows = rows_where_in(connection, select(c.source, c.device_id), c.device_id, device_ids)
    for source, device_id in rows:
        found.setdefault(source, []).append(device_id)
    return found


def _note(
    connection: Connection,
    entry_id: int,
    basis: str,
    day: date,
    then: GroupCounts,
    now: GroupCounts,
) -> None:
    names = ("entry_id", "snapshot_date", "basis", *GROUP_COLUMNS, "before", "after")
    rows = [
        dict(zip(names, (entry_id, day, basis, *group, then[group], now[group]), strict=True))
        for group in sorted(then.keys() | now.keys())
        if then[group] != now[group]
    ]
    insert_many(connection, count_restatements, rows)


def _standing(connection: Connection, basis: str, day: date) -> GroupCounts:
    """The stored counts that stand on `day`."""
    days = counted_days(connection, None if basis == ASSETS else basis)
    standing = max((past for past in days if past <= day), default=None)
    return stored_counts(connection, basis, standing) if standing else GroupCounts()
