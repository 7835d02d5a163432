"""What the next matching of each source has to look at, besides what its own records say anew: the
records of other sources whose evidence changed since, and its own that wait.

A matching leaves no link that its rules would begin; so the next one finds some only near what
changed. Where anything else happened meanwhile (a decision, a day that was taken back or collected
again), it looks at everything.
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
"""The part of a fleet from which looking at everything is as quick."""
MIN_LIMIT = 2000
_NAME = "matched "


@dataclass(frozen=True)
class MatchScope:
    """What a source has to look at; None: everything. `most`: how many are worth picking out.
    `noted`: the sources whose keys were noted when they were published. `late`: whether another
    source published a later day already."""

    device_ids: set[int] | None
    most: int
    noted: set[str]
    late: bool


def match_scope(
    connection: Connection, source: str, day: date, size: int, again: bool
) -> MatchScope:
    """What `source` has to look at when it publishes `size` records for `day`.

    Args:
        again: whether the day was published before and is being replaced.
    """
    most = max(MIN_LIMIT, int(MAX_SHARE * size))
    notes = _read(connection)
    noted = {name for name, note in notes.items() if note["keys"] == VERSION}
    told = notes.get(source)
    newest = max(newest_by_source(connection).values(), default=date.min)
    run = runs_in_force(connection).get(source)
    if (
        again
        or told is None
        or told["look"] is None
        or notes.keys() != noted
        or told["entry"] != _entry(connection)
        or run is None
        or told["run"] != run.run_id
        or day < newest
    ):
        return MatchScope(None, most, noted, day < newest)
    return MatchScope(set(told["look"]), most, noted, False)


def save_pending(
    connection: Connection,
    source: str,
    day: date,
    run_id: int,
    waiting: Collection[int],
    changed: Collection[int] | None,
    most: int,
) -> None:
    """Note what this matching leaves for the next ones.

    Args:
        waiting: records of the source that time alone may link.
        changed: whose evidence or machine changed; None: nobody knows.
    """
    late = day < max(newest_by_source(connection).values(), default=date.min)
    notes = _read(connection)
    for other, note in notes.items():
        if other == source or note["look"] is None:
            continue
        look = {*note["look"], *changed} if changed is not None else None
        note["look"] = None if look is None or len(look) > most else sorted(look)
    notes[source] = {
        "keys": VERSION, "run": run_id, "entry": _entry(connection),
        "look": None if late else sorted(waiting),
    }  # fmt: skip
    upsert(
        connection,
        meta,
        [{"name": _NAME + name, "value": json.dumps(note)} for name, note in notes.items()],
    )


def _read(connection: Connection) -> dict[str, dict[str, Any]]:
    named = meta.c.name.like(_NAME + "%")
    rows = connection.execute(select(meta.c.name, meta.c.value).where(named))
    return {name.removeprefix(_NAME): json.loads(value) for name, value in rows}


def _entry(connection: Connection) -> int:
    """The newest decision that may have changed which links there are."""
    runs = (AcceptRun.kind, EndSource.kind, WithdrawDay.kind)
    kinds = (*runs, *restating_kinds(), Undo.kind)
    newest = select(func.max(audit_log.c.entry_id)).where(audit_log.c.action.in_(kinds))
    return connection.scalar(newest) or 0
