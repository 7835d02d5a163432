"""The decisions that changed what a month counts after it was closed."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, or_, select

from db.decisions import CloseMonth, ReopenMonth, Undo, restating_kinds
from db.history.kept import month_end
from db.tables import audit_log, count_restatements


@dataclass(frozen=True)
class AdjustingDecision:
    """An entry of the audit log that changed counts of a month which had been closed."""

    entry_id: int
    at: datetime
    actor: str
    action: str
    subject: str


def decisions_since_closing(
    connection: Connection, month: str, bases: tuple[str, ...]
) -> dict[int, list[AdjustingDecision]]:
    """By site, the decisions since the newest closing of `month` that change its counts of it once
    the month is open again, the oldest first.

    A decision that was taken while the month was closed changed only days after it; on reopening it
    holds from the month's first day on. One that was undone since is left out, with its undoing.

    Args:
        bases: those whose counts are looked at.
    """
    log, restated = audit_log.c, count_restatements.c
    # By their entries: the log is in the order in which things happened.
    closing = connection.scalar(
        select(func.max(log.entry_id)).where(log.action == CloseMonth.kind, log.subject == month)
    )
    # Others, such as an accepted run, change the days from their own on.
    of_every_day = log.action.in_((*restating_kinds(), Undo.kind))
    rows = connection.execute(
        select(
            restated.site_id, log.entry_id, log.at, log.actor, log.action, log.subject, log.undoes
        )
        .join(audit_log, log.entry_id == restated.entry_id)
        .where(
            log.entry_id > (closing or 0),
            log.action != ReopenMonth.kind,
            restated.basis.in_(bases),
            restated.snapshot_date >= date.fromisoformat(f"{month}-01"),
            or_(of_every_day, restated.snapshot_date <= month_end(month)),
        )
        .distinct()
        .order_by(log.entry_id)
    ).all()
    entries = {row.entry_id for row in rows}
    undone = {row.undoes for row in rows if row.undoes is not None} & entries
    by_site: dict[int, list[AdjustingDecision]] = {}
    for row in rows:
        if row.entry_id not in undone and row.undoes not in undone:
            by_site.setdefault(row.site_id, []).append(AdjustingDecision(*row[1:6]))
    return by_site
