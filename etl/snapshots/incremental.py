"""Incremental counts: the counts of a day from those of an earlier day, so that a day costs what
changed.

new counts = stored counts of the day before (the base)
             - what the affected devices or machines counted before the publish
             + what they count after it

Both parts come from the same selects that count everything, restricted to the affected ids
(`count_part`). Everything that is not affected counts on the new day what it counted on the base.

That holds only if the base was counted by the same rules and nothing else changed since. Where the
base's counts are missing or may not be comparable (another version of the rules, a decision that
restated days in between, days that are purged, a day that is replaced, more than `MAX_PERCENT` of
the devices affected), the basis is left out of `Affected.before`, and `etl.snapshots.counts` counts
everything instead.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, literal, select

from db.bulk import chunks, upsert_tuples
from db.history.kept import KeptDays
from db.history.runs import PUBLISHED, published_days, restated_days, unpurged_days
from db.history.views import ASSETS, assets_as_of, records_as_of
from db.rules import RulesByDay
from db.tables import collection_runs, daily_counts, device_snapshots

GROUP_COLUMNS = ("site_id", "device_type", "billing_status")
MAX_PERCENT = 10.0
"""Above this percentage of affected devices, counting everything is as fast."""

GroupCounts = Counter[tuple[int, str, str]]


@dataclass(frozen=True)
class Affected:
    """The devices and machines that a publish affects.

    `before` holds for each basis the base day, whose stored counts are the start, and what the
    affected devices (machines) counted before the publish. A basis that is missing in it must be
    counted completely.
    """

    device_ids: Collection[int]
    asset_ids: Collection[int]
    before: dict[str, tuple[date, GroupCounts]] = field(default_factory=dict)


def affected_by_publish(
    connection: Connection,
    source: str,
    day: date,
    rules: RulesByDay,
    device_ids: Collection[int],
    asset_ids: Collection[int],
    open_count: int,
) -> Affected:
    """Count what a publish of `source` on `day` will affect; call it before the stretches change.

    Args:
        device_ids: the devices whose stretches it will close or open.
        asset_ids: every machine that these devices belong to before or after it.
        open_count: how many open stretches the source has.
    """
    affected = Affected(device_ids, asset_ids)
    if len(device_ids) * 100 > MAX_PERCENT * open_count:
        return affected
    own_days = published_days(connection, source)
    other_days = _days_of_others(connection, source)
    restated = set(restated_days(connection))
    # A day that is being replaced cannot be its own base.
    is_new = day not in own_days
    own_bases = [past for past in {*own_days, *restated} if past < day or (past == day and is_new)]
    available = unpurged_days(connection)
    if own_days and own_bases and _is_base(max(own_bases), day, restated, available):
        affected.before[source] = (
            max(own_bases),
            count_part(connection, source, day, rules, device_ids),
        )
    bases = [
        past
        for past in {*own_days, *other_days, *restated}
        if past < day or (past == day and is_new)
    ]
    if (
        bases
        and (is_new or day not in other_days)
        and _is_base(max(bases), day, restated, available)
    ):
        base = max(bases)
        if _counted_by(connection, base) == rules.effective_on(day).version:
            affected.before[ASSETS] = (base, count_part(connection, ASSETS, day, rules, asset_ids))
    return affected


def _is_base(base: date, day: date, restated: Iterable[date], available: KeptDays | None) -> bool:
    """Whether `day` may continue from the counts of `base`: no decision restated what was counted
    on it, and they are in force on a day that is not purged, so that decisions keep them right."""
    until = max(day, base + timedelta(days=1))
    return (
        available is not None
        and available.first_kept_in(base, until) is not None
        and not any(base < day_restated <= day for day_restated in restated)
    )


def count_incrementally(
    connection: Connection, basis: str, day: date, rules: RulesByDay, affected: Affected
) -> bool:
    """Write the counts of `basis` on `day` after the stretches changed. Returns False, and writes
    nothing, if they must be counted completely."""
    if basis not in affected.before:
        return False
    base, before = affected.before[basis]
    counts = stored_counts(connection, basis, base)
    ids = affected.asset_ids if basis == ASSETS else affected.device_ids
    change = count_part(connection, basis, day, rules, ids)
    change.subtract(before)
    changed = {group: counts[group] + n for group, n in change.items() if n}
    if not counts or min(changed.values(), default=0) < 0 or counts.total() + change.total() < 1:
        return False
    if base != day:
        _copy_counts(connection, basis, base, day)
    add_to_counts(connection, basis, day, counts, change)
    return True


def add_to_counts(
    connection: Connection, basis: str, day: date, stored: GroupCounts, change: GroupCounts
) -> None:
    """Add `change` to the counts of a day, which are `stored`. Groups that reach 0 are deleted."""
    names = ("snapshot_date", "basis", *GROUP_COLUMNS, "n")
    rows = [(day, basis, *group, stored[group] + n) for group, n in change.items() if n]
    if not rows:
        return
    upsert_tuples(connection, daily_counts, names, rows)
    c = daily_counts.c
    connection.execute(
        delete(daily_counts).where(c.snapshot_date == day, c.basis == basis, c.n == 0)
    )


def _copy_counts(connection: Connection, basis: str, base: date, day: date) -> None:
    """Give `day` the counts of `base`."""
    c = daily_counts.c
    connection.execute(delete(daily_counts).where(c.snapshot_date == day, c.basis == basis))
    names = ("basis", *GROUP_COLUMNS, "n")
    rows = select(literal(day), *(c[name] for name in names)).where(
        c.snapshot_date == base, c.basis == basis
    )
    connection.execute(insert(daily_counts).from_select(["snapshot_date", *names], rows))


def _days_of_others(connection: Connection, source: str) -> list[date]:
    runs = collection_runs.c
    return list(
        connection.scalars(
            select(runs.business_date).where(PUBLISHED, runs.source != source).distinct()
        )
    )


def _counted_by(connection: Connection, day: date) -> int | None:
    """A lower bound of the version of the rules by which the machines of `day` were counted last.
    Versions only grow: if it equals today's version, it is the exact one."""
    runs = collection_runs.c
    version: int | None = connection.scalar(
        select(runs.rule_version)
        .where(PUBLISHED, runs.business_date <= day)
        .order_by(runs.run_id.desc())
        .limit(1)
    )
    return version


