"""The members of a month: every record in force on its last day, with the names of that day, and
the number of days on which the record and its machine were billable."""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Date, and_, case, literal, or_, select, union_all

from db.bulk import chunks
from db.history.changes import EntityChange, changes_between
from db.history.kept import KeptDays
from db.history.views import ASSETS, BILLABLE, assets_as_of
from db.keys import as_of
from db.months.month_bases import RECORDS
from db.months.month_days import KnownDays
from db.names import NO_SITE
from db.rules import RulesByDay
from db.tables import NO_SITE_ID, device_snapshots, devices, month_members, sites
from db.types import as_date
from etl.snapshots.incremental import GROUP_COLUMNS

_snapshots = device_snapshots.c
_SNAPSHOT_COLUMNS = tuple(str(c.name) for c in month_members.c if c.name in device_snapshots.c)
"""The columns that a member copies from its snapshot."""


def member_rows(connection: Connection, end: date, known: KnownDays) -> list[dict[str, Any]]:
    """The rows of `month_members` for the month that ends on `end`, without the closing's id."""
    names = ("device_id", "device_type", "billing_status", "asset_id", "sources")
    primary_records = connection.execute(assets_as_of(end, known.rules, columns=names)).all()
    machines = {row.device_id: row for row in primary_records}
    days = _record_billable_days(connection, known)
    status_at_end = {row.asset_id: row.billing_status for row in primary_records}
    asset_days = _asset_billable_days(connection, known, status_at_end)
    rows = []
    for row in connection.execute(_records_at(end)).all():
        machine = machines.get(row.device_id)
        rows.append(
            {
                **row._mapping,
                "days": days[row.device_id],
                "speaks": machine is not None,
                "asset_type": machine.device_type if machine else None,
                "sources": machine.sources if machine else None,
                "asset_days": asset_days[machine.asset_id] if machine else None,
            }
        )
    return rows


def member_counts(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of `month_closing_counts` for these members, without the closing's id."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in rows:
        site_id, status = row["site_id"], row["billing_status"]
        counts[row["source"], site_id, row["device_type"], status] += 1
        if row["speaks"]:
            counts[ASSETS, site_id, row["asset_type"], status] += 1
    return [
        dict(zip(("basis", *GROUP_COLUMNS, "n"), (*group, n), strict=True))
        for group, n in counts.items()
    ]


def _records_at(end: date) -> Any:
    has_no_site = _snapshots.site_id == NO_SITE_ID
    return (
        select(
            *(_snapshots[name] for name in _SNAPSHOT_COLUMNS),
            devices.c.source_key,
            devices.c.first_seen,
            case((has_no_site, NO_SITE), else_=sites.c.name).label("site"),
        )
        .join(devices, devices.c.device_id == _snapshots.device_id)
        .outerjoin(sites, sites.c.site_id == _snapshots.site_id)
        .where(as_of(end))
    )


def _record_billable_days(connection: Connection, known: KnownDays) -> Counter[int]:
    """The number of known days on which each record was billable."""
    first, after = known.span
    rows = connection.execute(
        select(_snapshots.device_id, _snapshots.valid_from, _snapshots.valid_to).where(
            _snapshots.billing_status == BILLABLE,
            _snapshots.valid_from < after,
            _snapshots.valid_to > first,
        )
    )
    days: Counter[int] = Counter()
    for device_id, valid_from, valid_to in rows.all():
        days[device_id] += known.count_between(valid_from, valid_to)
    return days


def _asset_billable_days(
    connection: Connection, known: KnownDays, status_at_end: Mapping[int, str]
) -> Mapping[int, int]:
    """The number of known days on which each machine at the month's end was billable."""
    first, after = known.span
    # Every known day or none: correct for all machines whose status did not change in the month.
    all_days = len(known.days)
    days = {asset: all_days * (status == BILLABLE) for asset, status in status_at_end.items()}
    # A machine's status can only change where a stretch begins or ends inside the month, or where
    # the rules choose another primary record.
    changes_within = or_(
        and_(_snapshots.valid_from > first, _snapshots.valid_from < after),
        and_(_snapshots.valid_to > first, _snapshots.valid_to < after),
    )
    changed = set(days)
    if not known.precedence_changes:
        changed = set(
            connection.scalars(select(_snapshots.asset_id).where(changes_within).distinct())
        )
    for chunk in chunks(sorted(asset for asset in changed if asset in days)):
        days.update(_evaluated_billable_days(connection, known, chunk))
    return days


def _evaluated_billable_days(
    connection: Connection, known: KnownDays, asset_ids: Sequence[int]
) -> dict[int, int]:
    """The number of billable days of each of these machines, evaluated once for each span of days
    on which nothing changes."""
    spans = known.constant_spans()
    day_rows = (select(literal(day, Date).label("day")) for day in spans)
    days = union_all(*day_rows).subquery("days")
    names = ("asset_id", "billing_status")
    machines = assets_as_of(days.c.day, known.rules, columns=names, asset_ids=asset_ids)
    billable = dict.fromkeys(asset_ids, 0)
    for asset_id, status, day in connection.execute(machines):
        billable[asset_id] += spans[as_date(day)] * (status == BILLABLE)
    return billable


def change_rows(
    connection: Connection, then: date, end: date, rules: RulesByDay, kept: KeptDays
) -> Iterator[dict[str, Any]]:
    """The rows of `month_changes` between two kept days, without the closing's id. The basis of a
    device is its source."""
    for basis in (RECORDS, ASSETS):
        for change in changes_between(connection, basis, then, end, rules, kept):
            yield _change_row(basis, change)


def _change_row(basis: str, change: EntityChange) -> dict[str, Any]:
    state = change.now or change.then
    assert state is not None, "a change has a state before or after"
    return {
        "basis": basis if basis == ASSETS else state.source,
        "entity_id": change.key,
        "site_then": change.then.site_id if change.then else None,
        "site_now": change.now.site_id if change.now else None,
        "body": zlib.compress(json.dumps(change.to_json(), sort_keys=True).encode(), 6),
    }
