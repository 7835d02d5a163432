"""What people decide about findings of coverage: accepted, with a reason and perhaps until a day,
and that taken back. Each is one transaction with its entry in the audit log."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from db import audit, jobs
from db.coverage import ACCEPTED, IDENTITY, OPEN, acceptance_in_force
from db.engine import writing
from db.history.runs import newest_day
from db.tables import OPEN_END, coverage_exceptions, coverage_findings, device_snapshots
from etl.collect.collect import business_day
from etl.decisions.runs import Decider
from etl.snapshots.publish import PublishRefused

_NAMES = (*IDENTITY, "facts")


def accept_finding(by: Decider, finding_id: int, reason: str, expires: date | None) -> int:
    """Accept a finding that stands, until its facts change or `expires` has passed; the entry's
    id in the audit log.

    Raises:
        Refused: it does not stand any more, is accepted already, or `expires` has passed.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        found, today = _standing(connection, finding_id), _today(connection, by)
        if expires is not None and expires < today:
            raise PublishRefused(f"{expires} has passed: choose {today} or later, or no last day.")
        accepted = connection.execute(
            select(coverage_exceptions).where(*_same(found), acceptance_in_force(today))
        ).first()
        if accepted is not None:
            raise PublishRefused(f"{accepted.author} has accepted it already: {accepted.reason}")
        values = {
            **{name: getattr(found, name) for name in _NAMES},
            "reason": reason, "expires": expires, "author": by.actor, "accepted_on": today,
        }  # fmt: skip
        entry = by.note(
            connection, jobs.ACCEPT_FINDING, _subject(connection, found),
            finding_id=str(finding_id), before={"state": OPEN},
            after={"state": ACCEPTED, "reason": reason, "expires": expires},
            **_told(values),
        )  # fmt: skip
        connection.execute(
            insert(coverage_exceptions).values(
                **values, created_at=by.clock(), decided_by=entry, withdrawn_by=None
            )
        )
    return entry


def withdraw_acceptance(by: Decider, exception_id: int) -> int:
    """Take an acceptance back; the entry's id in the audit log.

    Raises:
        Refused: there is no such acceptance, or it is withdrawn already.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        accepted = connection.execute(
            select(coverage_exceptions).where(coverage_exceptions.c.exception_id == exception_id)
        ).one_or_none()
        if accepted is None:
            raise PublishRefused(f"There is no acceptance {exception_id}.")
        entry = audit.note(
            connection, by.actor, jobs.WITHDRAW_ACCEPTANCE, _subject(connection, accepted),
            by.clock(),
            {
                "exception_id": str(exception_id),
                "before": {"state": ACCEPTED, "reason": accepted.reason,
                           "expires": accepted.expires},
                "after": {"state": OPEN},
                **_told(accepted._asdict()),
            },
            undoes=accepted.decided_by,
        )  # fmt: skip
        _withdraw(connection, by, accepted, entry)
    return entry


def undo_acceptance(
    by: Decider, connection: Connection, decided: int, entry: int, _detail: Mapping[str, Any]
) -> None:
    """Take back, under `entry` of the audit log, the acceptance that its entry `decided` made.

    Raises:
        Refused: it is withdrawn already.
    """
    accepted = connection.execute(
        select(coverage_exceptions).where(coverage_exceptions.c.decided_by == decided)
    ).one()
    _withdraw(connection, by, accepted, entry)


def _withdraw(connection: Connection, by: Decider, accepted: Row[Any], entry: int) -> None:
    if accepted.withdrawn_by is not None:
        raise PublishRefused("It is withdrawn already: the finding is open again.")
    connection.execute(
        update(coverage_exceptions)
        .where(coverage_exceptions.c.exception_id == accepted.exception_id)
        .values(withdrawn_by=entry, withdrawn_on=_today(connection, by))
    )


def _standing(connection: Connection, finding_id: int) -> Row[Any]:
    found = connection.execute(
        select(coverage_findings).where(coverage_findings.c.finding_id == finding_id)
    ).one_or_none()
    if found is None or found.until != OPEN_END:
        raise PublishRefused("It does not stand any more: there is nothing left to accept.")
    return found


def _today(connection: Connection, by: Decider) -> date:
    """The business day now; that of the newest snapshot, should that be later."""
    return max(business_day(by.clock, by.environ), newest_day(connection) or date.min)


def _same(found: Row[Any]) -> list[Any]:
    accepted = coverage_exceptions.c
    return [accepted[name].is_not_distinct_from(getattr(found, name)) for name in _NAMES]


def _told(values: dict[str, Any]) -> dict[str, Any]:
    """What the entry tells of the finding; ids as text, as everywhere in JSON."""
    told = {name: values[name] for name in _NAMES}
    return {
        name: str(value) if name.endswith("_id") and value is not None else value
        for name, value in told.items()
    }


def _subject(connection: Connection, found: Row[Any]) -> str:
    """The finding for people: its kind and the hostname."""
    said = device_snapshots.c
    hostname = connection.scalar(
        select(said.hostname)
        .where(said.device_id == found.device_id)
        .order_by(said.valid_from.desc())
        .limit(1)
    )
    return f"{found.kind} {hostname or found.device_id}"[:255]
