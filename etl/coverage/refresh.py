"""Coverage after collections: which days and machines changed since findings were made last."""

import json
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, or_, select

from db.bulk import upsert
from db.engine import writing
from db.history.kept import KeptDays
from db.history.runs import END, PUBLISHED, kept_days, runs_in_force
from db.rules import Rules, current_rules
from db.settings import Environment
from db.tables import OPEN_END, collection_runs, device_snapshots, meta
from etl.coverage.findings import refresh_findings
from etl.runtime.lease import Lease

DONE = "coverage"
"""The fact in `meta` that says of which runs, by which rules, the findings are."""


def catch_up(engine: Engine, lease: Lease, environ: Environment | None = None) -> None:
    """Make the findings of what was published, replaced or withdrawn since the last time."""
    with writing(engine) as connection:
        lease.hold(connection)
        kept = kept_days(connection, environ)
        now = _state(connection, current_rules(connection))
        stored = connection.scalar(select(meta.c.value).where(meta.c.name == DONE))
        done = json.loads(stored) if stored else None
        if done == now:
            return
        for since, sources in _stale(connection, done, now, kept):
            touched = None if sources is None else _touched(connection, since, sources)
            refresh_findings(connection, since, touched)
        upsert(connection, meta, [{"name": DONE, "value": json.dumps(now)}])


def _state(connection: Connection, rules: Rules) -> dict[str, Any]:
    """What the findings of now rest on."""
    runs = {
        source: [run.business_date.isoformat(), run.run_id, run.kind]
        for source, run in runs_in_force(connection).items()
    }
    asked = (rules.expected_sources, rules.source_order, rules.spare_node_classes)
    return {"runs": runs, "rules": [list(values) for values in asked]}


def _stale(
    connection: Connection, done: dict[str, Any] | None, now: dict[str, Any], kept: KeptDays | None
) -> list[tuple[date, set[str] | None]]:
    """From which day on findings are to be made again: for what these sources changed since, or
    (None) for everything."""
    if done is None or kept is None:
        return [(date.min, None)]
    whole: list[date] = []
    changed: dict[str, date] = {}
    if done["rules"] != now["rules"]:
        whole.append(_open_from(kept))
    for source in sorted(done["runs"].keys() | now["runs"].keys()):
        was, found = done["runs"].get(source), now["runs"].get(source)
        if was == found:
            continue
        if was is None or found is None:
            # It was expected nowhere before its first day, and is not without any.
            whole.append(_first_day(connection, source) or _open_from(kept))
            continue
        before, newest = date.fromisoformat(was[0]), date.fromisoformat(found[0])
        if newest <= before or not _stands(connection, was[1]):
            whole.append(min(before, newest))
        elif was[2] == END or _ended_after(connection, source, before):
            whole.append(before + timedelta(days=1))
        else:
            changed[source] = before + timedelta(days=1)
    if whole:
        return [(min([*whole, *changed.values()]), None)]
    return [(min(changed.values()), set(changed))] if changed else []


def _open_from(kept: KeptDays) -> date:
    """The first day that may change."""
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


def _stands(connection: Connection, run_id: int) -> bool:
    published = select(collection_runs.c.published).where(collection_runs.c.run_id == run_id)
    return bool(connection.scalar(published))


def _touched(connection: Connection, since: date, sources: set[str]) -> set[int]:
    """The machines of which one of `sources` said something else from `since` on."""
    said = device_snapshots.c
    begun = and_(said.valid_to == OPEN_END, said.valid_from >= since)
    ended = and_(said.valid_to >= since, said.valid_to < OPEN_END)
    rows = select(said.asset_id).where(said.source.in_(sorted(sources)), or_(begun, ended))
    return set(connection.scalars(rows.distinct()))