def stored_counts(connection: Connection, basis: str, day: date) -> GroupCounts:
    """The stored counts of `basis` on `day`."""
    c = daily_counts.c
    rows = connection.execute(
        select(c.site_id, c.device_type, c.billing_status, c.n).where(
            c.snapshot_date == day, c.basis == basis
        )
    )
    return Counter({(site, kind, status): n for site, kind, status, n in rows.all()})


def count_part(
    connection: Connection, basis: str, day: date, rules: RulesByDay, ids: Collection[int]
) -> GroupCounts:
    """The counts of only the devices (or machines) `ids` on `day`, from the current tables."""
    counts: GroupCounts = Counter()
    for chunk in chunks(sorted(ids)):
        view = _view(basis, day, rules, chunk).subquery()
        groups = (view.c.site_id, view.c.device_type, view.c.billing_status)
        rows = connection.execute(select(*groups, func.count()).group_by(*groups))
        counts.update({(site, kind, status): n for site, kind, status, n in rows})
    return counts


def _view(basis: str, day: date, rules: RulesByDay, ids: Sequence[int]) -> Select[Any]:
    if basis == ASSETS:
        return assets_as_of(day, rules, columns=GROUP_COLUMNS, asset_ids=ids)
    # No condition on the source, which is given by the ids: a database would scan all its records.
    return records_as_of(day).where(device_snapshots.c.device_id.in_(ids))
