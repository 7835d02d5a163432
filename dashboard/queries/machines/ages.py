"""How old machines are: from when each was put to work, in TatuScan's buckets of months."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import ceil

from sqlalchemy import ColumnElement, Connection, and_, func, select

from dashboard.base.machine_params import BUCKETS, FUTURE, UNKNOWN
from db.tables import inventory

DAYS_A_MONTH = 30.42
_FROM = {name: int(name.split("-")[0]) for name in BUCKETS if name not in (FUTURE, UNKNOWN)}
"""The month with which each bucket begins; it ends where the next one begins."""

_FIRST_DAY = {name: ceil(months * DAYS_A_MONTH) for name, months in _FROM.items()}
_NEXT_DAY = dict(zip(_FIRST_DAY, [*list(_FIRST_DAY.values())[1:], None], strict=True))


@dataclass(frozen=True)
class Ages:
    """How many machines are in each bucket; mean and median of those with an age, in days."""

    counts: dict[str, int]
    mean: float | None
    median: float | None

    @property
    def known(self) -> int:
        """How many machines have an age."""
        return sum(self.counts[name] for name in _FROM)


def in_bucket(
    activation: ColumnElement[datetime], bucket: str, now: datetime
) -> ColumnElement[bool]:
    """Whether a machine put to work at `activation` is in `bucket`, by whole days in now's zone."""
    if bucket == UNKNOWN:
        return activation.is_(None)
    if bucket == FUTURE:
        return activation >= _midnight(now, -1)
    conditions = [activation < _midnight(now, _FIRST_DAY[bucket] - 1)]
    until = _NEXT_DAY[bucket]
    if until is not None:
        conditions.append(activation >= _midnight(now, until - 1))
    return and_(*conditions)


def age_distribution(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], now: datetime
) -> Ages:
    """The ages of the machines that fulfil `conditions`."""
    activation = inventory.c.computer_activation
    rows = connection.execute(
        select(activation, func.count()).where(*conditions).group_by(activation)
    )
    counts = dict.fromkeys(BUCKETS, 0)
    by_days: dict[int, int] = {}
    today = now.date()
    for at, n in rows:
        days = None if at is None else (today - at.astimezone(now.tzinfo).date()).days
        counts[bucket_of(days)] += n
        if days is not None and days >= 0:
            by_days[days] = by_days.get(days, 0) + n
    total = sum(by_days.values())
    mean = sum(days * n for days, n in by_days.items()) / total if total else None
    return Ages(counts, mean, _median(by_days, total) if total else None)


def bucket_of(days: int | None) -> str:
    """The bucket of an age in days; negative: it is in the future."""
    if days is None:
        return UNKNOWN
    return next((name for name in reversed(_FROM) if days >= _FIRST_DAY[name]), FUTURE)


def _median(by_days: dict[int, int], total: int) -> float:
    """The middle age; of an even number of machines, the mean of the two in the middle."""
    middle = ((total - 1) // 2, total // 2)
    values, passed = [], 0
    for days in sorted(by_days):
        before, passed = passed, passed + by_days[days]
        values += [days for place in middle if before <= place < passed]
    return sum(values) / 2


def _midnight(now: datetime, days_ago: int) -> datetime:
    """The beginning of that day, in now's zone."""
    return datetime.combine(now.date() - timedelta(days=days_ago), time.min, now.tzinfo)
