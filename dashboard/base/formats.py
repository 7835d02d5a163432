"""How numbers, dates and instants are written: here, once, in the reader's language."""

from datetime import date, datetime
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_decimal
from flask import has_request_context
from flask_babel import get_locale, gettext

from dashboard.queries.change import Change
from dashboard.web.context import current

MINUS = "\u2212"
NOTHING = "\u2013"
"""What stands where there is no figure."""


def _locale() -> str:
    found = get_locale() if has_request_context() else None
    return str(found or "en")


def number(value: int | None) -> str:
    """1234 as "1,234"; a dash for None."""
    return NOTHING if value is None else format_decimal(value, locale=_locale()).replace("-", MINUS)


def signed(value: int | None) -> str:
    """A change with its sign, the true minus; "0" without one."""
    if value is None:
        return NOTHING
    return f"+{number(value)}" if value > 0 else number(value)


def percent(change: Change) -> str:
    """A change in per cent, signed: "+1.1 %"; "new" from zero, "no data" from unknown."""
    if change.percent is None:
        words = {"new": gettext("new"), "same": "0 %", "no data": gettext("no data")}
        return str(words[change.verdict])
    return f"{_signed_decimal(change.percent)}\u00a0%"


def day(value: date | None) -> str:
    """A date as "22 Nov 2026"."""
    return NOTHING if value is None else format_date(value, "d MMM y", locale=_locale())


def short_day(value: date | None) -> str:
    """A date without its year: "22 Nov"."""
    return NOTHING if value is None else format_date(value, "d MMM", locale=_locale())


def month(value: str) -> str:
    """A month such as "2026-11" as "Nov 2026"."""
    return format_date(date.fromisoformat(f"{value}-01"), "MMM y", locale=_locale())


def instant(value: datetime | None) -> str:
    """An instant in TIMEZONE: "22 Nov 2026, 03:00"."""
    if value is None:
        return NOTHING
    local = value.astimezone(current().zone)
    return f"{day(local.date())}, {local:%H:%M}"


def time(value: datetime | None) -> str:
    """The time of an instant in TIMEZONE: "03:00"."""
    return NOTHING if value is None else f"{value.astimezone(current().zone):%H:%M}"


def plain(value: object) -> object:
    """A value for a sentence: dates, instants and numbers as people write them."""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return number(value)
    return value


def _signed_decimal(value: Decimal) -> str:
    text = format_decimal(abs(value), format="#,##0.0", locale=_locale())
    return f"{MINUS if value < 0 else '+' if value > 0 else ''}{text}"
