"""Numbers, changes, dates and instants as people read them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask_babel import force_locale

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.i18n import init_babel
from dashboard.words.field_words import system_name


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (999, "999"), (1234567, "1,234,567"), (-1234, "\u22121,234")]
)
def test_numbers_are_grouped_and_use_the_true_minus(value: int, text: str) -> None:
    assert formats.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(12, "+12"), (0, "0"), (-1200, "\u22121,200")])
def test_a_change_always_has_its_sign(value: int, text: str) -> None:
    assert formats.signed(value) == text


def test_unknown_values_are_a_dash_and_never_zero() -> None:
    for write in (formats.number, formats.signed, formats.day, formats.short_day, formats.instant):
        assert write(None) == formats.NOTHING


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "\u22121,234.6%"), ("pt", "\u22121.234,6%"), ("de", "\u22121.234,6\u00a0%")],
)
def test_a_percentage_is_written_as_its_language_writes_it(language: str, text: str) -> None:
    server = Flask("test")
    init_babel(server, UTC)
    with server.test_request_context(), force_locale(language):
        assert formats.percent(-1234.56, 1) == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(101, 100), "+1.0%"),
        (Change(99, 100), "\u22121.0%"),
        (Change(8005, 8000), "+0.1%"),
        (Change(7995, 8000), "\u22120.1%"),
        (Change(24000, 1000), "+2,300.0%"),
        (Change(5, 0), "new"),
        (Change(0, 0), "0%"),
        (Change(5, None), "no data"),
        (Change(None, 5), "no data"),
    ],
)
def test_a_percentage_has_one_decimal_or_says_why_there_is_none(change: Change, text: str) -> None:
    server = Flask("test")
    init_babel(server, UTC)
    with server.test_request_context():
        assert formats.percent_change(change) == text


def test_dates_and_months_are_written_out() -> None:
    assert formats.day(date(2026, 11, 2)) == "2 Nov 2026"
    assert formats.short_day(date(2026, 11, 22)) == "22 Nov"
    assert formats.month("2026-02") == "Feb 2026"


def test_an_instant_is_written_in_the_business_time_zone() -> None:
    server = Flask("test")
    init_babel(server, ZoneInfo("America/Chicago"))
    with server.test_request_context():
        assert formats.instant(datetime(2026, 11, 22, 3, 5, tzinfo=UTC)) == "21 Nov 2026, 21:05"


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Windows 11 Professional Edition", "Windows 11 Pro"),
        ("Microsoft Windows 10 Pro", "Windows 10 Pro"),
        ("Windows Server 2019 Standard Edition", "Windows Server 2019 Standard"),
        ("Ubuntu 24.04 LTS", "Ubuntu 24.04 LTS"),
        ("Debian GNU/Linux 12 (bookworm)", "Debian 12"),
        ("macOS 15.1 (Sequoia)", "macOS 15.1 (Sequoia)"),
        (None, None),
    ],
)
def test_a_system_has_a_short_name(name: str | None, short: str | None) -> None:
    assert system_name(name) == short
