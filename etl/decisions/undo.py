"""Undo a decision: what it changed is reverted, and the days after the newest closed month are
restated as if it had not been taken."""

import json
from typing import Any

from sqlalchemy import Connection, Row, select

from db import audit
from db.decisions import Undo
from db.engine import writing
from db.tables import audit_log
from etl.decisions.registry import (
    UNDO_HANDLERS,
    DecisionContext,
    DecisionRefused,
    Reversal,
    handles,
)


@handles(Undo)
def _undo(context: DecisionContext, decision: Undo) -> str:
    return f"Undone: {undo(context, decision.entry_id)}."


def undo(context: DecisionContext, entry_id: int) -> str:
    """Undo the decision of an entry of the audit log; what it was, in words.

    Raises:
        DecisionRefused: it cannot be undone, is undone already, or a later decision builds on it.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        undone = _undoable_entry(connection, entry_id)
        detail = json.loads(undone.detail)
        entry = audit.write_entry(
            connection,
            context.actor,
            Undo.kind,
            undone.subject,
            context.clock(),
            {
                "entry_id": str(entry_id),
                "action": undone.action,
                "before": detail.get("after"),
                "after": detail.get("before"),
            },
            undoes=entry_id,
        )
        UNDO_HANDLERS[undone.action](context, Reversal(connection, entry_id, entry, detail))
    return f"{undone.action.replace('_', ' ')}: {undone.subject}"


def _undoable_entry(connection: Connection, entry_id: int) -> Row[Any]:
    of_id = audit_log.c.entry_id == entry_id
    entry = connection.execute(select(audit_log).where(of_id)).one_or_none()
    if entry is None or entry.action not in UNDO_HANDLERS:
        raise DecisionRefused(f"Entry {entry_id} of the audit log cannot be undone.")
    if audit.is_undone(connection, entry_id):
        raise DecisionRefused("This decision is undone already.")
    return entry
