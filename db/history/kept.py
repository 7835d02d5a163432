"""Which days are kept (docs/rules.md, 10); the same for all sources."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from db.thresholds import Thresholds

FIRST_MONTH = "1990-01"
"""No month before this one is ever counted."""

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def is_month(text: str) -> bool:
    """Whether `text` is a month like '2026-11', not before `FIRST_MONTH`."""
    return _MONTH.fullmatch(text) is not None and text >= FIRST_MONTH


def month_of(day: date) -> str:
    """The month of `day` as '2026-11'."""
    return f"{day:%Y-%m}"


def month_end(month: str) -> date:
    """The last day of `month` ('2026-11')."""
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, calendar.monthrange(year, number)[1])


def month_before(month: str, count: int = 1) -> str:
    """The month `count` months before `month`; a negative count looks forward."""
    index = int(month[:4]) * 12 + int(month[5:]) - 1 - count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


@dataclass(frozen=True)
class PurgeMarks:
    """How far retention has purged: all days before `days_before` but month-ends, and the ends of
    months before `months_before`."""

    days_before: date
    months_before: str


@dataclass(frozen=True)
class KeptDays:
    """The kept days as of `today`, the newest published business date.

    Kept are the last `days` days, the ends of the last `months` months, and every day after
    `border`, the last day of the newest closed month (None while no month is closed); except what
    was `purged` before: withdrawing a day, reopening a month or a larger setting restores nothing.
    """

    today: date
    days: int = 65
    months: int = 24
    border: date | None = None
    purged: PurgeMarks | None = None

    @classmethod
    def from_thresholds(
        cls,
        today: date,
        border: date | None,
        thresholds: Thresholds,
        purged: PurgeMarks | None = None,
    ) -> "KeptDays":
        """With `days` and `months` from the thresholds."""
        return cls(
            today, thresholds.retention_days, thresholds.month_end_retention_months, border, purged
        )

    @property
    def daily_from(self) -> date:
        """From this day on every day is kept."""
        first = self.today - timedelta(days=self.days - 1)
        if self.border:
            first = min(first, self.border + timedelta(days=1))
        # The newest day is complete, whatever was purged.
        return min(self.today, max(first, self.purged.days_before)) if self.purged else first

    @property
    def oldest_month(self) -> str:
        """The oldest month whose end is kept; the current month if none is."""
        oldest = month_before(month_of(self.today), self.months)
        if self.border:
            # An open month will be closed from its end, however long that takes.
            oldest = min(oldest, month_before(month_of(self.border), -1))
        return max(oldest, self.purged.months_before) if self.purged else oldest

    def month_ends(self) -> list[date]:
        """The kept month-ends before the current month, oldest first."""
        ends, month = [], self.oldest_month
        while month < month_of(self.today):
            ends.append(month_end(month))
            month = month_before(month, -1)
        return ends

    def is_kept(self, day: date) -> bool:
        return self.kept_on_or_before(day) == day

    def kept_on_or_before(self, day: date) -> date | None:
        """The newest kept day on or before `day`; None if all of them are purged."""
        if day >= self.daily_from:
            return day
        return max((end for end in self.month_ends() if end <= day), default=None)

    def first_kept_in(self, valid_from: date, valid_to: date) -> date | None:
        """The first kept day from `valid_from` up to but without `valid_to`."""
        days = [end for end in self.month_ends() if valid_from <= end < valid_to]
        if valid_to > self.daily_from:
            days.append(max(valid_from, self.daily_from))
        return min(days, default=None)
