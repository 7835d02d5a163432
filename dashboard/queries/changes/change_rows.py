"""Changes as rows of plain values, for the API and for files: the fields of a device row, its
bar, the day, every reason in words, and what it was and is."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from dashboard.queries.changes.change_list import Item
from dashboard.queries.devices import device_list
from dashboard.queries.iso_text import IsoInstant
from dashboard.queries.moment import Moment
from db.bulk import rows_where_in
from db.history.explain import EntityState
from db.tables import device_latest

COMPARED = (
    "site_id", "site", "location", "hostname", "display_name", "device_type", "billing_status",
    "source",
)  # fmt: skip
"""The fields of `before` and `after`."""


def rows(
    connection: Connection, moment: Moment, basis: str, items: Sequence[Item]
) -> list[dict[str, Any]]:
    """One row per change: the device as it is now (one that is gone, as it was), `bar`,
    `changed_on`, `reasons`, `before` and `after` (None on a day without it)."""
    contacts = _contacts(connection, items) if moment.is_newest else {}
    return [row(item, basis, contacts) for item in items]


def columns(basis: str) -> tuple[str, ...]:
    """The columns of a file of changes."""
    compared = (f"{name}_{when}" for when in ("before", "after") for name in COMPARED)
    return ("bar", "changed_on", "reasons", *device_list.columns(basis), *compared)


def cells(row: dict[str, Any], basis: str) -> list[Any]:
    """A row as a line of a file, in the order of `columns`."""
    flat = dict(row, reasons="; ".join(row["reasons"]))
    for when in ("before", "after"):
        state = row[when] or {}
        flat |= {f"{name}_{when}": state.get(name) for name in COMPARED}
    return [flat[name] for name in columns(basis)]


def row(item: Item, basis: str, contacts: Mapping[int, str | None]) -> dict[str, Any]:
    """One change; `contacts`: the last contact of devices, by id."""
    state, changed = item.state, item.changed
    values: dict[str, Any] = {
        "last_contact": contacts.get(state.device_id) if changed.now else None,
        "first_seen": state.first_seen.isoformat(),
        "device_id": str(state.device_id),
        "asset_id": str(state.asset_id),
    }
    return {
        "bar": item.bar,
        "changed_on": item.day.isoformat() if item.day else None,
        "reasons": [str(reason) for reason in changed.reasons],
        **{
            name: values[name] if name in values else getattr(state, name)
            for name in device_list.columns(basis)
        },
        "before": _compared(changed.then),
        "after": _compared(changed.now),
    }


def _compared(state: EntityState | None) -> dict[str, Any] | None:
    return None if state is None else {name: getattr(state, name) for name in COMPARED}


def _contacts(connection: Connection, items: Sequence[Item]) -> dict[int, str | None]:
    latest = device_latest.c
    statement = select(latest.device_id, IsoInstant(latest.last_contact))
    ids = (item.state.device_id for item in items)
    rows = rows_where_in(connection, statement, latest.device_id, ids)
    return {device_id: contact for device_id, contact in rows}
