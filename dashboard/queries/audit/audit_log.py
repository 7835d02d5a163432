"""The audit log: one `Entry` per decision, the newest first."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, true

from dashboard.base.settings_params import AuditFilters
from dashboard.queries.names import device_names, site_names
from db.decisions import KINDS
from db.search import contains
from db.tables import audit_log

CHUNK_SIZE = 1000

SITE_FIELDS = ("site_id", "into", "site_id_was", "site_was")
DEVICE_FIELDS = ("device_id", "other_device_id", "asset_id", "other_asset_id", "machine",
                 "machines")  # fmt: skip
"""The fields of details that hold ids of sites and of devices or machines."""


@dataclass(frozen=True)
class Entry:
    """One row of `audit_log`. `undone_by` is the id of the entry that undid it, `undoes` the id of
    the one that it undid; None if there is none. `correlation_id` joins it with the log and the job
    that it came from; None for entries of earlier versions. `sites` and `devices` are the names of
    those that its detail has ids of, by these as text."""

    entry_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    undoes: int | None = None
    undone_by: int | None = None
    correlation_id: str | None = None
    sites: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_undo(self) -> bool:
        """Whether it is of an undoable kind and not undone."""
        return self.action in KINDS and KINDS[self.action].undoable and self.undone_by is None


def page(
    connection: Connection, filters: AuditFilters, *, limit: int, offset: int = 0
) -> list[Entry]:
    """At most `limit` matching entries, from `offset` on."""
    rows = connection.execute(_select(filters).limit(limit).offset(offset))
    return _entries(connection, rows.all())


def count(connection: Connection, filters: AuditFilters) -> int:
    """The number of matching entries."""
    return (
        connection.scalar(select(func.count()).select_from(audit_log).where(_matches(filters))) or 0
    )


def stream(connection: Connection, filters: AuditFilters) -> Iterator[list[Entry]]:
    """All matching entries, in chunks."""
    offset = 0
    while part := page(connection, filters, limit=CHUNK_SIZE, offset=offset):
        yield part
        offset += CHUNK_SIZE


def find_entry(connection: Connection, entry_id: int) -> Entry | None:
    """The entry of that id, None if there is none."""
    return next(iter(entries_by_id(connection, [entry_id])), None)


def entries_by_id(connection: Connection, entry_ids: Collection[int]) -> list[Entry]:
    """The entries of these ids, the newest first."""
    statement = _select(AuditFilters()).where(audit_log.c.entry_id.in_(sorted(entry_ids)))
    return _entries(connection, connection.execute(statement).all())


def choices(connection: Connection) -> tuple[list[str], list[str]]:
    """The actors and the actions that occur in the log, for its filters."""
    actors = connection.scalars(select(audit_log.c.actor).distinct())
    actions = connection.scalars(select(audit_log.c.action).distinct())
    return sorted(actors), sorted(actions)


def _select(filters: AuditFilters) -> Select[Any]:
    return select(audit_log).where(_matches(filters)).order_by(audit_log.c.entry_id.desc())


def _matches(filters: AuditFilters) -> ColumnElement[bool]:
    log = audit_log.c
    matches: ColumnElement[bool] = true()
    if filters.actors:
        matches &= log.actor.in_(filters.actors)
    if filters.actions:
        matches &= log.action.in_(filters.actions)
    if filters.text:
        matches &= contains(log.search_text, filters.text)
    if filters.first is not None:
        matches &= log.at >= filters.first
    if filters.until is not None:
        matches &= log.at < filters.until
    return matches


def _entries(connection: Connection, rows: Sequence[Any]) -> list[Entry]:
    c = audit_log.c
    undoing = select(c.undoes, c.entry_id).where(c.undoes.in_([row.entry_id for row in rows]))
    undone_by = {undone: entry_id for undone, entry_id in connection.execute(undoing)}
    details = [json.loads(row.detail) for row in rows]
    named_sites = {
        str(site_id): name
        for site_id, name in site_names(connection, _ids(details, (*SITE_FIELDS, "sites"))).items()
    }
    named_devices = {
        str(device_id): device.name
        for device_id, device in device_names(connection, _ids(details, DEVICE_FIELDS)).items()
    }
    return [
        Entry(
            row.entry_id, row.at, row.actor, row.action, row.subject, detail, row.undoes,
            undone_by.get(row.entry_id), row.correlation_id, named_sites, named_devices,
        )
        for row, detail in zip(rows, details, strict=True)
    ]  # fmt: skip


def _ids(value: Any, names: Collection[str], inside: bool = False) -> set[int]:
    """The ids in details, in the fields of these names, however deep."""
    if isinstance(value, Mapping):
        return {
            id for name, each in value.items() for id in _ids(each, names, inside or name in names)
        }
    if isinstance(value, list | tuple):
        return {id for each in value for id in _ids(each, names, inside)}
    is_id = inside and (isinstance(value, int) or str(value).isdecimal())
    return {int(value)} if is_id and not isinstance(value, bool) else set()
