"""Numbers, dates and instants as text, in the locale and time zone of the request."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from flask import has_request_context
from flask_babel import get_locale, get_timezone, gettext

from dashboard.base.change import Change
from db.rounding import rounded

MINUS = "\u2212"
NOTHING = "\u2013"
"""Stands for an unknown value."""


def _locale() -> str:
    return str((has_request_context() and get_locale()) or "en")


def number(value: int | None) -> str:
    """1234 as "1,234"; a dash for None."""
    return NOTHING if value is None else format_decimal(value, locale=_locale()).replace("-", MINUS)


def signed(value: int | None) -> str:
    """A number with its sign, U+2212 for minus; "0" without one."""
    if value is None:
        return NOTHING
    return f"+{number(value)}" if value > 0 else number(value)


def decimal(value: Fraction | Decimal | float, places: int) -> str:
    """A number with its decimals, rounded: "1,234.50"."""
    digits = f"#,##0.{'0' * places}" if places else "#,##0"
    text = format_decimal(rounded(value, places), format=digits, locale=_locale())
    return text.replace("-", MINUS)


def percent(value: Fraction | Decimal | float, places: int = 0) -> str:
    """A percentage, rounded: 2.71 as "2.7%" in English, "2,7 %" in German."""
    pattern = Locale.parse(_locale()).percent_formats[None].pattern
    if places:
        pattern = pattern.replace("0", f"0.{'0' * places}", 1)
    text = format_percent(rounded(value, places) / 100, format=pattern, locale=_locale())
    return text.replace("-", MINUS)


def percent_change(change: Change) -> str:
    """A change in per cent, signed: "+1.1%"; "new" from zero, "no data" from unknown."""
    if change.percent is None:
        words = {"new": gettext("new"), "same": percent(0), "no data": gettext("no data")}
        return str(words[change.verdict])
    sign = "+" if change.percent > 0 else ""
    return f"{sign}{percent(change.percent, 1)}"


def day(value: date | None) -> str:
    """A date as "22 Nov 2026"."""
    return NOTHING if value is None else format_date(value, "d MMM y", locale=_locale())


def short_day(value: date | None) -> str:
    """A date without its year: "22 Nov"."""
    return NOTHING if value is None else format_date(value, "d MMM", locale=_locale())


def span(first: date, last: date) -> str:
    """The days from one to another: "8 Nov", "8 to 28 Nov", "30 Oct to 3 Nov"."""
    if first == last:
        return short_day(first)
    same_month = (first.year, first.month) == (last.year, last.month)
    begin = str(first.day) if same_month else short_day(first)
    return str(gettext("%(first)s to %(last)s", first=begin, last=short_day(last)))


def month(value: str) -> str:
    """A month such as "2026-11" as "Nov 2026"."""
    return format_date(date.fromisoformat(f"{value}-01"), "MMM y", locale=_locale())


def instant(value: datetime | None) -> str:
    """An instant in the business time zone: "22 Nov 2026, 03:00"."""
    if value is None:
        return NOTHING
    local = value.astimezone(get_timezone())
    return f"{day(local.date())}, {local:%H:%M}"


def time(value: datetime | None) -> str:
    """The time of an instant in the business time zone: "03:00"."""
    return NOTHING if value is None else f"{value.astimezone(get_timezone()):%H:%M}"


def clock_time(value: datetime) -> str:
    """The time of an instant in the business time zone, with seconds: "03:00:07"."""
    return f"{value.astimezone(get_timezone()):%H:%M:%S}"


def plain(value: object) -> object:
    """Dates, instants and whole numbers formatted for a sentence; anything else as it is."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return number(value)
    return value
