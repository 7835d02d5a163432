"""Updating coverage findings after collections, for the days and machines that changed.

`meta` holds the runs and the rules that the stored findings are based on. Comparing these with the
present ones shows from which day on findings are stale, and whether for all machines or only those
that a source changed.
"""

import json
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, or_, select

from db.bulk import upsert
from db.engine import writing
from db.history.kept import KeptDays
from db.history.runs import END, PUBLISHED, kept_days, runs_in_force
from db.rules import Rules, current_rules
from db.settings import Settings
from db.tables import OPEN_END, collection_runs, device_snapshots, meta
from etl.coverage.findings import refresh_findings
from etl.rules import evidence
from etl.runtime.lease import Lease

VERSION = 2
"""The version of how records are compared. Findings of open days that were computed under an
earlier one are computed again."""

META_NAME = "coverage"
"""The entry of `meta` that holds the runs and rules that the findings are based on."""


def catch_up(engine: Engine, lease: Lease, settings: Settings | None = None) -> None:
    """Update the findings for what was published, replaced or withdrawn since the last call."""
    with writing(engine) as connection:
        lease.hold(connection)
        kept = kept_days(connection, settings)
        now = _state(connection, current_rules(connection))
        stored = connection.scalar(select(meta.c.value).where(meta.c.name == META_NAME))
        before = json.loads(stored) if stored else None
        if before == now:
            return
        for since, sources in _stale(connection, before, now, kept):
            machines = None if sources is None else _changed_machines(connection, since, sources)
            refresh_findings(connection, since, machines)
        upsert(connection, meta, [{"name": META_NAME, "value": json.dumps(now)}])


def _state(connection: Connection, rules: Rules) -> dict[str, Any]:
    """What findings computed now are based on: the runs, the rules, and the versions of the
    evidence and of the comparison."""
    runs = {
        source: [run.business_date.isoformat(), run.run_id, run.kind]
        for source, run in runs_in_force(connection).items()
    }
    settings = (rules.expected_sources, rules.source_order, rules.spare_node_classes)
    return {
        "runs": runs,
        "rules": [list(values) for values in settings],
        "evidence": evidence.VERSION,
        "comparison": VERSION,
    }


def _stale(
    connection: Connection,
    before: dict[str, Any] | None,
    now: dict[str, Any],
    kept: KeptDays | None,
) -> list[tuple[date, set[str] | None]]:
    """From which day on findings must be computed again: for the machines that these sources
    changed since, or (None) for all machines."""
    if before is None or kept is None:
        return [(date.min, None)]
    for_all: list[date] = []
    changed: dict[str, date] = {}
    if any(before.get(name) != now[name] for name in ("rules", "evidence", "comparison")):
        for_all.append(_open_from(kept))
    for source in sorted(before["runs"].keys() | now["runs"].keys()):
        run_before, run_now = before["runs"].get(source), now["runs"].get(source)
        if run_before == run_now:
            continue
        if run_before is None or run_now is None:
            # The source's first snapshot appeared or went: where it is expected changes everything.
            for_all.append(_first_day(connection, source) or _open_from(kept))
            continue
        old_day, new_day = date.fromisoformat(run_before[0]), date.fromisoformat(run_now[0])
        if new_day <= old_day or not _is_published(connection, run_before[1]):
            for_all.append(min(old_day, new_day))
        elif run_before[2] == END or _ended_after(connection, source, old_day):
            for_all.append(old_day + timedelta(days=1))
        else:
            changed[source] = old_day + timedelta(days=1)
    if for_all:
        return [(min([*for_all, *changed.values()]), None)]
    return [(min(changed.values()), set(changed))] if changed else []


def _open_from(kept: KeptDays) -> date:
    """The first day whose findings may change."""
    return kept.border + timedelta(days=1) if kept.border else kept.daily_from


def _first_day(connection: Connection, source: str) -> date | None:
    runs = collection_runs.c
    first: date | None = connection.scalar(
        select(func.min(runs.business_date)).where(PUBLISHED, runs.source == source)
    )
    return first


def _ended_after(connection: Connection, source: str, day: date) -> bool:
    runs = collection_runs.c
    later = select(runs.run_id).where(
        PUBLISHED, runs.source == source, runs.kind == END, runs.business_date > day
    )
    return connection.execute(later.limit(1)).first() is not None


def _is_published(connection: Connection, run_id: int) -> bool:
    published = select(collection_runs.c.published).where(collection_runs.c.run_id == run_id)
    return bool(connection.scalar(published))


def _changed_machines(connection: Connection, since: date, sources: set[str]) -> set[int]:
    """The machines with a record of `sources` that began or ended on `since` or later."""
    c = device_snapshots.c
    begun = and_(c.valid_to == OPEN_END, c.valid_from >= since)
    ended = and_(c.valid_to >= since, c.valid_to < OPEN_END)
    rows = select(c.asset_id).where(c.source.in_(sorted(sources)), or_(begun, ended))
    return set(connection.scalars(rows.distinct()))
