"""Restate days that are already counted, after a decision, and record which counts changed."""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime

from sqlalchemy import Connection, func, select

from db.bulk import insert_many, rows_where_in, upsert
from db.history.runs import RESTATED, published_days, restated_days
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
    """Record under an entry of the audit log how the body of the `with` changes the counts of
    `source` and of the machines on `day` and the later counted days."""
    affected = [
        (basis, counted)
        for basis in (source, ASSETS)
        for counted in sorted({day, *rollups.days_of_basis(connection, basis)})
        if counted >= day
    ]
    before = {key: _counts_in_force(connection, *key) for key in affected}
    yield
    for basis, counted in affected:
        after = _counts_in_force(connection, basis, counted)
        _record_changes(connection, entry_id, basis, counted, before[basis, counted], after)


def restate(
    connection: Connection,
    entry_id: int,
    now: datetime,
    device_ids: Collection[int] | None,
    *,
    match: bool = False,
) -> Restated:
    """Apply all decisions to every day after the newest closed month, recount those days, and
    record the changed counts under an entry of the audit log.

    Args:
        device_ids: the devices that the decision is about and the other devices of their machines;
            None for all devices, which are then evaluated by the newest rules.
        match: whether to match these devices again, which may change their links.
    """
    first = restatement_start(connection)
    if first is None:
        return Restated()
    rules = apply_newest_from(connection, first) if device_ids is None else rules_by_day(connection)
    _count_first_day(connection, first, rules)
    if device_ids is not None:
        device_ids = _with_linked_devices(connection, device_ids)
    affected = device_ids
    if match and device_ids is not None:
        # Matching also compares other devices, and may split their machines.
        compared = device_ids | rematch_scope(connection, device_ids).keys()
        affected = compared | _devices_of_machines(connection, first, compared)
    recount = _Recount(connection, first, rules, affected)
    restated = apply_decisions(connection, first, entry_id, device_ids)
    if match and device_ids is not None:
        rematched = rematch(connection, device_ids, first, entry_id, now)
        after_matching = apply_decisions(
            connection, first, entry_id, _with_linked_devices(connection, rematched)
        )
        restated.devices |= after_matching.devices
        restated.assets |= after_matching.assets
    recount.run(entry_id)
    rollups.count_months(connection, dict.fromkeys(recount.days, first))
    coverage.refresh_findings(connection, first, None if device_ids is None else restated.assets)
    return restated


def machines_of(connection: Connection, first: date, device_ids: Collection[int]) -> set[int]:
    """The asset ids of every machine that these devices belong to on a day from `first` on, or may
    belong to when links end or are restored. Includes the devices' own ids, since a device without
    a link is a machine of its own."""
    stretch, link = device_snapshots.c, asset_links.c
    belonging = select(stretch.asset_id).where(stretch.valid_to > first).distinct()
    linked = select(link.asset_id).distinct()
    return {
        *device_ids,
        *(id for (id,) in rows_where_in(connection, belonging, stretch.device_id, device_ids)),
        *(id for (id,) in rows_where_in(connection, linked, link.device_id, device_ids)),
    }


def _with_linked_devices(connection: Connection, device_ids: Collection[int]) -> set[int]:
    """These devices, and all devices that were ever linked to them, directly or through others."""
    c = asset_links.c
    linked_ids, added = set(device_ids), set(device_ids)
    while added:
        linked = rows_where_in(connection, select(c.device_id), c.asset_id, added)
        added = {device_id for (device_id,) in linked} - linked_ids
        linked_ids |= added
    return linked_ids


def _devices_of_machines(
    connection: Connection, first: date, device_ids: Collection[int]
) -> set[int]:
    """The devices of the machines of these devices on any day from `first` on."""
    c = device_snapshots.c
    machines = machines_of(connection, first, device_ids)
    belonging = select(c.device_id).where(c.valid_to > first).distinct()
    return {id for (id,) in rows_where_in(connection, belonging, c.asset_id, machines)}


