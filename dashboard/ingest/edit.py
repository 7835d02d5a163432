"""One machine changed or deleted by a person or another program; written in the audit log."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from flask import Request
from sqlalchemy import Connection, select, update
from sqlalchemy import delete as delete_rows

from dashboard.ingest.receive import language
from dashboard.ingest.refusal import malformed
from dashboard.ingest.report import read_activation
from db import audit
from db.tables import agent_hours, api_tokens, inventory

CHANGEABLE = ("computer_activation", "activation_days")
_MESSAGES = {
    "en": {"changed": "Inventory updated", "deleted": "Inventory removed"},
    "pt": {"changed": "Inventário atualizado", "deleted": "Inventário removido"},
}


def message(request: Request, done: str) -> str:
    """What a client is told of what was done, in its language."""
    return _MESSAGES[language(request.headers.get("Accept-Language", ""))][done]


def read(found: Any, zone: tzinfo) -> dict[str, Any]:
    """What a PATCH asks for.

    Raises:
        Refusal: nothing that may be changed, or a value that cannot be.
    """
    if not isinstance(found, Mapping):
        raise malformed("A change is a JSON object.")
    values = {name: found[name] for name in CHANGEABLE if name in found}
    if not values:
        raise malformed("No valid fields provided for update", list(CHANGEABLE))
    if "computer_activation" in values:
        values["computer_activation"] = read_activation(values["computer_activation"], zone)
    days = values.get("activation_days")
    if days is not None and (type(days) is not int or not -(2**31) <= days < 2**31):
        raise malformed("activation_days is a whole number of days.", ["activation_days"])
    return values


def change(
    connection: Connection, machine_id: str, values: Mapping[str, Any], actor: str, now: datetime
) -> bool:
    """Set `values` of a machine; False when there is none."""
    machine = inventory.c
    before = connection.execute(
        select(*(machine[name] for name in values)).where(machine.machine_id == machine_id)
    ).first()
    if before is None:
        return False
    connection.execute(
        update(inventory).where(machine.machine_id == machine_id).values(dict(values))
    )
    detail = {"before": dict(before._mapping), "after": dict(values)}
    audit.note(connection, actor, "machine_change", f"machine {machine_id}", now, detail)
    return True


def delete(connection: Connection, machine_id: str, actor: str, now: datetime) -> bool:
    """Forget a machine, its hours and its key; False when there is none. Its days stay in the
    snapshots; if it reports again, it must enrol again."""
    machine = inventory.c
    row = connection.execute(
        select(machine.device_id, machine.hostname).where(machine.machine_id == machine_id)
    ).first()
    if row is None:
        return False
    connection.execute(delete_rows(agent_hours).where(agent_hours.c.device_id == row.device_id))
    connection.execute(delete_rows(api_tokens).where(api_tokens.c.machine_id == machine_id))
    connection.execute(delete_rows(inventory).where(machine.machine_id == machine_id))
    detail = {"hostname": row.hostname}
    audit.note(connection, actor, "machine_delete", f"machine {machine_id}", now, detail)
    return True
