"""What decisions changed after the fact: counts before and after, by the entry of the audit log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from dashboard.base.params import SOURCES, Filters
from db.decisions import CloseMonth, ReopenMonth
from db.history.kept import month_end
from db.tables import audit_log, count_restatements


@dataclass(frozen=True)
class Adjustment:
    """One decision that changed the billable count of a month: on its last restated day, before
    and after."""

    entry_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    day: date
    before: int
    after: int


@dataclass(frozen=True)
class Entry:
    """One entry of the audit log."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


def adjustments(connection: Connection, month: str, filters: Filters) -> list[Adjustment]:
    """The decisions that changed the days of `month`, the newest first."""
    c, log = count_restatements.c, audit_log.c
    first, last = date.fromisoformat(f"{month}-01"), month_end(month)
    inside = (
        c.snapshot_date >= first,
        c.snapshot_date <= last,
        c.basis.in_(SOURCES if filters.basis == "records" else (filters.basis,)),
        c.billing_status == "billable",
        *((c.site_id.in_(filters.sites),) if filters.sites else ()),
        *((c.device_type.in_(filters.types),) if filters.types else ()),
    )
    newest = (
        select(c.entry_id, func.max(c.snapshot_date).label("day"))
        .where(*inside)
        .group_by(c.entry_id)
        .subquery("newest")
    )
    rows = connection.execute(
        select(
            log.entry_id, log.at, log.actor, log.action, log.subject, newest.c.day,
            func.sum(c.before).label("was"), func.sum(c.after).label("is_now"),
        )
        .join(newest, newest.c.entry_id == log.entry_id)
        .join(
            count_restatements,
            (c.entry_id == log.entry_id) & (c.snapshot_date == newest.c.day),
        )
        .where(*inside)
        .group_by(log.entry_id, log.at, log.actor, log.action, log.subject, newest.c.day)
        .order_by(log.entry_id.desc())
    )  # fmt: skip
    return [Adjustment(*row[:6], int(row.was), int(row.is_now)) for row in rows]


def audited(connection: Connection, month: str) -> list[Entry]:
    """Every closing and reopening of `month`, the newest first."""
    log = audit_log.c
    rows = connection.execute(
        select(log.at, log.actor, log.action, log.subject, log.detail)
        .where(log.subject == month, log.action.in_((CloseMonth.kind, ReopenMonth.kind)))
        .order_by(log.entry_id.desc())
    )
    return [
        Entry(row.at, row.actor, row.action, row.subject, json.loads(row.detail)) for row in rows
    ]
