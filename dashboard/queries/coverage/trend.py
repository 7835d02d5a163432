"""How many findings of each kind were to be done, day by day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, chain

from sqlalchemy import Connection, and_, func, select

from dashboard.base.params import Filters
from dashboard.queries import entities
from dashboard.queries.coverage.findings import record_filters
from dashboard.queries.moment import Moment
from db.coverage import KINDS, is_same_finding
from db.history.runs import PUBLISHED
from db.tables import (
    OPEN_END,
    collection_runs,
    coverage_exceptions,
    coverage_findings,
    device_snapshots,
)

DAYS = 65


@dataclass(frozen=True)
class Trend:
    """By kind, a value for each of `days`."""

    days: tuple[date, ...]
    values: dict[str, tuple[int, ...]]

    def of(self, kind: str) -> tuple[int, ...]:
        """The values of one kind; empty when there are no days."""
        return self.values.get(kind, ())


def trend(connection: Connection, moment: Moment, filters: Filters) -> Trend:
    """The last kept days up to the shown one: findings in force on each, less those accepted then.
    `filters.kinds` apply, `filters.states` do not."""
    days = _days(connection, moment)
    if not days:
        return Trend((), {})
    kinds = filters.kinds or KINDS
    steps = {kind: [0] * (len(days) + 1) for kind in kinds}
    for kind, begin, end, n in chain(
        _findings(connection, filters), _accepted(connection, filters)
    ):
        if kind in steps and begin < end and begin <= days[-1] and end > days[0]:
            steps[kind][max((begin - days[0]).days, 0)] += n
            steps[kind][min((end - days[0]).days, len(days))] -= n
    return Trend(tuple(days), {kind: tuple(accumulate(s[:-1])) for kind, s in steps.items()})


def _days(connection: Connection, moment: Moment) -> list[date]:
    day, kept = moment.now.day, moment.kept
    begun = connection.scalar(select(func.min(collection_runs.c.business_date)).where(PUBLISHED))
    if day is None or kept is None or begun is None or day < kept.daily_from:
        return []
    first = max(kept.daily_from, begun, day - timedelta(days=DAYS - 1))
    return [first + timedelta(days=number) for number in range((day - first).days + 1)]


_Stretch = tuple[str, date, date, int]


def _findings(connection: Connection, filters: Filters) -> Iterator[_Stretch]:
    """Kind, first day, end and number of findings about records that the filters match."""
    rows = select(*_TIMES, func.count()).join_from(coverage_findings, device_snapshots, _ABOUT)
    for kind, since, until, valid_from, valid_to, n in connection.execute(
        rows.where(entities.matches(device_snapshots, record_filters(filters))).group_by(*_TIMES)
    ):
        yield kind, max(since, valid_from), min(until, valid_to), n


def _accepted(connection: Connection, filters: Filters) -> Iterator[_Stretch]:
    """The spans in which such findings were accepted, with a count of -1 to subtract."""
    accepted = coverage_exceptions.c
    rows = (
        select(*_TIMES, accepted.accepted_on, accepted.expires, accepted.withdrawn_on)
        .join_from(coverage_findings, device_snapshots, _ABOUT)
        .join(
            coverage_exceptions,
            and_(is_same_finding(), accepted.facts == coverage_findings.c.facts),
        )
        .where(entities.matches(device_snapshots, record_filters(filters)))
    )
    for kind, since, until, valid_from, valid_to, begin, expires, withdrawn in connection.execute(
        rows
    ):
        ends = [until, valid_to, withdrawn or OPEN_END]
        if expires is not None and expires < OPEN_END:
            ends.append(expires + timedelta(days=1))
        yield kind, max(since, valid_from, begin), min(ends), -1


_TIMES = (
    coverage_findings.c.kind, coverage_findings.c.since, coverage_findings.c.until,
    device_snapshots.c.valid_from, device_snapshots.c.valid_to,
)  # fmt: skip
_ABOUT = and_(
    device_snapshots.c.device_id == coverage_findings.c.device_id,
    device_snapshots.c.valid_from < coverage_findings.c.until,
    device_snapshots.c.valid_to > coverage_findings.c.since,
)
