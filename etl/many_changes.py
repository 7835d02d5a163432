"""Which payload keys differ when suspiciously many devices changed at once."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, select

from db.tables import OPEN_END, device_payloads, device_snapshots
from etl.states import State, changed_keys

MANY_CHANGES = 20.0
"""Percent of changed devices from which a run names the keys that differ: a key that changes
hourly and is not listed as volatile would open a stretch a day for every device."""

_said = device_snapshots.c


def most_changed_keys(
    connection: Connection, standing: int, changed: Sequence[State]
) -> str | None:
    """The payload keys in which a sample of `changed` differs from what stands; None when no more
    than usual of the `standing` devices changed. The stretches must not be closed yet."""
    if not standing or len(changed) * 100 <= MANY_CHANGES * standing:
        return None
    sample = {state.device_id: state for state in changed[:50]}
    payloads = device_payloads.c
    rows = connection.execute(
        select(_said.device_id, payloads.body)
        .join(
            device_payloads,
            and_(
                payloads.device_id == _said.device_id, payloads.payload_hash == _said.payload_hash
            ),
        )
        .where(_said.device_id.in_(sample), _said.valid_to == OPEN_END)
    )
    pairs = [(body, sample[device_id].payload) for device_id, body in rows]
    keys = changed_keys([old for old, _ in pairs], [new for _, new in pairs])
    return ", ".join(keys)[:255] or None
