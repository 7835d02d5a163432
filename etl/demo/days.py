"""The days of a history, and those that a demo collects."""

from datetime import date, timedelta

from db.thresholds import Thresholds

DAILY = 65
"""Number of last days that are collected daily; before them only the last two of each month, and
the day on which it closes."""
_CLOSING_DAY = Thresholds().month_close_days
"""Of the month after."""


def first_day(last_day: date, months: int) -> date:
    """The first day of the month that lies `months - 1` months before the last day's."""
    number = last_day.year * 12 + last_day.month - 1 - (months - 1)
    return date(number // 12, number % 12 + 1, 1)


def collected_days(first: date, last: date) -> list[date]:
    """The days that a demo collects, in order."""
    days: list[date] = []
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        recent = (last - day).days < DAILY
        closing = day.day == _CLOSING_DAY and bool(days)
        if recent or closing or (day + timedelta(days=2)).month != day.month:
            days.append(day)
    return days


def is_month_end(day: date) -> bool:
    return (day + timedelta(days=1)).month != day.month
