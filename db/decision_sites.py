"""Which sites a decision touches: where the numbers, devices or findings that it changes stand."""

from collections.abc import Collection
from datetime import date

from sqlalchemy import Connection, or_, select

from db.bulk import rows_where_in
from db.tables import coverage_exceptions, coverage_findings, device_snapshots

Sites = frozenset[int]
"""Ids of sites; that of "no site" among them, which is nobody's."""


def sites_of_finding(connection: Connection, finding_id: int, first: date) -> Sites:
    """The sites of the records that a finding compares, from `first` on."""
    c = coverage_findings.c
    row = connection.execute(
        select(c.device_id, c.other_device_id).where(c.finding_id == finding_id)
    ).first()
    return _sites_of_devices(connection, row or (), first)


def sites_of_acceptance(connection: Connection, exception_id: int, first: date) -> Sites:
    """The same of an accepted finding."""
    c = coverage_exceptions.c
    row = connection.execute(
        select(c.device_id, c.other_device_id).where(c.exception_id == exception_id)
    ).first()
    return _sites_of_devices(connection, row or (), first)


def sites_of_machines(connection: Connection, device_ids: Collection[int], first: date) -> Sites:
    """The sites of every record of the machines that these devices are part of, from `first` on."""
    c = device_snapshots.c
    own = select(c.asset_id).where(c.device_id.in_(sorted(device_ids)), c.valid_to > first)
    rows = connection.scalars(
        select(c.site_id)
        .where(or_(c.asset_id.in_(own), c.device_id.in_(sorted(device_ids))), c.valid_to > first)
        .distinct()
    )
    return frozenset(rows)


def sites_of_neighbours(connection: Connection, device_ids: Collection[int], first: date) -> Sites:
    """The sites of every machine at the sites of these devices' machines, from `first` on: where
    rules link anew what stands there."""
    c = device_snapshots.c
    places = sites_of_machines(connection, device_ids, first)
    there = select(c.asset_id).where(c.site_id.in_(sorted(places)), c.valid_to > first)
    rows = connection.scalars(
        select(c.site_id).where(c.asset_id.in_(there), c.valid_to > first).distinct()
    )
    return frozenset(rows) | places


def _sites_of_devices(connection: Connection, ids: Collection[int | None], first: date) -> Sites:
    c = device_snapshots.c
    known = {device_id for device_id in ids if device_id is not None}
    statement = select(c.site_id).where(c.valid_to > first).distinct()
    rows = rows_where_in(connection, statement, c.device_id, known)
    return frozenset(row.site_id for row in rows)
