"""What changed in a month since it was closed: a month that was reopened, against its newest
closing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from dashboard.base.params import Filters
from dashboard.queries import entities
from dashboard.queries.imported_counts import stored_bases
from dashboard.queries.months.month_table import Closing
from dashboard.queries.names import site_names
from dashboard.queries.own_sites import sees
from db.history.kept import month_end
from db.history.runs import runs_in_force
from db.history.views import ASSETS
from db.months.adjustments import AdjustingDecision, decisions_since_closing
from db.rules import RulesByDay
from db.tables import ALL_SITES, month_closing_counts, month_end_counts, month_members


@dataclass(frozen=True)
class SiteDifference:
    """A site whose count is not that of the closing, and the decisions that changed it."""

    site_id: int
    site: str
    before: int
    after: int
    decisions: tuple[AdjustingDecision, ...]


@dataclass(frozen=True)
class SinceClosing:
    """A month's counts, against its newest closing. `sites` are those that differ, `members`
    whether the closing's list of devices is still kept, `collected` whether a source's snapshot at
    the month's end is another one."""

    closing: Closing
    before: int
    after: int
    sites: Sequence[SiteDifference]
    members: bool
    collected: bool


class State(NamedTuple):
    """How a device was counted: its name, source, site and billing status."""

    name: str
    source: str
    site_id: int
    billing_status: str


@dataclass(frozen=True)
class DeviceDifference:
    """A device or machine that only one side counts. `then` is its state in the closing, `now` its
    state at the month's end now; None where it was not or is not there."""

    key: int
    device_id: int
    then: State | None
    now: State | None
    counted_now: bool


def since_closing(connection: Connection, closing: Closing, filters: Filters) -> SinceClosing:
    """How the month of `closing` counts now, site by site, as `filters` count it."""
    then = _counts(connection, month_closing_counts, closing, filters)
    now = _counts(connection, month_end_counts, closing, filters)
    decisions = decisions_since_closing(connection, closing.month, stored_bases(filters))
    names = site_names(connection, then.keys() | now.keys())
    differing = [
        SiteDifference(
            site_id,
            names.get(site_id, str(site_id)),
            then[site_id],
            now[site_id],
            tuple(decisions.get(site_id, ())),
        )
        for site_id in then.keys() | now.keys()
        if then[site_id] != now[site_id]
    ]
    members = select(month_members.c.device_id).where(
        month_members.c.closing_id == closing.closing_id
    )
    in_force = runs_in_force(connection, month_end(closing.month))
    return SinceClosing(
        closing,
        then.total(),
        now.total(),
        sorted(differing, key=lambda site: (site.site.casefold(), site.site_id)),
        connection.execute(members.limit(1)).first() is not None,
        {source: run.run_id for source, run in in_force.items()}
        != {source: snapshot.run_id for source, snapshot in closing.dates.items()},
    )


def devices_since_closing(
    connection: Connection, closing: Closing, filters: Filters, rules: RulesByDay, site_id: int
) -> list[DeviceDifference]:
    """The devices that only the closing counts at a site, or at any (ALL_SITES), then those that
    only now are; machines, where `filters` count them."""
    if site_id != ALL_SITES:
        filters = filters.having(sites=(site_id,))
    then, now = (
        _members(connection, closing, filters),
        _standing(connection, closing, filters, rules),
    )
    differing = []
    for key in then.keys() | now.keys():
        was, is_now = then.get(key), now.get(key)
        counted_then = was is not None and was["counted"]
        counted_now = is_now is not None and is_now["counted"]
        if counted_then != counted_now:
            device_id = (was or is_now or {})["device_id"]
            states = _seen(connection, was), _seen(connection, is_now)
            differing.append(DeviceDifference(key, device_id, *states, counted_now))
    return sorted(
        differing,
        key=lambda one: (one.counted_now, _name(one).casefold(), one.key),
    )


def _name(difference: DeviceDifference) -> str:
    state = difference.now or difference.then
    return state.name if state else ""


def _seen(connection: Connection, row: Mapping[str, Any] | None) -> State | None:
    """How a device was counted. For who sees only some sites a device elsewhere is not there."""
    if row is None or not sees(connection, row["site_id"]):
        return None
    name = row["hostname"] or row["display_name"] or str(row["device_id"])
    return State(name, row["source"], row["site_id"], row["billing_status"])


def _counts(connection: Connection, table: Any, closing: Closing, filters: Filters) -> Counter[int]:
    """The month's counts by site: of the closing, or as they are now."""
    of_month = (
        table.c.closing_id == closing.closing_id
        if table is month_closing_counts
        else table.c.month == closing.month
    )
    rows = connection.execute(
        select(table.c.site_id, func.sum(table.c.n))
        .where(
            of_month,
            table.c.basis.in_(stored_bases(filters)),
            entities.matches(table, filters),
        )
        .group_by(table.c.site_id)
    )
    return Counter({site_id: int(n) for site_id, n in rows})


_SHOWN = ("device_id", "source", "hostname", "display_name", "site_id", "billing_status")


def _members(
    connection: Connection, closing: Closing, filters: Filters
) -> dict[int, Mapping[str, Any]]:
    """The members of a closing that its basis counts, each with whether `filters` count it."""
    c = month_members.c
    assets = filters.basis == ASSETS
    device_type = c.asset_type if assets else c.device_type
    rows = select(*(c[name] for name in _SHOWN), device_type.label("device_type"), c.asset_id)
    rows = rows.where(c.closing_id == closing.closing_id)
    rows = rows.where(c.speaks.is_(True) if assets else c.source.in_(stored_bases(filters)))
    return _by_key(connection, rows.subquery(), filters)


def _standing(
    connection: Connection, closing: Closing, filters: Filters, rules: RulesByDay
) -> dict[int, Mapping[str, Any]]:
    """The same of the month's end as it is now."""
    end, columns = month_end(closing.month), (*_SHOWN, "device_type", "asset_id")
    return _by_key(connection, entities.rows_on(end, filters.basis, rules, columns), filters)


def _by_key(connection: Connection, rows: Any, filters: Filters) -> dict[int, Mapping[str, Any]]:
    counted = entities.flag(entities.matches(rows, filters)).label("counted")
    key = "asset_id" if filters.basis == ASSETS else "device_id"
    selected = select(*(rows.c[name] for name in (*_SHOWN, "asset_id")), counted)
    return {row[key]: dict(row) for row in connection.execute(selected).mappings()}
