"""What a decision would change, before anybody takes it: it is taken on a copy, in a SQLite file of
its own that is thrown away, by the very code that would take it in earnest."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, func, literal, select

from db.bulk import upsert_tuples
from db.engine import open_engine, reading, sqlite_url, writing
from db.history.kept import month_end, month_of
from db.history.runs import border, newest_by_source, newest_day, runs_in_force
from db.history.views import ASSETS, assets_as_of, records_as_of
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

LISTED = 500
"""How many of the devices that would change are listed."""

Groups = dict[int, dict[str, int]]
"""By site, how many of each billing status."""
Told = Mapping[int, tuple[Any, ...]]

_SMALL = (
    sites, site_aliases, asset_links, kept_apart, rule_versions, months, meta, audit_log, leases,
    devices, device_keys,
)  # fmt: skip


def preview(
    engine: Engine, decide: Callable[[Engine], object], tell: Callable[[str], None]
) -> dict[str, Any]:
    """What `decide` would change on the days after the border: the JSON that the result of a
    preview holds.

    Args:
        decide: takes the decision on the engine that it is given.
        tell: is told how far it is.
    """
    with TemporaryDirectory(prefix="inventory-hub-preview-") as folder:
        copy = open_engine(sqlite_url(Path(folder) / "copy.db"))
        try:
            metadata.create_all(copy)
            tell("copies what the decision may touch")
            with reading(engine) as connection:
                days = _days(connection)
                _copy(connection, copy, days)
            tell("counts what is")
            before = _Numbers(copy, days)
            tell("takes the decision on the copy")
            decide(copy)
            tell("counts what would be")
            return _told(before, _Numbers(copy, days))
        finally:
            copy.dispose()


def _days(connection: Connection) -> dict[date, str]:
    """The days that a preview shows: the newest one, and the ends of open months before it."""
    newest, first = newest_day(connection), restatement_start(connection)
    if newest is None or first is None:
        return {}
    days = {newest: "now"}
    end = month_end(month_of(first))
    while end < newest:
        days[end] = "month_end"
        end = month_end(month_of(date.fromordinal(end.toordinal() + 1)))
    return dict(sorted(days.items(), reverse=True))


def _copy(connection: Connection, copy: Engine, days: Mapping[date, str]) -> None:
    """What decisions look at, of the days after the border; of the runs those that stand on one
    of `days`, for only these are counted."""
    first = restatement_start(connection) or date.max
    stretch, latest, run = device_snapshots.c, device_latest.c, collection_runs.c
    finding = coverage_findings.c
    standing = {one.run_id for day in days for one in runs_in_force(connection, day).values()}
    said: list[tuple[Table, Select[Any]]] = [
        *((table, select(table)) for table in _SMALL),
        (collection_runs, select(collection_runs).where(run.run_id.in_(sorted(standing)))),
        (device_snapshots, select(device_snapshots).where(stretch.valid_to > first)),
        (coverage_findings, select(coverage_findings).where(finding.until >= first)),
        (
            device_latest,
            select(
                latest.device_id, latest.last_contact, latest.macs, literal("{}").label("volatile")
            ),
        ),
    ]
    for table, statement in said:
        for rows in connection.execute(statement).partitions(10_000):
            names = list(statement.selected_columns.keys())
            with writing(copy) as there:
                values = [tuple(row) for row in rows]
                upsert_tuples(there, table, names, values)
    with writing(copy) as there:
        there.execute(leases.delete())


class _Numbers:
    """The counts of some days, and what each record says on the newest of them."""

    def __init__(self, engine: Engine, days: Mapping[date, str]) -> None:
        self.days = days
        with reading(engine) as connection:
            self.border = border(connection)
            rules = rules_by_day(connection)
            rows = connection.execute(select(sites.c.site_id, sites.c.name))
            self.sites = {NO_SITE_ID: NO_SITE, **{site_id: name for site_id, name in rows}}
            self.counts: dict[tuple[date, str], Groups] = {
                (day, basis): _counted(connection, basis, day, rules)
                for day in days
                for basis in (*sorted(newest_by_source(connection)), ASSETS)
            }
            newest = next(iter(days), date.min)
            self.records: Told = _records(connection, newest)
            self.findings = _findings(connection, newest)


def _counted(connection: Connection, basis: str, day: date, rules: RulesByDay) -> Groups:
    view = (
        assets_as_of(day, rules)
        if basis == ASSETS
        else records_as_of(day).where(device_snapshots.c.source == basis)
    ).subquery()
    groups = (view.c.site_id, view.c.billing_status)
    found: Groups = {}
    for site_id, status, n in connection.execute(select(*groups, func.count()).group_by(*groups)):
        found.setdefault(site_id, {})[status] = n
    return found


def _findings(connection: Connection, day: date) -> dict[str, int]:
    """How many findings of coverage stand, by kind."""
    c = coverage_findings.c
    stand = select(c.kind, func.count()).where(c.since <= day, c.until > day)
    return {kind: n for kind, n in connection.execute(stand.group_by(c.kind))}


_SHOWN = ("site_id", "asset_id", "device_type", "billing_status", "reason")
_CALLED = ("source", "hostname", "display_name")


def _records(connection: Connection, day: date) -> Told:
    view = records_as_of(day).subquery()
    columns = (view.c.device_id, *(view.c[name] for name in (*_SHOWN, *_CALLED)))
    return {row[0]: tuple(row[1:]) for row in connection.execute(select(*columns)).all()}


def _told(before: _Numbers, after: _Numbers) -> dict[str, Any]:
    names = before.sites | after.sites
    changed = [
        device_id
        for device_id, then in before.records.items()
        if then[: len(_SHOWN)] != after.records[device_id][: len(_SHOWN)]
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
        "cut": len(changed) > LISTED,
        "items": [
            _item(device_id, before.records[device_id], after.records[device_id], names)
            for device_id in changed[:LISTED]
        ],
    }


def _order(then: tuple[Any, ...], names: Mapping[int, str]) -> tuple[str, ...]:
    site_id, hostname = then[0], then[_PLACE["hostname"]]
    return names.get(site_id, ""), (hostname or "").casefold(), then[_PLACE["source"]]


_PLACE = {name: place for place, name in enumerate((*_SHOWN, *_CALLED))}
_STATUSES = ("billable", "spare", "excluded")


def _rows(
    key: tuple[date, str], then: Groups, now: Groups, names: Mapping[int, str]
) -> Iterator[dict[str, Any]]:
    """All sites together first, then each site of which something changes."""
    day, basis = key
    about = {"day": day.isoformat(), "basis": basis}
    sums = [
        {status: sum(one.get(status, 0) for one in groups.values()) for status in _STATUSES}
        for groups in (then, now)
    ]
    yield {**about, "site_id": None, "site": None, "before": sums[0], "after": sums[1]}
    for site_id in sorted(then.keys() | now.keys(), key=lambda one: names.get(one, "")):
        sides = [
            {status: groups.get(site_id, {}).get(status, 0) for status in _STATUSES}
            for groups in (then, now)
        ]
        if sides[0] != sides[1]:
            place = {"site_id": str(site_id), "site": names.get(site_id, str(site_id))}
            yield {**about, **place, "before": sides[0], "after": sides[1]}


def _item(
    device_id: int, then: tuple[Any, ...], now: tuple[Any, ...], names: Mapping[int, str]
) -> dict[str, Any]:
    was, is_now = dict(zip(_PLACE, then, strict=True)), dict(zip(_PLACE, now, strict=True))
    return {
        "device_id": str(device_id),
        **{name: was[name] for name in _CALLED},
        "asset_was": str(was["asset_id"]),
        "asset": str(is_now["asset_id"]),
        "site_was": names.get(was["site_id"]),
        "site": names.get(is_now["site_id"]),
        "status_was": was["billing_status"],
        "status": is_now["billing_status"],
        "reason_was": was["reason"],
        "reason": is_now["reason"],
    }
