"""Which days are kept (PRODUCT.md rule 10), the same for all sources."""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

from db.settings import MONTH_END_RETENTION_MONTHS, RETENTION_DAYS, Environment, env_int


def month_of(day: date) -> str:
    """The month of `day` as '2026-11'."""
    return f"{day:%Y-%m}"


def month_end(month: str) -> date:
    """The last calendar day of `month` ('2026-11')."""
    year, number = int(month[:4]), int(month[5:])
    return date(year, number, calendar.monthrange(year, number)[1])


def month_before(month: str, count: int = 1) -> str:
    """The month `count` months before `month`; a negative count looks forward."""
    index = int(month[:4]) * 12 + int(month[5:]) - 1 - count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


@dataclass(frozen=True)
class KeptDays:
    """The kept days, seen from `today`, the newest published business date.

    `border` is the last day of the newest closed month, None while no month is closed.
    """

    today: date
    days: int = 65
    months: int = 24
    border: date | None = None

    @classmethod
    def configured(
        cls, today: date, border: date | None, environ: Environment | None = None
    ) -> "KeptDays":
        """With the numbers of days and months from the settings."""
        return cls(
            today,
            env_int(RETENTION_DAYS, environ, least=1, most=36500),
            env_int(MONTH_END_RETENTION_MONTHS, environ, least=0, most=1200),
            border,
        )

    @property
    def daily_from(self) -> date:
        """The first day from which on every day is kept."""
        first = self.today - timedelta(days=self.days - 1)
        return min(first, self.border + timedelta(days=1)) if self.border else first

    def month_ends(self) -> list[date]:
        """The kept month-ends, oldest first; the running month has none yet."""
        this = month_of(self.today)
        return [month_end(month_before(this, back)) for back in range(self.months, 0, -1)]

    def resolve(self, day: date) -> date | None:
        """The nearest kept day on or before `day`; None when every such day is gone."""
        if day >= self.daily_from:
            return day
        return max((end for end in self.month_ends() if end <= day), default=None)

    def first_in(self, valid_from: date, valid_to: date) -> date | None:
        """The first kept day from `valid_from` up to, not with, `valid_to`."""
        days = [end for end in self.month_ends() if valid_from <= end < valid_to]
        if valid_to > self.daily_from:
            days.append(max(valid_from, self.daily_from))
        return min(days, default=None)
