"""Decisions about coverage findings: accept one, with a reason and perhaps until a day, or withdraw
an acceptance. Each is one transaction with its entry in the audit log."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from db import audit
from db.coverage import ACCEPTED, IDENTITY, OPEN, acceptance_in_force
from db.decisions import AcceptFinding, WithdrawAcceptance
from db.engine import writing
from db.history.runs import newest_day
from db.tables import OPEN_END, coverage_exceptions, coverage_findings, device_snapshots
from etl.collect.collect import business_day
from etl.decisions.registry import DecisionContext, DecisionRefused, Reversal, handles, undoes

_COPIED = (*IDENTITY, "facts")
"""The columns of a finding that its acceptance keeps."""


@handles(AcceptFinding)
def _accept_finding(context: DecisionContext, decision: AcceptFinding) -> str:
    accept_finding(context, decision.finding_id, decision.reason, decision.expires)
    return f"Accepted until {decision.expires or 'its facts change'}."


@handles(WithdrawAcceptance)
def _withdraw_acceptance(context: DecisionContext, decision: WithdrawAcceptance) -> str:
    withdraw_acceptance(context, decision.exception_id)
    return "The acceptance is withdrawn: the finding is open again."


def accept_finding(
    context: DecisionContext, finding_id: int, reason: str, expires: date | None
) -> int:
    """Accept an open finding, until its facts change or `expires` has passed; the id of the entry
    in the audit log.

    Raises:
        DecisionRefused: it is closed or accepted already, or `expires` has passed.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        finding, today = _open_finding(connection, finding_id), _today(connection, context)
        if expires is not None and expires < today:
            raise DecisionRefused(f"{expires} has passed: choose {today} or later, or no last day.")
        accepted = connection.execute(
            select(coverage_exceptions).where(*_same_finding(finding), acceptance_in_force(today))
        ).first()
        if accepted is not None:
            raise DecisionRefused(f"{accepted.author} has accepted it already: {accepted.reason}")
        values = {
            **{name: getattr(finding, name) for name in _COPIED},
            "reason": reason,
            "expires": expires,
            "author": context.actor,
            "accepted_on": today,
        }
        entry = context.write_entry(
            connection,
            AcceptFinding,
            _subject(connection, finding),
            finding_id=str(finding_id),
            before={"state": OPEN},
            after={"state": ACCEPTED, "reason": reason, "expires": expires},
            **_finding_detail(values),
        )
        connection.execute(
            insert(coverage_exceptions).values(
                **values, created_at=context.clock(), decided_by=entry, withdrawn_by=None
            )
        )
    return entry


def withdraw_acceptance(context: DecisionContext, exception_id: int) -> int:
    """Withdraw an acceptance; the id of the entry in the audit log.

    Raises:
        DecisionRefused: there is no such acceptance, or it is withdrawn already.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        accepted = connection.execute(
            select(coverage_exceptions).where(coverage_exceptions.c.exception_id == exception_id)
        ).one_or_none()
        if accepted is None:
            raise DecisionRefused(f"There is no acceptance {exception_id}.")
        was = {"state": ACCEPTED, "reason": accepted.reason, "expires": accepted.expires}
        entry = audit.write_entry(
            connection,
            context.actor,
            WithdrawAcceptance.kind,
            _subject(connection, accepted),
            context.clock(),
            {
                "exception_id": str(exception_id),
                "before": was,
                "after": {"state": OPEN},
                **_finding_detail(accepted._asdict()),
            },
            undoes=accepted.decided_by,
        )
        _withdraw(connection, context, accepted, entry)
    return entry


@undoes(AcceptFinding)
def _undo_acceptance(context: DecisionContext, reversal: Reversal) -> None:
    made = coverage_exceptions.c.decided_by == reversal.undone_entry
    accepted = reversal.connection.execute(select(coverage_exceptions).where(made)).one()
    _withdraw(reversal.connection, context, accepted, reversal.entry)


def _withdraw(
    connection: Connection, context: DecisionContext, accepted: Row[Any], entry: int
) -> None:
    if accepted.withdrawn_by is not None:
        raise DecisionRefused("Already withdrawn: the finding is open again.")
    connection.execute(
        update(coverage_exceptions)
        .where(coverage_exceptions.c.exception_id == accepted.exception_id)
        .values(withdrawn_by=entry, withdrawn_on=_today(connection, context))
    )


def _open_finding(connection: Connection, finding_id: int) -> Row[Any]:
    finding = connection.execute(
        select(coverage_findings).where(coverage_findings.c.finding_id == finding_id)
    ).one_or_none()
    if finding is None or finding.until != OPEN_END:
        raise DecisionRefused("Already resolved: nothing left to accept.")
    return finding


def _today(connection: Connection, context: DecisionContext) -> date:
    """The business day now, or the day of the newest snapshot if that is later."""
    return max(business_day(context.clock, context.settings), newest_day(connection) or date.min)


def _same_finding(finding: Row[Any]) -> list[Any]:
    c = coverage_exceptions.c
    return [c[name].is_not_distinct_from(getattr(finding, name)) for name in _COPIED]


def _finding_detail(values: dict[str, Any]) -> dict[str, Any]:
    """The finding's columns for the audit log; ids as text, as everywhere in JSON."""
    return {
        name: str(values[name])
        if name.endswith("_id") and values[name] is not None
        else values[name]
        for name in _COPIED
    }


def _subject(connection: Connection, finding: Row[Any]) -> str:
    """The finding for people: its kind and the hostname."""
    c = device_snapshots.c
    hostname = connection.scalar(
        select(c.hostname)
        .where(c.device_id == finding.device_id)
        .order_by(c.valid_from.desc())
        .limit(1)
    )
    return f"{finding.kind} {hostname or finding.device_id}"[:255]
