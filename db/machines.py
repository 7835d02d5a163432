"""Machines that report themselves, or were added by hand because no agent runs on them: read by the
agent source; added, changed and removed by hand, each time with an entry in the audit log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, tzinfo
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    delete,
    insert,
    or_,
    select,
    update,
)

from db import audit, tokens
from db.engine import reading
from db.keys import device_id
from db.search import machine_search_text
from db.tables import ALIAS_KEY_LENGTH, agent_hours, inventory, report_days
from db.thresholds import Thresholds, in_force

SOURCE = "agent"
_machine = inventory.c


def site_key(site: str) -> str:
    """The id of a site that a machine names, as the agent source has it: however it is spelt."""
    return " ".join(site.casefold().split())[:ALIAS_KEY_LENGTH]


def is_added_by_hand() -> ColumnElement[bool]:
    """Whether a row of `inventory` was added by hand and has not reported since: adding a machine
    is no report, and no other machine is without one."""
    return _machine.received_at.is_(None)


def ever_had_machines(connection: Connection) -> bool:
    """Whether any machine has ever reported, or stands here added by hand."""
    reported = select(report_days.c.day).limit(1)
    added = select(_machine.machine_id).where(is_added_by_hand()).limit(1)
    return any(connection.execute(each).first() is not None for each in (reported, added))


def present_days(engine: Engine, from_environment: int) -> int:
    """For how many days after its last report a machine counts."""
    environment = Thresholds(agent_present_days=from_environment)
    with reading(engine) as connection:
        return in_force(connection, environment).agent_present_days


def present_machines(engine: Engine, days: int, zone: tzinfo) -> Iterator[Mapping[str, Any]]:
    """One row per machine that reported within the last `days` days on which any machine reported:
    days without a single report do not count, for our own server may have been down (docs/rules.md,
    rule 5). Those added by hand are present until somebody removes them.

    Args:
        zone: the time zone of business days.
    """
    with reading(engine) as connection:
        day = report_days.c.day
        newest = connection.scalars(select(day).order_by(day.desc()).limit(days)).all()
        is_present = is_added_by_hand()
        if newest:
            since = datetime.combine(newest[-1], time.min, zone).astimezone(UTC)
            is_present = or_(is_present, _machine.received_at >= since)
        machines = select(inventory).where(is_present).order_by(_machine.machine_id)
        for row in connection.execution_options(yield_per=1000).execute(machines).mappings():
            yield dict(row)


def blank_machine(machine_id: str, now: datetime) -> dict[str, Any]:
    """The row of a machine that has not reported, with TatuScan's values for what is missing."""
    return {column.name: None for column in inventory.c} | {
        "machine_id": machine_id,
        "device_id": device_id(SOURCE, machine_id),
        "os_version": "",
        "memory_used_mb": 0,
        "created_at": now,
        "recent_reports": b"",
    }


def with_search_text(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `inventory` that is about to be stored, with its `search_text`."""
    return {**row, "search_text": machine_search_text(row)}


def rows_for_update(connection: Connection, statement: Select[Any]) -> Sequence[Row[Any]]:
    """The rows of `statement` ordered by id, locked if the transaction is one for writing."""
    statement = statement.order_by(_machine.machine_id)
    if connection.get_execution_options().get("write"):
        statement = statement.with_for_update(of=inventory)
    return connection.execute(statement).all()


def add(connection: Connection, row: Mapping[str, Any], actor: str, now: datetime) -> bool:
    """Store a machine that does not report; False if its id exists. Adding is no report."""
    machine_id = row["machine_id"]
    existing = connection.execute(
        select(_machine.machine_id).where(_machine.machine_id == machine_id)
    ).first()
    if existing is not None:
        return False
    connection.execute(insert(inventory).values(with_search_text(row)))
    detail = {name: row[name] for name in ("hostname", "os", "ip", "computer_model", "site")}
    audit.write_entry(connection, actor, "machine_add", f"machine {machine_id}", now, detail)
    return True


def change(
    connection: Connection, machine_id: str, values: Mapping[str, Any], actor: str, now: datetime
) -> bool:
    """Set `values` of a machine; False if there is no such machine."""
    before = connection.execute(
        select(*(_machine[name] for name in values)).where(_machine.machine_id == machine_id)
    ).first()
    if before is None:
        return False
    connection.execute(
        update(inventory).where(_machine.machine_id == machine_id).values(dict(values))
    )
    detail = {"before": dict(before._mapping), "after": dict(values)}
    audit.write_entry(connection, actor, "machine_change", f"machine {machine_id}", now, detail)
    return True


def remove(connection: Connection, machine_id: str, actor: str, now: datetime) -> bool:
    """Delete a machine, its hours and its key; False if there is no such machine. Its days stay in
    the snapshots; to report again it must enrol again."""
    row = connection.execute(
        select(_machine.device_id, _machine.hostname).where(_machine.machine_id == machine_id)
    ).first()
    if row is None:
        return False
    connection.execute(delete(agent_hours).where(agent_hours.c.device_id == row.device_id))
    tokens.delete_of_machine(connection, machine_id)
    connection.execute(delete(inventory).where(_machine.machine_id == machine_id))
    detail = {"hostname": row.hostname}
    audit.write_entry(connection, actor, "machine_delete", f"machine {machine_id}", now, detail)
    return True
