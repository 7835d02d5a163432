"""Stored coverage findings: stretches of days in which a finding was in force with the same facts.

After a collection or a decision the findings from a day on are computed again, for the machines
that it touched and those that they are compared with (`_affected`): machines that have or had a
hostname or serial number in common with them. Then only the differences to the stored findings are
written."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, update

from db.bulk import chunks, insert_many, rows_where_in
from db.coverage import DUPLICATE, SITE_MISMATCH, facts_text
from db.history.runs import END, PUBLISHED
from db.history.views import is_managed
from db.rules import current_rules
from db.tables import collection_runs, coverage_findings, device_snapshots, devices, sites
from etl.coverage.stretches import (
    Expectations,
    FindingStretches,
    Span,
    findings_between_machines,
    findings_per_machine,
    merge_stretches,
)
from etl.rules.coverage import Finding, Record
from etl.rules.evidence import identifying_host, real_serial
from etl.runtime.gc_pause import gc_disabled

_c = device_snapshots.c
_stored = coverage_findings.c
_SPANS = (
    select(
        _c.valid_from,
        _c.valid_to,
        _c.device_id,
        _c.asset_id,
        _c.source,
        _c.site_id,
        _c.alias_key,
        _c.hostname,
        _c.display_name,
        _c.device_type,
        _c.billing_status,
        _c.node_class,
        _c.serial,
        devices.c.first_seen,
    )
    .join_from(device_snapshots, devices, devices.c.device_id == _c.device_id)
    .where(is_managed(device_snapshots))
)


@gc_disabled()
def refresh_findings(
    connection: Connection, since: date, asset_ids: Collection[int] | None
) -> None:
    """Compute the findings of the days from `since` on again; those of earlier days stay.

    Args:
        asset_ids: every machine to which a record that changed since then belongs or belonged;
            None: all machines.
    """
    stored_since = select(coverage_findings).where(_stored.until >= since)
    if asset_ids is None:
        spans = _spans(connection, since, None)
        stored = list(connection.execute(stored_since))
        _write(connection, since, _evaluated(connection, spans, None), stored)
        return
    affected, compared = _affected(connection, since, set(asset_ids))
    if not affected:
        return
    spans = _spans(connection, since, affected | compared)
    stored = list(rows_where_in(connection, stored_since, _stored.asset_id, affected))
    _write(connection, since, _evaluated(connection, spans, affected), stored)


def machines_of_site(connection: Connection, site_id: int, since: date) -> set[int]:
    """The machines with a record at a site after a day: those that are affected when the site's
    expected sources change."""
    rows = select(_c.asset_id).where(_c.site_id == site_id, _c.valid_to > since)
    return set(connection.scalars(rows.distinct()))


def _spans(connection: Connection, since: date, asset_ids: Collection[int] | None) -> list[Span]:
    """The stretches of managed records from `since` on."""
    statement = _SPANS.where(_c.valid_to > since)
    rows: Iterable[Any] = (
        connection.execute(statement)
        if asset_ids is None
        else _rows_of(connection, statement, asset_ids)
    )
    return [(max(first, since), until, Record(*record)) for first, until, *record in rows]


def _affected(
    connection: Connection, since: date, asset_ids: set[int]
) -> tuple[set[int], set[int]]:
    """The machines whose findings may have changed, and the machines that they are compared with.

    Reads the hostnames and serial numbers of the whole fleet, for they are compared in a form that
    no index has; but no other columns.
    """
    # Includes stretches that ended on the first day: findings with what they had in common end too.
    rows = _KEYS.where(_c.valid_to >= since)
    own = _rows_of(connection, rows, asset_ids)
    fleet = connection.execute(rows).all()
    affected = asset_ids | _sharing_keys(fleet, own)
    devices = {row.device_id for row in own}
    pairs: Sequence[Any] = connection.execute(
        select(_stored.asset_id, _stored.device_id, _stored.other_device_id).where(
            _stored.until >= since, _stored.kind.in_((DUPLICATE, SITE_MISMATCH))
        )
    ).all()
    devices |= {device for asset, device, _other in pairs if asset in asset_ids}
    related = {
        device
        for _asset, *pair in pairs
        if pair[0] in devices or pair[1] in devices
        for device in pair
    }
    affected |= {asset for asset, device, _other in pairs if device in related}
    if related - devices:
        affected |= {row.asset_id for row in fleet if row.device_id in related}
    others = affected - asset_ids
    return affected, _sharing_keys(fleet, _rows_of(connection, rows, others)) if others else set()


_KEYS = select(_c.asset_id, _c.device_id, _c.source, _c.site_id, _c.hostname, _c.serial)


def _rows_of(connection: Connection, statement: Select[Any], asset_ids: Iterable[int]) -> list[Any]:
    return list(rows_where_in(connection, statement, _c.asset_id, asset_ids))


def _sharing_keys(every: Sequence[Any], some: Iterable[Any]) -> set[int]:
    """The machines among `every` with a hostname, in the same source and site, or a serial number
    of `some`."""
    places = {(row.source, row.site_id, identifying_host(row.hostname)) for row in some}
    hosts = {host for _source, _site, host in places} - {None}
    numbers = {real_serial(row.serial) for row in some} - {None}
    return {
        asset_id
        for asset_id, _device, source, site_id, hostname, serial in every
        if ((host := identifying_host(hostname)) in hosts and (source, site_id, host) in places)
        or real_serial(serial) in numbers
    }


def _evaluated(
    connection: Connection, spans: list[Span], asset_ids: Collection[int] | None
) -> FindingStretches:
    """The findings about these machines (None: all). `spans` must also hold the records that they
    are compared with."""
    rules = current_rules(connection)
    expectations = _expectations(connection, frozenset(rules.expected_sources))
    own = spans if asset_ids is None else [s for s in spans if s[2].asset_id in asset_ids]
    alone = findings_per_machine(own, expectations, rules.source_order, rules.spare_node_classes)
    between = findings_between_machines(spans)
    return merge_stretches(
        (finding, first, until)
        for finding, first, until in chain(alone, between)
        if asset_ids is None or finding.asset_id in asset_ids
    )


def _expectations(connection: Connection, usual: frozenset[str]) -> Expectations:
    of_site = {
        site_id: frozenset(name.strip() for name in text.split(",") if name.strip())
        for site_id, text in connection.execute(
            select(sites.c.site_id, sites.c.expected_sources).where(
                sites.c.expected_sources.is_not(None)
            )
        )
    }
    return Expectations(usual, of_site, list(_collected(connection)))


def _collected(connection: Connection) -> Iterator[tuple[date, frozenset[str]]]:
    """The days from which another set of sources is collected, with the set: a source is in it from
    its first snapshot until it is ended."""
    runs = collection_runs.c
    collected: frozenset[str] = frozenset()
    rows = connection.execute(
        select(runs.business_date, runs.source, runs.kind)
        .where(PUBLISHED)
        .order_by(runs.business_date, runs.source)
    )
    for day, source, kind in rows:
        after = collected - {source} if kind == END else collected | {source}
        if after != collected:
            collected = after
            yield day, collected


_Key = tuple[str, int, int, int | None, str]


def _write(
    connection: Connection, since: date, findings: FindingStretches, stored: Iterable[Row[Any]]
) -> None:
    """Write the differences between the stored findings from `since` on and the computed ones.

    A stored finding that began before `since` is continued or cut, never deleted.
    """
    heads: dict[_Key, Row[Any]] = {}
    inside: dict[tuple[_Key, date], Row[Any]] = {}
    for row in stored:
        key = (row.kind, row.asset_id, row.device_id, row.other_device_id, row.facts)
        if row.since < since:
            heads[key] = row
        else:
            inside[key, row.since] = row
    until: dict[int, date] = {head.finding_id: min(head.until, since) for head in heads.values()}
    new = []
    for finding, stretches in findings.items():
        key = _key(finding)
        for first, end in stretches:
            existing = heads.get(key) if first == since else inside.get((key, first))
            existing = existing or inside.get((key, first))
            if existing is not None:
                until[existing.finding_id] = end
            else:
                new.append((key, first, end))
    deleted = [row.finding_id for row in inside.values() if row.finding_id not in until]
    stored_until = {row.finding_id: row.until for row in chain(heads.values(), inside.values())}
    moved = [(key, end) for key, end in until.items() if stored_until[key] != end]
    for chunk in chunks(sorted(deleted)):
        connection.execute(delete(coverage_findings).where(_stored.finding_id.in_(chunk)))
    if moved:
        connection.execute(
            update(coverage_findings)
            .where(_stored.finding_id == bindparam("key"))
            .values(until=bindparam("end")),
            [{"key": key, "end": end} for key, end in sorted(moved)],
        )
    names = ("kind", "asset_id", "device_id", "other_device_id", "facts", "since", "until")
    insert_many(
        connection,
        coverage_findings,
        [
            dict(zip(names, (*key, first, end), strict=True))
            for key, first, end in sorted(new, key=_order)
        ],
    )


def _order(row: tuple[_Key, date, date]) -> tuple[Any, ...]:
    (kind, asset_id, device_id, other_device_id, facts), first, _end = row
    return first, kind, asset_id, device_id, other_device_id or 0, facts


def _key(finding: Finding) -> _Key:
    return (*finding[:4], facts_text(dict(finding.facts)))
