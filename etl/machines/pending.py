"""Which records the next matching of each source has to compare, besides those that it changes
itself: records of other sources whose evidence changed since, and its own that time alone may link.

A matching begins every link that its rules find, so the next one can only find more near records
that changed. What changed is noted in `meta`, one entry for each source. If anything else happened
that changes links (a decision, a day that was undone or collected again), everything is compared.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from db.bulk import upsert
from db.decisions import AcceptRun, EndSource, Undo, WithdrawDay, restating_kinds
from db.history.runs import newest_by_source, runs_in_force
from db.tables import audit_log, meta
from etl.machines.match_keys import VERSION

MAX_SHARE = 0.2
"""Above this share of the fleet, comparing everything is as fast."""
MIN_LIMIT = 2000
_NAME = "matched "


@dataclass(frozen=True)
class MatchScope:
    """What a matching has to compare.

    `device_ids`: the pending records; None: compare everything. `limit`: the number of records
    above which everything is compared. `indexed_sources`: the sources whose keys are in
    `device_keys`. `is_late`: another source has published a later day already."""

    device_ids: set[int] | None
    limit: int
    indexed_sources: set[str]
    is_late: bool


def match_scope(
    connection: Connection, source: str, day: date, size: int, again: bool
) -> MatchScope:
    """What `source` has to compare when it publishes `size` records for `day`.

    Args:
        again: whether the day was published before and is being replaced.
    """
    limit = max(MIN_LIMIT, int(MAX_SHARE * size))
    notes = _read_notes(connection)
    indexed = {name for name, note in notes.items() if note["keys"] == VERSION}
    note = notes.get(source)
    newest = max(newest_by_source(connection).values(), default=date.min)
    run = runs_in_force(connection).get(source)
    if (
        again
        or note is None
        or note["look"] is None
        or notes.keys() != indexed
        or note["entry"] != _newest_decision(connection)
        or run is None
        or note["run"] != run.run_id
        or day < newest
    ):
        return MatchScope(None, limit, indexed, day < newest)
    return MatchScope(set(note["look"]), limit, indexed, False)


def save_pending(
    connection: Connection,
    source: str,
    day: date,
    run_id: int,
    pending: Collection[int],
    changed: Collection[int] | None,
    limit: int,
) -> None:
    """Note what this matching leaves for the next one of each source.

    Args:
        pending: records of the source that time alone may link.
        changed: records whose evidence or machine changed; None: not known.
    """
    is_late = day < max(newest_by_source(connection).values(), default=date.min)
    notes = _read_notes(connection)
    for other, note in notes.items():
        if other == source or note["look"] is None:
            continue
        records = {*note["look"], *changed} if changed is not None else None
        note["look"] = None if records is None or len(records) > limit else sorted(records)
    notes[source] = {
        "keys": VERSION,
        "run": run_id,
        "entry": _newest_decision(connection),
        "look": None if is_late else sorted(pending),
    }
    upsert(
        connection,
        meta,
        [{"name": _NAME + name, "value": json.dumps(note)} for name, note in notes.items()],
    )


def _read_notes(connection: Connection) -> dict[str, dict[str, Any]]:
    named = meta.c.name.like(_NAME + "%")
    rows = connection.execute(select(meta.c.name, meta.c.value).where(named))
    return {name.removeprefix(_NAME): json.loads(value) for name, value in rows}


def _newest_decision(connection: Connection) -> int:
    """The newest decision that may have changed links."""
    runs = (AcceptRun.kind, EndSource.kind, WithdrawDay.kind)
    kinds = (*runs, *restating_kinds(), Undo.kind)
    newest = select(func.max(audit_log.c.entry_id)).where(audit_log.c.action.in_(kinds))
    return connection.scalar(newest) or 0
