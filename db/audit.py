"""The audit log: who decided what, when."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from db.correlation import correlation_id
from db.search import audit_search_text
from db.tables import audit_log

AUTOMATIC = "automatic"
"""The actor of what the program does by itself."""

About = Mapping[str, Any] | None
"""What an entry says besides the change itself, such as the network address of whoever asked."""


def write_entry(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
    undoes: int | None = None,
) -> int:
    """Write an entry in the transaction that carries the decision out; the entry's id.

    Args:
        action: a kind of `db.decisions`, or the name of a command.
        subject: what the decision is about: "2026-10", "run 7".
        undoes: the id of the entry that this one takes back.
    """
    text = json.dumps(dict(detail or {}), sort_keys=True, default=str)
    result = connection.execute(
        insert(audit_log).values(
            actor=actor,
            action=action,
            subject=subject,
            at=now,
            detail=text,
            undoes=undoes,
            search_text=audit_search_text(subject, text),
            correlation_id=correlation_id(),
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "an entry's id comes from the database"
    entry_id: int = inserted[0]
    return entry_id


def is_undone(connection: Connection, entry_id: int) -> bool:
    """Whether another entry takes this one back."""
    c = audit_log.c
    return connection.execute(select(c.entry_id).where(c.undoes == entry_id)).first() is not None