def _count_first_day(connection: Connection, first: date, rules: RulesByDay) -> None:
    """Store counts for `first` itself, for each basis whose snapshot in force on that day is older:
    the counts of that snapshot's own day must not change."""
    days_restated = restated_days(connection)
    if first in days_restated:
        return
    for basis in rollups.counted_bases(connection):
        days = published_days(connection, None if basis == ASSETS else basis)
        if first not in days and days[0] < first:
            rollups.count_basis(connection, basis, first, rules)
    value = json.dumps([day.isoformat() for day in (*days_restated, first)])
    upsert(connection, meta, [{"name": RESTATED, "value": value}])


class _Recount:
    """Recounts the restated days. If few devices are affected, only these and their machines are
    counted, before and after, and the stored counts are corrected by the difference; otherwise
    everything is counted again."""

    def __init__(
        self,
        connection: Connection,
        first: date,
        rules: RulesByDay,
        device_ids: Collection[int] | None,
    ) -> None:
        self.connection, self.rules = connection, rules
        self.days = {
            basis: dict(rollups.days_to_count(connection, basis, first))
            for basis in rollups.counted_bases(connection)
        }
        self._devices = device_ids
        if device_ids is not None:
            is_open = device_snapshots.c.valid_to == OPEN_END
            device_count = connection.scalar(select(func.count()).where(is_open)) or 0
            if len(device_ids) * 100 > MAX_PERCENT * device_count:
                self._devices = None
        if self._devices is not None:
            self._machines = machines_of(connection, first, self._devices)
            self._devices_by_source = _by_source(connection, self._devices)
            self._before = self._affected_counts()

    def run(self, entry_id: int) -> None:
        """Store the new counts, and record which of them changed."""
        affected = None if self._devices is None else self._affected_counts()
        for basis, days in self.days.items():
            for day, state_on in days.items():
                before = stored_counts(self.connection, basis, day)
                if affected is None:
                    rollups.count_basis(self.connection, basis, day, self.rules, state_on)
                    after = stored_counts(self.connection, basis, day)
                else:
                    change = Counter(affected[basis, day])
                    change.subtract(self._before[basis, day])
                    after = Counter(before)
                    after.update(change)
                    add_to_counts(self.connection, basis, day, before, change)
                _record_changes(self.connection, entry_id, basis, day, before, after)

    def _affected_counts(self) -> dict[tuple[str, date], GroupCounts]:
        """The counts of the affected devices and machines alone, by basis and day."""
        assert self._devices is not None
        return {
            (basis, day): count_part(
                self.connection,
                basis,
                state_on,
                self.rules,
                self._machines if basis == ASSETS else self._devices_by_source.get(basis, ()),
            )
            for basis, days in self.days.items()
            for day, state_on in days.items()
        }


def _by_source(connection: Connection, device_ids: Collection[int]) -> dict[str, list[int]]:
    by_source: dict[str, list[int]] = {}
    c = devices.c
    rows = rows_where_in(connection, select(c.source, c.device_id), c.device_id, device_ids)
    for source, device_id in rows:
        by_source.setdefault(source, []).append(device_id)
    return by_source


def _record_changes(
    connection: Connection,
    entry_id: int,
    basis: str,
    day: date,
    before: GroupCounts,
    after: GroupCounts,
) -> None:
    names = ("entry_id", "snapshot_date", "basis", *GROUP_COLUMNS, "before", "after")
    rows = [
        dict(zip(names, (entry_id, day, basis, *group, before[group], after[group]), strict=True))
        for group in sorted(before.keys() | after.keys())
        if before[group] != after[group]
    ]
    insert_many(connection, count_restatements, rows)


def _counts_in_force(connection: Connection, basis: str, day: date) -> GroupCounts:
    """The stored counts in force on `day`."""
    days = rollups.days_of_basis(connection, basis)
    latest = max((past for past in days if past <= day), default=None)
    return stored_counts(connection, basis, latest) if latest else GroupCounts()
