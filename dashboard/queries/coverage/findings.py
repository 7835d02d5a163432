"""Coverage findings as of a day: counts by kind and state, and pages of rows.

One row per finding, with the record that it is about. `findings_on` is the base of counts, lists
and files.
"""

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Label,
    Select,
    Subquery,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
)

from dashboard.base.params import FINDING_CHANGES, SOURCES, Filters, Sort
from dashboard.queries import entities
from dashboard.queries.coverage import coverage_rows
from dashboard.queries.moment import Moment, SnapshotDay
from db.coverage import (
    ACCEPTED,
    COME_BACK,
    CURRENT,
    FIXED,
    IDENTITY,
    KINDS,
    OPEN,
    STATES,
    TO_DO,
    acceptance_in_force,
    finding_in_force,
    is_same_finding,
)
from db.keys import as_of
from db.tables import coverage_exceptions, coverage_findings, device_snapshots, sites

FIXED_LISTED_FOR = timedelta(days=30)
"""How long a finding that ended is still listed as fixed."""

CHUNK = 500
NEW, RESOLVED = FINDING_CHANGES
SORTS = ("kind", "site", "hostname", "first_seen", "state")
_KEPT = (
    "finding_id",
    "kind",
    "asset_id",
    "device_id",
    "other_device_id",
    "facts",
    "since",
    "until",
)
_STATE_COLUMNS = tuple(
    column for column in device_snapshots.c if column.name not in ("device_id", "asset_id")
)


BY_KIND = Sort("kind")

Counts = dict[tuple[int, str, str], int]
"""How many findings a site has of a kind in a state."""


def listed(moment: Moment, day: date, filters: Filters) -> Subquery:
    """The matching findings on `day`, the shown one of `moment`: what stands, or with
    `filters.compared` what changed since the day that is compared with."""
    return _changed(moment, day, filters) if filters.compared else findings_on(day, filters)


def findings_on(day: date, filters: Filters) -> Subquery:
    """The matching findings on `day`, with their `state` and the state of their record on that
    day; of a fixed finding, when it ended."""
    parts = []
    if _states(filters) & {*CURRENT}:
        parts.append(_current(day))
    if FIXED in _states(filters):
        parts.append(_fixed(day))
    every = (parts[0] if len(parts) == 1 else union_all(*parts)).subquery("every")
    conditions = [entities.matches(every, record_filters(filters))]
    if filters.kinds:
        conditions.append(every.c.kind.in_(filters.kinds))
    if filters.states:
        conditions.append(every.c.state.in_(filters.states))
    return select(every).where(*conditions).subquery("findings")


def count(connection: Connection, moment: Moment, filters: Filters) -> int:
    """How many there are: what `page` and `stream` give in all."""
    if not filters.compared:
        return sum(counts(connection, moment.now, filters).values())
    if moment.now.day is None:
        return 0
    rows = listed(moment, moment.now.day, filters)
    return connection.scalar(select(func.count()).select_from(rows)) or 0


def counts(connection: Connection, side: SnapshotDay, filters: Filters) -> Counts:
    """How many there are, by site, kind and state."""
    if side.day is None:
        return {}
    rows = findings_on(side.day, filters)
    groups = (rows.c.site_id, rows.c.kind, rows.c.state)
    result = connection.execute(select(*groups, func.count()).group_by(*groups))
    return {(site, kind, state): n for site, kind, state, n in result}


def count_to_do(counted: Counts, kind: str | None = None, site: int | None = None) -> int:
    """How many of the counted findings are to do."""
    return sum(
        n
        for (at, name, state), n in counted.items()
        if state in TO_DO and kind in (None, name) and site in (None, at)
    )


def count_in_states(counted: Counts, kind: str | None, states: Collection[str]) -> int:
    """How many of the counted findings are of a kind (None: any), in these states."""
    return sum(
        n for (_site, name, state), n in counted.items() if kind in (None, name) and state in states
    )


