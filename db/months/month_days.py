"""The days of a month whose state is known, and what stood on them."""

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
    """The calendar days of one month that are kept, oldest first, from the first snapshot of any
    source on; by basis (a source, or assets) the published days that can stand on them; and the
    `rules` by which each is counted."""

    days: tuple[date, ...]
    published: dict[str, list[date]]
    rules: RulesByDay

    @classmethod
    def of(cls, connection: Connection, kept: KeptDays, month: str) -> "KnownDays":
        """Those of `month`, which has an end that is kept."""
        end = month_end(month)
        bases = {source: source for source in newest_by_source(connection)} | {ASSETS: None}
        published = {
            basis: [day for day in counted_days(connection, source) if day <= end]
            for basis, source in bases.items()
        }
        published = {basis: days for basis, days in published.items() if days}
        first, last = published[ASSETS][0], end.day
        days = (end.replace(day=number) for number in range(1, last + 1))
        known = tuple(day for day in days if day >= first and kept.is_kept(day))
        return cls(known, published, rules_by_day(connection))

    def since(self, first: date) -> tuple[date, ...]:
        """Those from `first` on."""
        return self.days[bisect_left(self.days, first) :]

    def between(self, valid_from: date, valid_to: date) -> int:
        """How many lie in a stretch."""
        return bisect_left(self.days, valid_to) - bisect_left(self.days, valid_from)

    def standing(self, basis: str) -> dict[date, date]:
        """Each day from the basis's first snapshot on, with the published day that stands."""
        published = self.published[basis]
        return {
            day: published[bisect_right(published, day) - 1] for day in self.since(published[0])
        }

    def alike(self) -> dict[date, int]:
        """Days of which each is like the known ones after it up to the next: how many that are."""
        published = sorted({*self.published[ASSETS], *self.turns})
        found: dict[date, int] = {}
        last: date | None = None
        state: int | None = None
        for day in self.days:
            now = bisect_right(published, day)
            if last is None or now != state:
                last, state = day, now
            found[last] = found.get(last, 0) + 1
        return found

    @property
    def turns(self) -> list[date]:
        """Those on which another may speak for a machine only because the rules are others."""
        return self.rules.precedence_changes(self.days[0], self.days[-1])

    @property
    def span(self) -> tuple[date, date]:
        """From the first up to, without, the day after the last."""
        return self.days[0], self.days[-1] + timedelta(days=1)
