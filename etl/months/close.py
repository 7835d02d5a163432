"""Close a month: the state at its end is stored once, and nothing on or before that day changes any
more. Reopen the newest closed one (docs/rules.md, 6)."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, update

from db import audit
from db.bulk import insert_many, upsert
from db.decisions import CloseMonth, ReopenMonth
from db.engine import writing
from db.history.kept import month_before, month_end, month_of
from db.history.runs import END, border, kept_days, restated_days, runs_in_force
from db.months.closings import PACK_FORM, fingerprint, hindrances, next_to_close
from db.months.month_bases import billing_bases
from db.months.month_days import KnownDays
from db.settings import Settings
from db.tables import (
    month_bases,
    month_changes,
    month_closing_counts,
    month_closings,
    month_members,
    months,
)
from etl.decisions.registry import DecisionRefused
from etl.decisions.restate import restate
from etl.months.imports import imports_in_force
from etl.months.members import change_rows, member_counts, member_rows
from etl.runtime.lease import Lease


def close_month(
    connection: Connection,
    month: str,
    actor: str,
    now: datetime,
    settings: Settings | None = None,
) -> int:
    """Close `month` ('2026-10') in the caller's transaction, which holds the writer's lease; the
    closing's id.

    Raises:
        DecisionRefused: it is not over, or not the oldest open one.
    """
    final = [str(each) for each in hindrances(connection, month, settings) if each.final]
    if final:
        raise DecisionRefused(
            f"{month} cannot be closed: {' '.join(final)}{_instead(connection, settings)}"
        )
    kept = kept_days(connection, settings)
    assert kept is not None, "a month without data has a final hindrance"
    end, before = month_end(month), month_end(month_before(month))
    # Without the end of the month before, there are no changes to store.
    dates_before = runs_in_force(connection, before) if kept.is_kept(before) else {}
    known = KnownDays.of(connection, kept, month)
    rows = member_rows(connection, end, known)
    result = connection.execute(
        insert(month_closings).values(
            month=month,
            closed_at=now,
            author=actor,
            rule_version=known.rules.effective_on(end).version,
            dates=_dates(runs_in_force(connection, end)),
            dates_before=_dates(dates_before),
            members=len(rows),
            hash="",
            pack_form=PACK_FORM,
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a closing's id comes from the database"
    closing_id: int = inserted[0]
    counts = member_counts(rows)
    since = change_rows(connection, before, end, known.rules, kept) if dates_before else ()
    for table, content in (
        (month_members, rows),
        (month_closing_counts, [*counts, *imports_in_force(connection, month)]),
        (month_bases, billing_bases(connection, known, counts)),
        (month_changes, since),
    ):
        insert_many(connection, table, [{"closing_id": closing_id, **row} for row in content])
    proof = fingerprint(connection, closing_id)
    of_this = month_closings.c.closing_id == closing_id
    connection.execute(update(month_closings).where(of_this).values(hash=proof))
    upsert(connection, months, [{"month": month, "closed": True}])
    detail = {"closing_id": closing_id, "members": len(rows), "hash": proof}
    audit.write_entry(connection, actor, CloseMonth.kind, month, now, detail)
    return closing_id


def reopen_month(
    connection: Connection,
    month: str,
    reason: str,
    actor: str,
    now: datetime,
    settings: Settings | None = None,
) -> None:
    """Open the newest closed month again, in the caller's transaction, which holds the writer's
    lease. Its closings stay.

    Raises:
        DecisionRefused: it is not the newest closed one, or there is no reason.
    """
    closed = border(connection)
    newest = month_of(closed) if closed else None
    if newest is None:
        raise DecisionRefused(f"{month} cannot be reopened: no month is closed.")
    if month != newest:
        raise DecisionRefused(
            f"{month} cannot be reopened: only {newest}, the newest closed month, can be."
        )
    kept = kept_days(connection, settings)
    if kept is None or not kept.is_kept(month_end(month)):
        raise DecisionRefused(
            f"{month} cannot be reopened: the devices of its last day are no longer kept."
        )
    if not reason.strip():
        raise DecisionRefused(f"Say why {month} is reopened: the reason is kept in the audit log.")
    connection.execute(update(months).where(months.c.month == month).values(closed=False))
    detail = {"reason": reason.strip()}
    entry = audit.write_entry(connection, actor, ReopenMonth.kind, month, now, detail)
    if restated_days(connection):
        # Decisions that were taken while it was closed hold from its first day on.
        restate(connection, entry, now, None)


def close_due(
    engine: Engine, lease: Lease, now: datetime, settings: Settings | None = None
) -> list[str]:
    """Close every month that closes automatically, oldest first; the months."""
    closed: list[str] = []
    while True:
        with writing(engine) as connection:
            month = next_to_close(connection, settings)
            if month is None or hindrances(connection, month, settings):
                return closed
            lease.hold(connection)
            close_month(connection, month, audit.AUTOMATIC, now, settings)
        closed.append(month)


def _instead(connection: Connection, settings: Settings | None) -> str:
    month = next_to_close(connection, settings)
    return f" The next one to close is {month}." if month else ""


def _dates(standing: Mapping[str, Row[Any]]) -> str:
    """JSON of the runs in force, by source: business date, when it finished, and its id."""
    dates: dict[str, dict[str, Any]] = {}
    for source, run in standing.items():
        finished = run.finished_at.isoformat() if run.finished_at else None
        dates[source] = {
            "date": run.business_date.isoformat(),
            "finished_at": finished,
            "run_id": str(run.run_id),
        }
        if run.kind == END:
            dates[source]["ended"] = True
    return json.dumps(dates, sort_keys=True)
