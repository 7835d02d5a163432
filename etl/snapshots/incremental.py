"""The counts of a day from those that stood before it: less what the changed devices counted, plus
what they count now. A day costs what changed, here too.

The parts are counted with the selects that count the whole. Where the counts to begin from are not
there, or may have been made differently, the answer is to count all.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, literal, select

from db.bulk import chunks, upsert_tuples
from db.history.runs import PUBLISHED, published_days, restated_days
from db.history.views import assets_as_of, records_as_of
from db.rules import RulesByDay
from db.tables import collection_runs, daily_counts, device_snapshots

ASSETS = "assets"
GROUP_COLUMNS = ("site_id", "device_type", "billing_status")
MAX_PERCENT = 10.0
"""Percent of touched devices from which counting all is as quick."""

GroupCounts = Counter[tuple[int, str, str]]


@dataclass(frozen=True)
class Affected:
    """The devices and machines that a publish changes, and what they counted before it: by basis,
    with the day whose stored counts tell what everything counted. A basis that is missing must be
    counted whole."""

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
    standing: int,
) -> Affected:
    """What the devices that a publish of `source` on `day` will change count before it.

    Args:
        asset_ids: every machine that these devices answer to before it or after.
        standing: how many devices the source has before it.
    """
    touched = Affected(device_ids, asset_ids)
    if len(device_ids) * 100 > MAX_PERCENT * standing:
        return touched
    mine = published_days(connection, source)
    others = _days_of_others(connection, source)
    restated = set(restated_days(connection))
    # When the day was published before and is being replaced, what it counted is no beginning.
    anew = day not in mine
    own = [past for past in {*mine, *restated} if past < day or (past == day and anew)]
    if mine and own and not _between(restated, max(own), day):
        touched.before[source] = (max(own), count_part(connection, source, day, rules, device_ids))
    days = [past for past in {*mine, *others, *restated} if past < day or (past == day and anew)]
    if days and (anew or day not in others) and not _between(restated, max(days), day):
        base = max(days)
        if _counted_by(connection, base) == rules.effective_on(day).version:
            touched.before[ASSETS] = (base, count_part(connection, ASSETS, day, rules, asset_ids))
    return touched


def _between(restated: Iterable[date], base: date, day: date) -> bool:
    """Whether a decision restated what was counted on `base`."""
    return any(base < one <= day for one in restated)


def count_incrementally(
    connection: Connection, basis: str, day: date, rules: RulesByDay, touched: Affected
) -> bool:
    """Write the counts of `basis` on `day`; False, and nothing is written, when they must be
    counted whole."""
    if basis not in touched.before:
        return False
    base, before = touched.before[basis]
    counts = stored_counts(connection, basis, base)
    ids = touched.asset_ids if basis == ASSETS else touched.device_ids
    change = count_part(connection, basis, day, rules, ids)
    change.subtract(before)
    changed = {group: counts[group] + n for group, n in change.items() if n}
    if not counts or min(changed.values(), default=0) < 0 or counts.total() + change.total() < 1:
        return False
    if base != day:
        _copy(connection, basis, base, day)
    add_to_counts(connection, basis, day, counts, change)
    return True


def add_to_counts(
    connection: Connection, basis: str, day: date, stored: GroupCounts, change: GroupCounts
) -> None:
    """Make the counts of a day, which are `stored`, those with `change` added."""
    names = ("snapshot_date", "basis", *GROUP_COLUMNS, "n")
    rows = [(day, basis, *group, stored[group] + n) for group, n in change.items() if n]
    if not rows:
        return
    upsert_tuples(connection, daily_counts, names, rows)
    c = daily_counts.c
    connection.execute(
        delete(daily_counts).where(c.snapshot_date == day, c.basis == basis, c.n == 0)
    )


def _copy(connection: Connection, basis: str, base: date, day: date) -> None:
    """Give `day` the counts of `base`."""
    stored = daily_counts.c
    connection.execute(
        delete(daily_counts).where(stored.snapshot_date == day, stored.basis == basis)
    )
    names = ("basis", *GROUP_COLUMNS, "n")
    rows = select(literal(day), *(stored[name] for name in names)).where(
        stored.snapshot_date == base, stored.basis == basis
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
    """The least version of the rules by which the machines of `day` were counted last. Versions
    only grow, so when it is the version of today, it is the very one."""
    runs = collection_runs.c
    version: int | None = connection.scalar(
        select(runs.rule_version)
        .where(PUBLISHED, runs.business_date <= day)
        .order_by(runs.run_id.desc())
        .limit(1)
    )
    return version


def stored_counts(connection: Connection, basis: str, day: date) -> GroupCounts:
    """How many `basis` has on a published day of it, as counted then."""
    stored = daily_counts.c
    rows = connection.execute(
        select(stored.site_id, stored.device_type, stored.billing_status, stored.n).where(
            stored.snapshot_date == day, stored.basis == basis
        )
    )
    return Counter({(site, kind, status): n for site, kind, status, n in rows.all()})


def count_part(
    connection: Connection, basis: str, day: date, rules: RulesByDay, ids: Collection[int]
) -> GroupCounts:
    """What the devices or machines `ids` count on `day`, as the tables are now."""
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
    # Not by their source, which they are of: a database would look through all of its records.
    return records_as_of(day).where(device_snapshots.c.device_id.in_(ids))
