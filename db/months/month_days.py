"""The days of a month whose state is known, and the published day in force on each."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from db.history.kept import KeptDays, month_end
from db.history.runs import counted_days, newest_by_source
from db.history.views import ASSETS
from db.rules import RulesByDay, rules_by_day


@dataclass(frozen=True)
class KnownDays:
    """The days of one month whose state is known.

    Attributes:
        days: the calendar days that are kept, oldest first, from the first snapshot of any source.
        published: by basis (a source, or assets) the days with counts, up to the month's end.
        rules: the version that counts each day.
    """

    days: tuple[date, ...]
    published: dict[str, list[date]]
    rules: RulesByDay

    @classmethod
    def of(
        cls, connection: Connection, kept: KeptDays, month: str, until: date | None = None
    ) -> "KnownDays":
        """The known days of `month`, whose last day is kept.

        Args:
            until: a day inside the month, after which nothing is known yet.
        """
        end = min(month_end(month), until or date.max)
        bases = {source: source for source in newest_by_source(connection)} | {ASSETS: None}
        published = {
            basis: [day for day in counted_days(connection, source) if day <= end]
            for basis, source in bases.items()
        }
        published = {basis: days for basis, days in published.items() if days}
        first = published[ASSETS][0] if ASSETS in published else date.max
        days = (end.replace(day=number) for number in range(1, end.day + 1))
        known = tuple(day for day in days if day >= first and kept.is_kept(day))
        return cls(known, published, rules_by_day(connection))

    def since(self, first: date) -> tuple[date, ...]:
        """The known days from `first` on."""
        return self.days[bisect_left(self.days, first) :]

    def count_between(self, valid_from: date, valid_to: date) -> int:
        """How many known days lie in a stretch, its last day excluded."""
        return bisect_left(self.days, valid_to) - bisect_left(self.days, valid_from)

    def published_on(self, basis: str) -> dict[date, date]:
        """For each known day from the basis's first snapshot on the published day in force."""
        published = self.published[basis]
        return {
            day: published[bisect_right(published, day) - 1] for day in self.since(published[0])
        }

    def constant_spans(self) -> dict[date, int]:
        """Spans of known days in which no machine can change: each first day with the length."""
        boundaries = sorted({*self.published[ASSETS], *self.precedence_changes})
        spans: dict[date, int] = {}
        first: date | None = None
        passed: int | None = None
        for day in self.days:
            number = bisect_right(boundaries, day)
            if first is None or number != passed:
                first, passed = day, number
            spans[first] = spans.get(first, 0) + 1
        return spans

    @property
    def precedence_changes(self) -> list[date]:
        """The days on which the rules may choose another primary record for a machine."""
        return self.rules.precedence_changes(self.days[0], self.days[-1])

    @property
    def span(self) -> tuple[date, date]:
        """The first known day and the day after the last."""
        return self.days[0], self.days[-1] + timedelta(days=1)