def page(
    connection: Connection,
    moment: Moment,
    filters: Filters,
    *,
    sort: Sort = BY_KIND,
    offset: int = 0,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """The findings from `offset` on, at most `limit`, as `coverage_rows` makes them."""
    if moment.now.day is None:
        return []
    statement = _rows(moment, moment.now.day, filters, sort).limit(limit).offset(offset)
    return coverage_rows.finding_rows(connection, moment, connection.execute(statement).all())


def stream(
    connection: Connection, moment: Moment, filters: Filters, *, sort: Sort = BY_KIND
) -> Iterator[list[dict[str, Any]]]:
    """Every finding in chunks."""
    if moment.now.day is None:
        return
    rows = connection.execute(_rows(moment, moment.now.day, filters, sort)).all()
    for first in range(0, len(rows), CHUNK):
        yield coverage_rows.finding_rows(connection, moment, rows[first : first + CHUNK])


def _rows(moment: Moment, day: date, filters: Filters, sort: Sort) -> Select[Any]:
    rows = listed(moment, day, filters)
    kind = case(*((rows.c.kind == name, place) for place, name in enumerate(KINDS)))
    state = case(*((rows.c.state == name, place) for place, name in enumerate(STATES)))
    site = func.lower(func.coalesce(sites.c.name, literal(entities.NO_SITE)))
    host = func.lower(func.coalesce(rows.c.hostname, rows.c.display_name))
    chosen: dict[str, ColumnElement[Any]] = {
        "kind": kind, "site": site, "hostname": host, "first_seen": rows.c.since, "state": state,
    }  # fmt: skip
    first = chosen[sort.column]
    return (
        select(rows, func.coalesce(sites.c.name, literal(entities.NO_SITE)).label("site"))
        .outerjoin_from(rows, sites, sites.c.site_id == rows.c.site_id)
        .order_by(
            *entities.in_order(first, descending=sort.descending),
            kind, site, *entities.in_order(host), rows.c.finding_id,
        )
    )  # fmt: skip


def _states(filters: Filters) -> set[str]:
    return {*(filters.states or CURRENT)}


def record_filters(filters: Filters) -> Filters:
    """A source as the basis asks for findings about its records; who manages a machine, nothing."""
    if filters.basis in SOURCES and not filters.sources:
        return filters.having(sources=(filters.basis,))
    return filters.having(managed_by=())


def _changed(moment: Moment, day: date, filters: Filters) -> Subquery:
    """The findings by which the number to look at changed between the two days of `moment`:
    `new` less `resolved` is its change. Those that are not to look at any more are shown as they
    are on `day`, or if they ended, as they were on the other day, with the day of their end."""
    every = _current(day).subquery("every_now")
    now = _to_do(every, filters)
    if moment.then.day is None:
        return select(every).where(false()).subquery("findings")
    earlier = _current(moment.then.day).subquery("every_then")
    then = _to_do(earlier, filters).subquery("then")
    names = [column.name for column in every.c]
    parts: list[Select[Any]] = []
    if NEW in filters.compared:
        rows = now.subquery("now")
        only = rows.outerjoin(then, _is_one(rows, then))
        parts.append(select(*(rows.c[n] for n in names)).select_from(only).where(_no(then)))
    if RESOLVED in filters.compared:
        left = now.subquery("left_over")
        stands = every.join(then, _is_one(every, then)).outerjoin(left, _is_one(every, left))
        parts.append(select(*(every.c[n] for n in names)).select_from(stands).where(_no(left)))
        today = _current(day).subquery("today")
        ended = then.outerjoin(today, _is_one(then, today))
        shown: dict[str, Any] = {
            "state": literal(FIXED).label("state"),
            "until": _last_end(then, day),
        }
        columns: list[Any] = [shown.get(n, then.c[n]) for n in names]
        parts.append(select(*columns).select_from(ended).where(_no(today)))
    rows = (parts[0] if len(parts) == 1 else union_all(*parts)).subquery("changed")
    conditions = [rows.c.state.in_(filters.states)] if filters.states else []
    return select(rows).where(*conditions).subquery("findings")


def _to_do(every: Subquery, filters: Filters) -> Select[Any]:
    """Those of the findings of a day that match and are to look at."""
    conditions = [entities.matches(every, record_filters(filters)), every.c.state.in_(TO_DO)]
    if filters.kinds:
        conditions.append(every.c.kind.in_(filters.kinds))
    return select(every).where(*conditions)


def _is_one(first: FromClause, second: FromClause) -> ColumnElement[bool]:
    """Whether two rows are the same finding, as a condition by which databases join large sets."""
    pairs = [first.c[name] == second.c[name] for name in IDENTITY[:3]]
    others = (func.coalesce(rows.c.other_device_id, 0) for rows in (first, second))
    return and_(*pairs, next(others) == next(others))


def _no(rows: FromClause) -> ColumnElement[bool]:
    """Whether an outer join found none of `rows`."""
    return rows.c.finding_id.is_(None)


def _last_end(finding: Subquery, day: date) -> Label[date]:
    """When a finding that stands no more on `day` ended, with whatever facts."""
    later = coverage_findings.alias("last")
    last = (
        select(func.max(later.c.until))
        .where(is_same_finding(finding, later), later.c.since <= day)
        .correlate(finding)
        .scalar_subquery()
    )
    return last.label("until")


def _current(day: date) -> Select[Any]:
    finding = coverage_findings
    stretch = and_(device_snapshots.c.device_id == finding.c.device_id, as_of(day))
    return (
        select(*(finding.c[name] for name in _KEPT), _state(day).label("state"), *_STATE_COLUMNS)
        .join_from(finding, device_snapshots, stretch)
        .where(finding_in_force(day))
    )


def _fixed(day: date) -> Select[Any]:
    """Findings that ended lately, each once, without those that reopened with other facts."""
    finding, later = coverage_findings, coverage_findings.alias("later")
    stretch = device_snapshots.c
    last = and_(
        stretch.device_id == finding.c.device_id,
        stretch.valid_from < finding.c.until,
        stretch.valid_to >= finding.c.until,
    )
    again = exists(
        select(later.c.finding_id)
        .where(
            is_same_finding(finding, later), later.c.since >= finding.c.until, later.c.since <= day
        )
        .correlate(finding)
    )
    return (
        select(*(finding.c[name] for name in _KEPT), literal(FIXED).label("state"), *_STATE_COLUMNS)
        .join_from(finding, device_snapshots, last)
        .where(finding.c.until <= day, finding.c.until > day - FIXED_LISTED_FOR, ~again)
    )


def _state(day: date) -> ColumnElement[str]:
    """Accepted; else come back, when it stood before a gap, or was accepted with other facts
    until it came to stand as it does; else open."""
    finding, accepted = coverage_findings, coverage_exceptions.c
    before = coverage_findings.alias("before")
    after = coverage_findings.alias("after")
    in_force = exists(
        select(accepted.exception_id)
        .where(is_same_finding(), accepted.facts == finding.c.facts, acceptance_in_force(day))
        .correlate(finding)
    )
    went_on = exists(
        select(after.c.finding_id)
        .where(is_same_finding(before, after), after.c.since == before.c.until)
        .correlate(before)
    )
    gap = exists(
        select(before.c.finding_id)
        .where(is_same_finding(finding, before), before.c.until < finding.c.since, ~went_on)
        .correlate(finding)
    )
    ended = exists(
        select(accepted.exception_id)
        .where(
            is_same_finding(),
            accepted.facts != finding.c.facts,
            accepted.accepted_on < finding.c.since,
            or_(accepted.expires.is_(None), accepted.expires >= finding.c.since),
            or_(accepted.withdrawn_on.is_(None), accepted.withdrawn_on > finding.c.since),
        )
        .correlate(finding)
    )
    return case((in_force, ACCEPTED), (or_(gap, ended), COME_BACK), else_=OPEN)
