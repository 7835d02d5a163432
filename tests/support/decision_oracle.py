"""What must hold after any decision, read from the tables with plain Python."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Table, select

from db.engine import reading
from db.history.kept import month_before, month_end, month_of
from db.history.runs import border, counted_days, kept_days, newest_day, unpurged_days
from db.months.closings import is_unchanged
from db.rules import Rules, rules_by_day
from db.tables import (
    NO_SITE_ID,
    OPEN_END,
    asset_links,
    count_restatements,
    coverage_findings,
    daily_counts,
    device_snapshots,
    devices,
    month_bases,
    month_changes,
    month_closing_counts,
    month_closings,
    month_end_counts,
    month_members,
    rule_versions,
    site_aliases,
    sites,
)
from etl.coverage.findings import refresh_findings
from etl.decisions.registry import DecisionContext
from etl.decisions.runs import accept_run, end_source, reject_run, withdraw_day
from etl.decisions.sites import merge_sites
from etl.runtime import lease
from etl.work.after_collection import process
from tests.support.small_hub import Hub, noon

Counts = Counter[tuple[Any, ...]]


def check(connection: Connection) -> None:
    """Everything that decisions promise: after the border each stretch says what they say, and
    every stored count is what the devices count."""
    check_stretches(connection)
    check_counts(connection)
    closings = connection.scalars(select(month_closings.c.closing_id)).all()
    assert all(is_unchanged(connection, closing_id) is not False for closing_id in closings)


def check_stretches(connection: Connection) -> None:
    closed = border(connection)
    first = closed + timedelta(days=1) if closed else date.min
    into = dict(_rows(connection, sites, "site_id", "merged_into"))
    own = {
        row[:2]: row[2] for row in _rows(connection, site_aliases, "source", "alias_key", "site_id")
    }
    saved = max(
        (version for version, author in _rows(connection, rule_versions, "version", "author")
         if author != "environment"), default=0)  # fmt: skip
    links: dict[int, list[Any]] = defaultdict(list)
    for link in connection.execute(select(asset_links).order_by(asset_links.c.link_id.desc())):
        if link.since < link.until:
            links[link.device_id].append(link)
    last: Any = None
    order = device_snapshots.c.device_id, device_snapshots.c.valid_from
    for row in connection.execute(select(device_snapshots).order_by(*order)):
        assert row.valid_from < row.valid_to
        if last is not None and last.device_id == row.device_id:
            assert last.valid_to <= row.valid_from
            apart = row.opened_by != last.opened_by or row.valid_from != last.valid_to
            assert apart or row.restated_by is not None
        last = row
        if row.valid_to <= first:
            continue
        site = NO_SITE_ID if row.alias_key is None else own[row.source, row.alias_key]
        while into.get(site):
            site = into[site]
        assert row.site_id == site, "I1"
        assert row.rule_version >= saved, "I3"
        day, until = max(row.valid_from, first), row.valid_to
        days = {day, *(d for each in links.values() for link in each
                       for d in (link.since, link.until) if day < d < until)}  # fmt: skip
        for each in days:
            assert row.asset_id == machine(links, row.device_id, each), "I2"


def machine(links: dict[int, list[Any]], device_id: int, day: date) -> int:
    """Whom the newest link in force names, and so on; in a circle its oldest link is void."""
    void = set[int]()
    while True:
        path: list[Any] = []
        at = device_id
        while at not in [link.device_id for link in path]:
            there = [link for link in links[at] if link.since <= day < link.until]
            if not there or there[0].link_id in void:
                return at
            path.append(there[0])
            at = there[0].asset_id
        circle = path[[link.device_id for link in path].index(at) :]
        void.add(min(link.link_id for link in circle))


def check_counts(connection: Connection) -> None:
    kept = kept_days(connection)
    if kept is None:
        return
    right = Recount(connection)
    for (basis, day), counts in stored_counts(connection).items():
        assert counts == right.counts(basis, day), (basis, day)
    check_month_ends(connection, right)


def check_month_ends(connection: Connection, right: "Recount") -> None:
    """Every open month whose end is still stored has the counts of its end, of every basis from its
    first month on; imported ones stand only before that."""
    available, newest = unpurged_days(connection), newest_day(connection)
    assert available is not None and newest is not None
    closed = border(connection) or date.min
    stored: dict[tuple[str, str], Counts] = defaultdict(Counter)
    for month, basis, *group, n, imported in connection.execute(select(month_end_counts)):
        days = counted_days(connection, None if basis == "assets" else basis)
        if month_end(month) > closed:
            assert imported is (not days or month < month_of(days[0])), (basis, month)
        stored[basis, month][tuple(group)] = n
    sources = connection.scalars(select(device_snapshots.c.source).distinct()).all()
    for basis in (*sources, "assets"):
        days = counted_days(connection, None if basis == "assets" else basis)
        month = month_of(max(days[0], closed + timedelta(days=1)))
        while month <= month_of(newest):
            end = min(month_end(month), newest)
            if available.is_kept(end):
                assert stored[basis, month] == right.counts(basis, end), (basis, end)
            month = month_before(month, -1)


def check_restatements(connection: Connection) -> None:
    """Where nothing was collected after the decisions, the newest restatement of a count of a day
    that may still change says what the devices of that day count."""
    right, available = Recount(connection), unpurged_days(connection)
    closed = border(connection) or date.min
    newest: dict[tuple[str, date], dict[tuple[Any, ...], int]] = defaultdict(dict)
    order = count_restatements.c.entry_id
    for _entry, day, basis, *group, _before, after in connection.execute(
        select(count_restatements).order_by(order)
    ):
        newest[basis, day][tuple(group)] = after
    counted = {basis: counted_days(connection, None if basis == "assets" else basis)
               for basis, _day in newest}  # fmt: skip
    for (basis, day), groups in newest.items():
        if (
            day <= closed
            or day not in counted[basis]
            or not available
            or not available.is_kept(day)
        ):
            continue
        counts = right.counts(basis, day)
        assert {group: counts[group] for group in groups} == groups, (basis, day)


DERIVED = (
    daily_counts, month_end_counts, count_restatements, coverage_findings, month_closings,
    month_closing_counts, month_bases, month_members, month_changes, rule_versions, devices,
)  # fmt: skip
"""The tables that are computed from others, and those that say how."""


def check_nothing_is_stale(hub: Hub, day: date) -> None:
    """After what follows any collection, nothing that is stored differs from what is computed anew:
    by plain Python from the stretches, by `process`, and by finding all coverage again."""
    hub.run_after_collection(noon(day))
    with reading(hub.engine) as connection:
        check(connection)
    before = {table.name: hub.all(table) for table in DERIVED}
    with lease.take(hub.engine) as held:
        process(hub.engine, held, noon(day), hub.settings)
    assert {table.name: hub.all(table) for table in DERIVED} == before
    with hub.engine.connect() as connection:
        kept = kept_days(connection, hub.settings)
        if kept is None:
            return
        # Findings of purged days cannot be computed again; those up to the border do not change.
        first = max(kept.daily_from, kept.border + timedelta(days=1) if kept.border else date.min)
        refresh_findings(connection, first, None)
        rows = connection.execute(select(coverage_findings)).all()
        connection.rollback()
    name = lambda row: tuple(row)[1:]  # noqa: E731  # the ids are of no interest
    assert sorted(map(name, rows), key=str) == sorted(
        map(name, before["coverage_findings"]), key=str
    )


def stored_counts(connection: Connection) -> dict[tuple[str, date], Counts]:
    """The stored counts that stand on every kept day on which any may change, by basis and day."""
    kept = kept_days(connection)
    if kept is None:
        return {}
    c, stretch = daily_counts.c, device_snapshots.c
    stored: dict[tuple[str, date], Counts] = defaultdict(Counter)
    names = ("basis", "snapshot_date", "site_id", "device_type", "billing_status", "n")
    for basis, day, *group, n in connection.execute(select(*(c[name] for name in names))):
        stored[basis, day][tuple(group)] = n
    counts = {}
    bases = connection.scalars(select(stretch.source).distinct()).all()
    turns = {*connection.scalars(select(stretch.valid_from).distinct())}
    turns |= {*connection.scalars(select(stretch.valid_to).distinct()), *counted_days(connection)}
    ends = {day for day in turns if day < OPEN_END} | {*kept.month_ends(), kept.today}
    ends |= {day - timedelta(days=1) for day in ends}
    days = sorted(day for day in ends if day <= kept.today and kept.is_kept(day))
    for basis in (*bases, "assets"):
        counted = counted_days(connection, None if basis == "assets" else basis)
        for day in (day for day in days if day >= counted[0]):
            standing = max(past for past in counted if past <= day)
            counts[basis, day] = stored[basis, standing]
    return counts


class Recount:
    """Counts any day in plain Python, from the stretches, the first days and the rules."""

    def __init__(self, connection: Connection) -> None:
        c = device_snapshots.c
        self.rules = rules_by_day(connection)
        self.first_seen = dict(_rows(connection, devices, "device_id", "first_seen"))
        self.stretches = connection.execute(
            select(
                c.valid_from, c.valid_to, c.device_id, c.asset_id, c.source, c.site_id,
                c.device_type, c.billing_status, c.node_class,
            )
        ).all()  # fmt: skip
        self._counted: dict[tuple[str, date], Counts] = {}

    def counts(self, basis: str, day: date) -> Counts:
        """By site, type and status, how many there are on a day."""
        key = basis, day
        if key not in self._counted:
            present = [row for row in self.stretches if row.valid_from <= day < row.valid_to]
            if basis == "assets":
                self._counted[key] = self._machines(present, self.rules.effective_on(day))
            else:
                self._counted[key] = Counter(
                    (row.site_id, row.device_type, row.billing_status)
                    for row in present
                    if row.source == basis
                )
        return self._counted[key]

    def _machines(self, present: Iterable[Any], rules: Rules) -> Counts:
        order = [*rules.source_order, *({row.source for row in present} - {*rules.source_order})]

        def precedence(row: Any) -> tuple[Any, ...]:
            is_guest = row.node_class in rules.spare_node_classes
            newest_first = -self.first_seen[row.device_id].toordinal(), -row.device_id
            return order.index(row.source), is_guest, *newest_first

        machines: dict[int, list[Any]] = defaultdict(list)
        for row in present:
            machines[row.asset_id].append(row)
        counts: Counts = Counter()
        for records in machines.values():
            managed = [row for row in records if row.billing_status != "excluded"] or records
            primary, *_others = managed = sorted(managed, key=precedence)
            types = [row.device_type for row in managed if row.device_type != "unknown"]
            device_type = types[0] if types else "unknown"
            counts[primary.site_id, device_type, primary.billing_status] += 1
        return counts


def computed_counts(connection: Connection, basis: str, day: date) -> Counts:
    """What the devices of a day count."""
    return Recount(connection).counts(basis, day)


def stretches(connection: Connection, until: date = date.max) -> list[tuple[Any, ...]]:
    """What every device said on every day up to `until`, in rows that splits do not change."""
    order = device_snapshots.c.device_id, device_snapshots.c.valid_from
    rows: list[tuple[Any, ...]] = []
    for row in connection.execute(select(device_snapshots).order_by(*order)):
        if row.valid_from > until:
            continue
        end = min(row.valid_to, until + timedelta(days=1)) if until < date.max else row.valid_to
        state = (row.device_id, row.site_id, row.asset_id, row.billing_status, row.reason,
                row.rule_version, row.state_hash, row.opened_by)  # fmt: skip
        rows.append((*state, row.valid_from, end))
    return rows


def _rows(connection: Connection, table: Table, *names: str) -> Iterable[Any]:
    return [tuple(row) for row in connection.execute(select(*(table.c[name] for name in names)))]


class Administrator:
    """An administrator who decides at noon of a day."""

    def __init__(self, hub: Hub, day: date) -> None:
        self.hub, self.day = hub, day

    def __getattr__(self, name: str) -> Any:
        decision = {
            "accept": accept_run, "reject": reject_run, "withdraw": withdraw_day, "end": end_source,
            "merge_sites": merge_sites,
        }[name]  # fmt: skip

        def decide(*arguments: Any) -> Any:
            with lease.take(self.hub.engine) as held:
                clock = lambda: noon(self.day)  # noqa: E731
                context = DecisionContext(self.hub.engine, held, "Ana", clock, self.hub.settings)
                return decision(context, *arguments)

        return decide
