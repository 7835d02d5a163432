"""Findings of coverage, stored as stretches of days: made again for the machines that a collection
or a decision touched, and for those that share a hostname or a serial number with them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, update

from db.bulk import chunks, insert_many, rows_where_in
from db.coverage import DUPLICATE, SITE_MISMATCH, facts_text
from db.history.runs import END, PUBLISHED
from db.rules import current_rules
from db.tables import collection_runs, coverage_findings, device_snapshots, sites
from etl.coverage.stretches import (
    Expectations,
    FindingStretches,
    Span,
    findings_between_machines,
    findings_per_machine,
    merge_stretches,
)
from etl.rules.coverage import Finding, Record
from etl.rules.evidence import host_key, real_serial
from etl.runtime.gc_pause import gc_disabled

_said = device_snapshots.c
_found = coverage_findings.c
_SPANS = select(
    _said.valid_from, _said.valid_to, _said.device_id, _said.asset_id, _said.source,
    _said.site_id, _said.alias_key, _said.hostname, _said.display_name, _said.device_type,
    _said.billing_status, _said.node_class, _said.serial,
).where(_said.unmanaged.is_(None))  # fmt: skip


@gc_disabled()
def refresh_findings(
    connection: Connection, since: date, asset_ids: Collection[int] | None
) -> None:
    """Make the findings of the days from `since` on again; those of earlier days stay.

    Args:
        asset_ids: every machine that a record touched since then answers to or answered to;
            None: all.
    """
    known = select(coverage_findings).where(_found.until >= since)
    if asset_ids is None:
        spans = _spans(connection, since, None)
        stored = list(connection.execute(known))
        _write(connection, since, _evaluated(connection, spans, None), stored)
        return
    looked_at, context = _affected(connection, since, set(asset_ids))
    if not looked_at:
        return
    spans = _spans(connection, since, looked_at | context)
    stored = list(rows_where_in(connection, known, _found.asset_id, looked_at))
    _write(connection, since, _evaluated(connection, spans, looked_at), stored)


def machines_at(connection: Connection, site_id: int, since: date) -> set[int]:
    """The machines with a record at a site since a day: whom it touches when the site is expected
    to have other sources."""
    rows = select(_said.asset_id).where(_said.site_id == site_id, _said.valid_to > since)
    return set(connection.scalars(rows.distinct()))


def _spans(connection: Connection, since: date, asset_ids: Collection[int] | None) -> list[Span]:
    """What sources said of devices that they manage, from `since` on."""
    statement = _SPANS.where(_said.valid_to > since)
    rows: Iterable[Any] = (
        connection.execute(statement)
        if asset_ids is None
        else _rows_of(connection, statement, asset_ids)
    )
    return [(max(first, since), until, Record(*said)) for first, until, *said in rows]


def _affected(
    connection: Connection, since: date, asset_ids: set[int]
) -> tuple[set[int], set[int]]:
    """The machines whose findings may have changed, and those that they are compared with.

    Hostnames and serial numbers are compared in a form that no index knows, so all are read, but
    nothing else of them.
    """
    # What ended on the first day counts: whoever shared a hostname with it until then.
    known = _KEYS.where(_said.valid_to >= since)
    own = _rows_of(connection, known, asset_ids)
    every = connection.execute(known).all()
    looked_at = asset_ids | _bearing(every, own)
    devices = {row.device_id for row in own}
    pairs: Sequence[Any] = connection.execute(
        select(_found.asset_id, _found.device_id, _found.other_device_id).where(
            _found.until >= since, _found.kind.in_((DUPLICATE, SITE_MISMATCH))
        )
    ).all()
    devices |= {device for asset, device, _other in pairs if asset in asset_ids}
    met = {
        device
        for _asset, *pair in pairs
        if pair[0] in devices or pair[1] in devices
        for device in pair
    }
    looked_at |= {asset for asset, device, _other in pairs if device in met}
    if met - devices:
        looked_at |= {row.asset_id for row in every if row.device_id in met}
    further = looked_at - asset_ids
    return looked_at, _bearing(every, _rows_of(connection, known, further)) if further else set()


_KEYS = select(
    _said.asset_id, _said.device_id, _said.source, _said.site_id, _said.hostname, _said.serial
)


def _rows_of(connection: Connection, statement: Select[Any], asset_ids: Iterable[int]) -> list[Any]:
    return list(rows_where_in(connection, statement, _said.asset_id, asset_ids))


def _bearing(every: Sequence[Any], some: Iterable[Any]) -> set[int]:
    """The machines among `every` with a hostname, in the same source and site, or a serial number
    of `some`."""
    places = {(row.source, row.site_id, host_key(row.hostname)) for row in some}
    hosts = {host for _source, _site, host in places} - {None}
    numbers = {real_serial(row.serial) for row in some} - {None}
    return {
        asset_id
        for asset_id, _device, source, site_id, hostname, serial in every
        if ((host := host_key(hostname)) in hosts and (source, site_id, host) in places)
        or real_serial(serial) in numbers
    }


def _evaluated(
    connection: Connection, spans: list[Span], asset_ids: Collection[int] | None
) -> FindingStretches:
    """What is found of these machines in `spans`, which hold all that they are compared with."""
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
    """From which day on which sources are collected: from their first snapshot until they end."""
    runs = collection_runs.c
    there: frozenset[str] = frozenset()
    rows = connection.execute(
        select(runs.business_date, runs.source, runs.kind)
        .where(PUBLISHED)
        .order_by(runs.business_date, runs.source)
    )
    for day, source, kind in rows:
        now = there - {source} if kind == END else there | {source}
        if now != there:
            there = now
            yield day, there


_Key = tuple[str, int, int, int | None, str]


def _write(
    connection: Connection, since: date, found: FindingStretches, stored: Iterable[Row[Any]]
) -> None:
    """Bring what is stored from `since` on to what is found, and touch nothing that is so."""
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
    for finding, stretches in found.items():
        key = _key(finding)
        for first, end in stretches:
            known = heads.get(key) if first == since else inside.get((key, first))
            known = known or inside.get((key, first))
            if known is not None:
                until[known.finding_id] = end
            else:
                new.append((key, first, end))
    gone = [row.finding_id for row in inside.values() if row.finding_id not in until]
    stood = {row.finding_id: row.until for row in chain(heads.values(), inside.values())}
    moved = [(key, end) for key, end in until.items() if stood[key] != end]
    for chunk in chunks(sorted(gone)):
        connection.execute(delete(coverage_findings).where(_found.finding_id.in_(chunk)))
    if moved:
        connection.execute(
            update(coverage_findings)
            .where(_found.finding_id == bindparam("key"))
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


def _order(one: tuple[_Key, date, date]) -> tuple[Any, ...]:
    (kind, asset_id, device_id, other_device_id, facts), first, _end = one
    return first, kind, asset_id, device_id, other_device_id or 0, facts


def _key(finding: Finding) -> _Key:
    return (*finding[:4], facts_text(dict(finding.facts)))
