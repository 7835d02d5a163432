"""One device's whole history: its unbroken stretches, and what changed from each to the next."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, select

from dashboard.base.params import LARGEST_ID
from dashboard.queries.devices import payloads
from dashboard.queries.devices.payloads import Difference, Payload
from dashboard.queries.names import site_names
from dashboard.queries.own_sites import own_sites
from db.history.kept import KeptDays
from db.history.runs import newest_day
from db.tables import (
    HISTORY_FIELDS,
    OPEN_END,
    collection_runs,
    device_snapshots,
    devices,
    site_aliases,
)

FIELDS = ("site_id", "site", "organization", *HISTORY_FIELDS, "asset_id", "repaired")
"""The fields of a stretch. `organization` is what its source calls the site."""

_COMPARED = tuple(name for name in FIELDS if name != "site_id")
"""Without site_id: a changed site is reported once, by its name."""


@dataclass(frozen=True)
class Device:
    """One record of one source. `last_seen` is None while the source still has it."""

    device_id: int
    source: str
    source_key: str
    first_seen: date
    last_seen: date | None


@dataclass(frozen=True)
class Run:
    """The run that opened a stretch."""

    run_id: int
    business_date: date
    finished_at: datetime | None


@dataclass(frozen=True)
class Stretch:
    """Unbroken days in which the source said the same: `valid_from` up to, not with, `valid_to`,
    which is None while it lasts. `days` counts them up to the source's newest snapshot.

    `follows` says what was just before: "first" nothing at all, "on" another stretch without a
    day between, "absent" days without the device, "not kept" days of which nothing is kept.
    `changes` holds what differs from the stretch before; nothing for the first one.
    """

    valid_from: date
    valid_to: date | None
    days: int
    state: dict[str, Any]
    payload_hash: int
    run: Run | None
    follows: str
    changes: tuple[Difference, ...]

    @property
    def last(self) -> date | None:
        """The last day of it; None while it lasts."""
        return None if self.valid_to is None else self.valid_to - timedelta(days=1)

    def holds_on(self, day: date) -> bool:
        """Whether it was in force on `day`."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


def find(connection: Connection, text: str | None) -> Device | None:
    """The device whose id `text` is, in decimal; None when it is none's."""
    if not text or not re.fullmatch("[0-9]{1,19}", text) or int(text) > LARGEST_ID:
        return None
    row = connection.execute(select(devices).where(devices.c.device_id == int(text))).one_or_none()
    return Device(**row._mapping) if row else None


def is_known(connection: Connection, text: str | None) -> bool:
    """Whether `text` is the id of a device of which anything is still kept."""
    device = find(connection, text)
    if device is None:
        return False
    kept = exists().where(device_snapshots.c.device_id == device.device_id, *_seen(connection))
    return bool(connection.scalar(select(kept)))


def name_of(connection: Connection, text: str) -> str | None:
    """What the device whose id `text` is was called last."""
    device = find(connection, text)
    if device is None:
        return None
    c = device_snapshots.c
    newest = (
        select(c.hostname, c.display_name)
        .where(c.device_id == device.device_id, *_seen(connection))
        .order_by(c.valid_to.desc())
        .limit(1)
    )
    row = connection.execute(newest).first()
    return (row.hostname or row.display_name) if row else None


def stretches(connection: Connection, device: Device, kept: KeptDays | None) -> list[Stretch]:
    """Every kept stretch of a device, newest first."""
    rows = _rows(connection, device)
    payload_by_hash = payloads.payloads_by_hash(connection, device.device_id)
    names = site_names(connection, {row.site_id for row in rows})
    states = [_state(row, names) for row in rows]
    newest = newest_day(connection, device.source)
    newest_last = []
    for index, row in enumerate(rows):
        earlier = rows[index - 1] if index else None
        until = row.valid_to if row.valid_to != OPEN_END else None
        changes = _changes(index, states, rows, payload_by_hash) if index else []
        newest_last.append(
            Stretch(
                row.valid_from,
                until,
                _days(row.valid_from, until, newest),
                states[index],
                row.payload_hash,
                Run(row.run_id, row.business_date, row.finished_at) if row.run_id else None,
                _follows(earlier, row, device, kept),
                tuple(changes),
            )
        )
    return newest_last[::-1]


def stretch_on(stretches: Sequence[Stretch], day: date | None) -> Stretch | None:
    """The stretch that holds on `day`."""
    if day is None:
        return None
    return next((stretch for stretch in stretches if stretch.holds_on(day)), None)


def payload(connection: Connection, device: Device, stretch: Stretch) -> tuple[Payload, Payload]:
    """The full payload of a stretch; then the volatile keys, of which only the latest values are
    kept, if the stretch still lasts."""
    payload_by_hash = payloads.payloads_by_hash(
        connection, device.device_id, [stretch.payload_hash]
    )
    lasts = stretch.valid_to is None
    hourly = payloads.volatile_values(connection, device.device_id) if lasts else {}
    return payload_by_hash.get(stretch.payload_hash, {}), hourly


def _rows(connection: Connection, device: Device) -> Sequence[Row[Any]]:
    stored, runs, aliases = device_snapshots.c, collection_runs.c, site_aliases.c
    return connection.execute(
        select(
            device_snapshots,
            aliases.name.label("organization"),
            runs.run_id,
            runs.business_date,
            runs.finished_at,
        )
        .outerjoin(collection_runs, runs.run_id == stored.opened_by)
        .outerjoin(
            site_aliases,
            (aliases.source == stored.source) & (aliases.alias_key == stored.alias_key),
        )
        .where(stored.device_id == device.device_id, *_seen(connection))
        .order_by(stored.valid_from)
    ).all()


def _seen(connection: Connection) -> list[ColumnElement[bool]]:
    """Only the stretches at sites that the reader sees."""
    own = own_sites(connection)
    return [] if own is None else [device_snapshots.c.site_id.in_(sorted(own))]


def _state(row: Row[Any], names: Mapping[int, str]) -> dict[str, Any]:
    stored = row._mapping
    return {name: names.get(row.site_id) if name == "site" else stored[name] for name in FIELDS}


def _changes(
    index: int,
    states: Sequence[Mapping[str, Any]],
    rows: Sequence[Row[Any]],
    payload_by_hash: Mapping[int, Payload],
) -> list[Difference]:
    """What differs from the stretch before: fields of ours, then of the payload."""
    before, after = states[index - 1], states[index]
    changes = [
        Difference(name, before[name], after[name])
        for name in _COMPARED
        if before[name] != after[name]
    ]
    was, is_now = (payload_by_hash.get(rows[place].payload_hash) for place in (index - 1, index))
    if was is not None and is_now is not None:
        changes += [
            Difference(f"payload.{path}", old, new)
            for path, old, new in payloads.differences(was, is_now)
        ]
    return changes


def _follows(earlier: Row[Any] | None, row: Row[Any], device: Device, kept: KeptDays | None) -> str:
    if earlier is None:
        return "first" if row.valid_from <= device.first_seen else "not kept"
    if earlier.valid_to == row.valid_from:
        return "on"
    absent = kept is not None and kept.first_kept_in(earlier.valid_to, row.valid_from) is not None
    return "absent" if absent else "not kept"


def _days(valid_from: date, until: date | None, newest: date | None) -> int:
    if until is not None:
        return (until - valid_from).days
    return max((newest - valid_from).days + 1, 1) if newest else 1
