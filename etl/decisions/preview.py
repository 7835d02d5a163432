"""What a decision would change: it is carried out on a copy of the data, in a temporary SQLite
file, by the same code that carries it out for good."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, func, literal, select

from db.bulk import upsert_tuples
from db.engine import open_engine, reading, sqlite_url, writing
from db.history.kept import month_end, month_of
from db.history.runs import (
    border,
    newest_by_source,
    newest_day,
    published_days,
    runs_in_force,
)
from db.history.views import ASSETS, assets_as_of, records_as_of
from db.months.adjustments import decisions_since_closing
from db.names import NO_SITE
from db.rules import RulesByDay, rules_by_day
from db.tables import (
    NO_SITE_ID,
    asset_links,
    audit_log,
    collection_runs,
    coverage_findings,
    device_keys,
    device_latest,
    device_snapshots,
    devices,
    kept_apart,
    leases,
    meta,
    metadata,
    months,
    rule_versions,
    site_aliases,
    sites,
)
from etl.snapshots.apply_decisions import restatement_start

MAX_LISTED = 500
"""More changed devices than this are only counted."""

Groups = dict[int, dict[str, int]]
"""By site and billing status the number of devices."""
Records = Mapping[int, tuple[Any, ...]]
"""By device id the values of `_COLUMNS`."""

_SMALL = (
    sites,
    site_aliases,
    asset_links,
    kept_apart,
    rule_versions,
    months,
    meta,
    audit_log,
    leases,
    devices,
    device_keys,
)


def preview(
    engine: Engine,
    decide: Callable[[Engine], object],
    report_progress: Callable[[str], None],
    reopened: str | None = None,
) -> dict[str, Any]:
    """What `decide` would change on the days after the newest closed month, as the JSON that a
    preview's job has as its result.

    Args:
        decide: carries the decision out on the engine that it is given.
        report_progress: is called with each step, in words.
        reopened: the closed month that `decide` reopens: then only its end is looked at, and the
            result names by site the decisions that change it.
    """
    with TemporaryDirectory(prefix="inventory-hub-preview-") as folder:
        copy = open_engine(sqlite_url(Path(folder) / "copy.db"))
        try:
            metadata.create_all(copy)
            report_progress("copies what the decision may touch")
            with reading(engine) as connection:
                days = _days(connection, reopened)
                _copy(connection, copy, days, _first_day(connection, reopened))
                reasons = _reasons(connection, reopened) if reopened else {}
            report_progress("counts what is")
            before = _State(copy, days)
            report_progress("takes the decision on the copy")
            decide(copy)
            report_progress("counts what would be")
            return {**_effect(before, _State(copy, days)), **reasons}
        finally:
            copy.dispose()


def _days(connection: Connection, reopened: str | None) -> dict[date, str]:
    """The days that a preview compares: the newest one ("now"), and the ends of open months before
    it ("month_end"), the newest first; of a month that is reopened only its end."""
    if reopened is not None:
        return {month_end(reopened): "month_end"}
    newest, first = newest_day(connection), restatement_start(connection)
    if newest is None or first is None:
        return {}
    days = {newest: "now"}
    end = month_end(month_of(first))
    while end < newest:
        days[end] = "month_end"
        end = month_end(month_of(date.fromordinal(end.toordinal() + 1)))
    return dict(sorted(days.items(), reverse=True))


def _first_day(connection: Connection, reopened: str | None) -> date:
    """The first day that the decision restates."""
    if reopened is None:
        return restatement_start(connection) or date.max
    others = (months.c.closed.is_(True), months.c.month != reopened)
    if connection.scalar(select(months.c.month).where(*others).limit(1)):
        return date.fromisoformat(f"{reopened}-01")
    return min(published_days(connection), default=date.max)


def _reasons(connection: Connection, reopened: str) -> dict[str, Any]:
    """By site, the decisions that change a closed month once it is reopened."""
    by_site = decisions_since_closing(connection, reopened, (ASSETS,))
    return {
        "reasons": {
            str(site_id): [
                {**asdict(decision), "at": decision.at.isoformat()} for decision in decisions
            ]
            for site_id, decisions in by_site.items()
        }
    }


def _copy(connection: Connection, copy: Engine, days: Mapping[date, str], first: date) -> None:
    """Copy what decisions read of the days from `first` on; of the runs only those in force on one
    of `days`, since only these days are counted, and now, since what is kept depends on them."""
    stretch, latest, run = device_snapshots.c, device_latest.c, collection_runs.c
    finding = coverage_findings.c
    run_ids = {
        each.run_id for day in (*days, date.max) for each in runs_in_force(connection, day).values()
    }
    selects: list[tuple[Table, Select[Any]]] = [
        *((table, select(table)) for table in _SMALL),
        (collection_runs, select(collection_runs).where(run.run_id.in_(sorted(run_ids)))),
        (device_snapshots, select(device_snapshots).where(stretch.valid_to > first)),
        (coverage_findings, select(coverage_findings).where(finding.until >= first)),
        (
            device_latest,
            select(
                latest.device_id, latest.last_contact, latest.macs, literal("{}").label("volatile")
            ),
        ),
    ]
    for table, statement in selects:
        for rows in connection.execute(statement).partitions(10_000):
            names = list(statement.selected_columns.keys())
            with writing(copy) as target:
                values = [tuple(row) for row in rows]
                upsert_tuples(target, table, names, values)
    with writing(copy) as target:
        target.execute(leases.delete())


class _State:
    """The counts of some days, and the records and findings of the newest of them."""

    def __init__(self, engine: Engine, days: Mapping[date, str]) -> None:
        self.days = days
        with reading(engine) as connection:
            self.border = border(connection)
            rules = rules_by_day(connection)
            rows = connection.execute(select(sites.c.site_id, sites.c.name))
            self.sites = {NO_SITE_ID: NO_SITE, **{site_id: name for site_id, name in rows}}
            self.counts: dict[tuple[date, str], Groups] = {
                (day, basis): _count(connection, basis, day, rules)
                for day in days
                for basis in (*sorted(newest_by_source(connection)), ASSETS)
            }
            newest = next(iter(days), date.min)
            self.records: Records = _records(connection, newest)
            self.findings = _findings(connection, newest)


def _count(connection: Connection, basis: str, day: date, rules: RulesByDay) -> Groups:
    view = (
        assets_as_of(day, rules)
        if basis == ASSETS
        else records_as_of(day).where(device_snapshots.c.source == basis)
    ).subquery()
    groups = (view.c.site_id, view.c.billing_status)
    counts: Groups = {}
    for site_id, status, n in connection.execute(select(*groups, func.count()).group_by(*groups)):
        counts.setdefault(site_id, {})[status] = n
    return counts


def _findings(connection: Connection, day: date) -> dict[str, int]:
    """The number of open coverage findings by kind."""
    c = coverage_findings.c
    open_on_day = select(c.kind, func.count()).where(c.since <= day, c.until > day)
    return {kind: n for kind, n in connection.execute(open_on_day.group_by(c.kind))}


_COMPARED = ("site_id", "asset_id", "device_type", "billing_status", "reason")
_NAMES = ("source", "hostname", "display_name")
_COLUMNS = (*_COMPARED, *_NAMES)
_STATUSES = ("billable", "spare", "excluded")


def _records(connection: Connection, day: date) -> Records:
    view = records_as_of(day).subquery()
    columns = (view.c.device_id, *(view.c[name] for name in _COLUMNS))
    return {row[0]: tuple(row[1:]) for row in connection.execute(select(*columns)).all()}


def _effect(before: _State, after: _State) -> dict[str, Any]:
    names = before.sites | after.sites
    changed = [
        device_id
        for device_id, values in before.records.items()
        if values[: len(_COMPARED)] != after.records[device_id][: len(_COMPARED)]
    ]
    changed.sort(key=lambda device_id: _order(before.records[device_id], names))
    return {
        "border": before.border.isoformat() if before.border else None,
        "days": [{"day": day.isoformat(), "what": what} for day, what in before.days.items()],
        "counts": [
            row
            for key in before.counts
            for row in _rows(key, before.counts[key], after.counts[key], names)
        ],
        "findings": {
            kind: [before.findings.get(kind, 0), after.findings.get(kind, 0)]
            for kind in sorted(before.findings.keys() | after.findings.keys())
        },
        "devices": len(changed),
        "cut": len(changed) > MAX_LISTED,
        "items": [
            _item(device_id, before.records[device_id], after.records[device_id], names)
            for device_id in changed[:MAX_LISTED]
        ],
    }


def _order(values: tuple[Any, ...], names: Mapping[int, str]) -> tuple[str, ...]:
    record = dict(zip(_COLUMNS, values, strict=True))
    hostname = (record["hostname"] or "").casefold()
    return names.get(record["site_id"], ""), hostname, record["source"]


def _rows(
    key: tuple[date, str], before: Groups, after: Groups, names: Mapping[int, str]
) -> Iterator[dict[str, Any]]:
    """The counts of all sites together, then those of each site whose counts change."""
    day, basis = key
    about = {"day": day.isoformat(), "basis": basis}
    sums = [
        {status: sum(site.get(status, 0) for site in groups.values()) for status in _STATUSES}
        for groups in (before, after)
    ]
    yield {**about, "site_id": None, "site": None, "before": sums[0], "after": sums[1]}
    for site_id in sorted(before.keys() | after.keys(), key=lambda id: names.get(id, "")):
        sides = [
            {status: groups.get(site_id, {}).get(status, 0) for status in _STATUSES}
            for groups in (before, after)
        ]
        if sides[0] != sides[1]:
            place = {"site_id": str(site_id), "site": names.get(site_id, str(site_id))}
            yield {**about, **place, "before": sides[0], "after": sides[1]}


def _item(
    device_id: int, before: tuple[Any, ...], after: tuple[Any, ...], names: Mapping[int, str]
) -> dict[str, Any]:
    was, now = dict(zip(_COLUMNS, before, strict=True)), dict(zip(_COLUMNS, after, strict=True))
    return {
        "device_id": str(device_id),
        **{name: was[name] for name in _NAMES},
        "asset_was": str(was["asset_id"]),
        "asset": str(now["asset_id"]),
        "site_was": names.get(was["site_id"]),
        "site": names.get(now["site_id"]),
        "status_was": was["billing_status"],
        "status": now["billing_status"],
        "reason_was": was["reason"],
        "reason": now["reason"],
    }
