"""The audit log: who decided what, when, and whether it was taken back.

One row per entry, the newest first.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, true

from dashboard.base.settings_params import AuditFilters
from dashboard.queries.entities import contains
from db.decisions import KINDS
from db.tables import audit_log

CHUNK = 1000


@dataclass(frozen=True)
class Entry:
    """One entry. `undone_by` is the entry that took it back, `undoes` the one that it took back."""

    entry_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    undoes: int | None = None
    undone_by: int | None = None

    @property
    def can_undo(self) -> bool:
        """Whether it may be taken back: a decision that stands."""
        return self.action in KINDS and KINDS[self.action].undoable and self.undone_by is None


def page(
    connection: Connection, asked: AuditFilters, *, limit: int, offset: int = 0
) -> list[Entry]:
    """At most `limit` entries from `offset` on."""
    rows = connection.execute(_select(asked).limit(limit).offset(offset))
    return _entries(connection, rows.all())


def count(connection: Connection, asked: AuditFilters) -> int:
    """How many there are in all."""
    return (
        connection.scalar(select(func.count()).select_from(audit_log).where(_matches(asked))) or 0
    )


def stream(connection: Connection, asked: AuditFilters) -> Iterator[list[Entry]]:
    """All of them, in parts."""
    offset = 0
    while part := page(connection, asked, limit=CHUNK, offset=offset):
        yield part
        offset += CHUNK


def one(connection: Connection, entry_id: int) -> Entry | None:
    """The entry of that id."""
    return next(iter(these(connection, [entry_id])), None)


def these(connection: Connection, entry_ids: Collection[int]) -> list[Entry]:
    """The entries of these ids, the newest first."""
    statement = _select(AuditFilters()).where(audit_log.c.entry_id.in_(sorted(entry_ids)))
    return _entries(connection, connection.execute(statement).all())


def choices(connection: Connection) -> tuple[list[str], list[str]]:
    """Everybody who decided something, and the kinds of what was decided."""
    people = connection.scalars(select(audit_log.c.actor).distinct())
    kinds = connection.scalars(select(audit_log.c.action).distinct())
    return sorted(people), sorted(kinds)


def _select(asked: AuditFilters) -> Select[Any]:
    return select(audit_log).where(_matches(asked)).order_by(audit_log.c.entry_id.desc())


def _matches(asked: AuditFilters) -> ColumnElement[bool]:
    log = audit_log.c
    found: ColumnElement[bool] = true()
    if asked.actors:
        found &= log.actor.in_(asked.actors)
    if asked.actions:
        found &= log.action.in_(asked.actions)
    if asked.text:
        found &= or_(contains(log.subject, asked.text), contains(log.detail, asked.text))
    if asked.first is not None:
        found &= log.at >= asked.first
    if asked.until is not None:
        found &= log.at < asked.until
    return found


def _entries(connection: Connection, rows: Sequence[Any]) -> list[Entry]:
    by = audit_log.c
    taken_back = select(by.undoes, by.entry_id).where(by.undoes.in_([row.entry_id for row in rows]))
    undone = {decided: entry_id for decided, entry_id in connection.execute(taken_back)}
    return [
        Entry(
            row.entry_id, row.at, row.actor, row.action, row.subject, json.loads(row.detail),
            row.undoes, undone.get(row.entry_id),
        )
        for row in rows
    ]  # fmt: skip
