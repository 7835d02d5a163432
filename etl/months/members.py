"""The members of a month: every record that stands at its end, with its names as they are then,
and on how many days of the month it, and its machine, was billable."""

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

_said = device_snapshots.c
_COPIED = tuple(str(c.name) for c in month_members.c if c.name in device_snapshots.c)
"""The columns that a member takes from its snapshot as they are."""


def members(connection: Connection, end: date, known: KnownDays) -> list[dict[str, Any]]:
    """The rows of `month_members` for the month that ends on `end`, without the closing's id."""
    names = ("device_id", "device_type", "billing_status", "asset_id", "sources")
    speaking = connection.execute(assets_as_of(end, known.rules, columns=names)).all()
    machines = {row.device_id: row for row in speaking}
    days = _record_days(connection, known)
    status_at_end = {row.asset_id: row.billing_status for row in speaking}
    asset_days = _asset_days(connection, known, status_at_end)
    rows = []
    for row in connection.execute(_standing(end)).all():
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
        place, status = row["site_id"], row["billing_status"]
        counts[row["source"], place, row["device_type"], status] += 1
        if row["speaks"]:
            counts[ASSETS, place, row["asset_type"], status] += 1
    return [
        dict(zip(("basis", *GROUP_COLUMNS, "n"), (*group, n), strict=True))
        for group, n in counts.items()
    ]


def _standing(end: date) -> Any:
    nowhere = _said.site_id == NO_SITE_ID
    return (
        select(
            *(_said[name] for name in _COPIED),
            devices.c.source_key,
            devices.c.first_seen,
            case((nowhere, NO_SITE), else_=sites.c.name).label("site"),
        )
        .join(devices, devices.c.device_id == _said.device_id)
        .outerjoin(sites, sites.c.site_id == _said.site_id)
        .where(as_of(end))
    )


def _record_days(connection: Connection, known: KnownDays) -> Counter[int]:
    """On how many known days of the month each record was billable."""
    first, after = known.span
    rows = connection.execute(
        select(_said.device_id, _said.valid_from, _said.valid_to).where(
            _said.billing_status == BILLABLE, _said.valid_from < after, _said.valid_to > first
        )
    )
    days: Counter[int] = Counter()
    for device_id, valid_from, valid_to in rows.all():
        days[device_id] += known.between(valid_from, valid_to)
    return days


def _asset_days(
    connection: Connection, known: KnownDays, status_at_end: Mapping[int, str]
) -> Mapping[int, int]:
    """On how many known days of the month each machine that stands at its end was billable."""
    first, after = known.span
    lasting = len(known.days)
    days = {asset: lasting * (status == BILLABLE) for asset, status in status_at_end.items()}
    # Only where a stretch begins or ends inside the month can a machine's status have changed, or
    # where the rules say anew who speaks.
    inside = or_(
        and_(_said.valid_from > first, _said.valid_from < after),
        and_(_said.valid_to > first, _said.valid_to < after),
    )
    changed = set(days) if known.turns else {
        *connection.scalars(select(_said.asset_id).where(inside).distinct())
    }  # fmt: skip
    for chunk in chunks(sorted(asset for asset in changed if asset in days)):
        days.update(_counted(connection, known, chunk))
    return days


def _counted(connection: Connection, known: KnownDays, asset_ids: Sequence[int]) -> dict[int, int]:
    """The billable days of these machines, looked at on each day that may differ from the one
    before it."""
    alike = known.alike()
    each = (select(literal(day, Date).label("day")) for day in alike)
    days = union_all(*each).subquery("days")
    names = ("asset_id", "billing_status")
    view = assets_as_of(days.c.day, known.rules, columns=names, asset_ids=asset_ids)
    found = dict.fromkeys(asset_ids, 0)
    for asset_id, status, day in connection.execute(view):
        found[asset_id] += alike[as_date(day)] * (status == BILLABLE)
    return found


def changes(
    connection: Connection, then: date, end: date, rules: RulesByDay, kept: KeptDays
) -> Iterator[dict[str, Any]]:
    """The rows of `month_changes` between two kept days, without the closing's id. The basis of a
    device is its source."""
    for basis in (RECORDS, ASSETS):
        for one in changes_between(connection, basis, then, end, rules, kept):
            yield _row(basis, one)


def _row(basis: str, one: EntityChange) -> dict[str, Any]:
    state = one.now or one.then
    assert state is not None, "what stands on neither day has not changed"
    return {
        "basis": basis if basis == ASSETS else state.source,
        "entity_id": one.key,
        "site_then": one.then.site_id if one.then else None,
        "site_now": one.now.site_id if one.now else None,
        "body": zlib.compress(json.dumps(one.to_json(), sort_keys=True).encode(), 6),
    }
