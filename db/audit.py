"""The audit log: who decided what, when."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from db.tables import audit_log

AUTOMATIC = "automatic"
"""The actor of what the product does by itself, by a rule that its settings name."""


def note(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
    undoes: int | None = None,
) -> int:
    """Write one decision down, in the transaction that carries it out; the entry's id.

    Args:
        action: a job's kind, or the command's name.
        subject: what it was done to: "2026-10", "run 7", the name of a source.
        undoes: the entry that this one takes back.
    """
    text = json.dumps(dict(detail or {}), sort_keys=True, default=str)
    result = connection.execute(
        insert(audit_log).values(
            actor=actor, action=action, subject=subject, at=now, detail=text, undoes=undoes
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "an entry's id comes from the database"
    entry_id: int = inserted[0]
    return entry_id
