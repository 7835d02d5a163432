"""The kept days (docs/rules.md, 10), compared with a plain list of days."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from db.history.kept import KeptDays, PurgeMarks, month_before, month_end, month_of
from db.settings import load
from tests.support.samples import samples

DAY = timedelta(days=1)


def kept_by_the_rule(kept: KeptDays, earliest: date) -> list[date]:
    """Every kept day from `earliest` to `kept.today`, one by one as the rule says it; less what
    was purged, but never today."""
    kept_list = []
    day = earliest
    while day <= kept.today:
        months_ago = (kept.today.year - day.year) * 12 + kept.today.month - day.month
        after_border = kept.border is not None and day > kept.border
        daily = (kept.today - day).days < kept.days or after_border
        monthly = (day + DAY).month != day.month and (
            1 <= months_ago <= kept.months or after_border
        )
        if kept.purged is not None:
            daily = daily and (day >= kept.purged.days_before or day == kept.today)
            monthly = monthly and month_of(day) >= kept.purged.months_before
        if daily or monthly:
            kept_list.append(day)
        day += DAY
    return kept_list


days = st.dates(date(2023, 11, 1), date(2028, 4, 1))


@st.composite
def any_kept(draw: st.DrawFn) -> KeptDays:
    today = draw(days)
    closed = draw(st.none() | st.integers(1, 30))
    return KeptDays(
        today,
        draw(st.integers(1, 100)),
        draw(st.integers(0, 30)),
        None if closed is None else month_end(month_before(month_of(today), closed)),
        draw(st.none() | st.builds(gone, st.just(today), st.integers(-40, 200))),
    )


def gone(today: date, back: int) -> PurgeMarks:
    """What a purge took so many days ago, or on a later day that was withdrawn since."""
    day = today - back * DAY
    return PurgeMarks(day, month_before(month_of(day), 4))


EARLIEST = date(2020, 12, 1)


@settings(max_examples=samples(300, 10_000))
@given(kept=any_kept(), back=st.integers(0, 1000), length=st.integers(1, 400))
def test_kept_on_or_before_returns_the_newest_earlier_kept_day(
    kept: KeptDays, back: int, length: int
) -> None:
    by_the_rule = kept_by_the_rule(kept, EARLIEST)
    day = kept.today - back * DAY
    assert kept.kept_on_or_before(day) == max(
        (one for one in by_the_rule if one <= day), default=None
    )
    until = day + length * DAY
    expected = min((one for one in by_the_rule if day <= one < until), default=None)
    assert kept.first_kept_in(day, until) == expected


@settings(max_examples=samples(300, 10_000))
@given(kept=any_kept())
def test_kept_month_ends_are_the_last_days_of_the_previous_months(kept: KeptDays) -> None:
    ends = kept.month_ends()
    assert ends == sorted(set(ends))
    assert all((end + DAY).day == 1 and month_of(end) < month_of(kept.today) for end in ends)
    if kept.purged is None and kept.border is None:
        assert len(ends) == kept.months
    assert all(kept.is_kept(end) for end in ends)


def test_the_kept_days_include_today() -> None:
    kept = KeptDays(date(2026, 3, 1))
    assert kept.daily_from == date(2025, 12, 27)
    assert kept.kept_on_or_before(date(2025, 12, 27)) == date(2025, 12, 27)
    assert kept.kept_on_or_before(date(2025, 12, 26)) == date(2025, 11, 30)


def test_a_leap_day_is_a_month_end() -> None:
    kept = KeptDays(date(2026, 2, 10))
    assert kept.month_ends()[0] == date(2024, 2, 29)
    assert kept.kept_on_or_before(date(2024, 3, 30)) == date(2024, 2, 29)
    assert kept.kept_on_or_before(date(2024, 2, 28)) is None
    assert KeptDays(date(2024, 3, 1)).month_ends()[-1] == date(2024, 2, 29)


def test_every_day_after_the_border_is_kept() -> None:
    kept = KeptDays(date(2026, 12, 31), border=date(2026, 5, 31))
    assert kept.kept_on_or_before(date(2026, 6, 1)) == date(2026, 6, 1)
    assert kept.kept_on_or_before(date(2026, 5, 30)) == date(2026, 4, 30)
    # A border that is near takes nothing away from the 65 days.
    assert KeptDays(date(2026, 12, 31), border=date(2026, 11, 30)).daily_from == date(2026, 10, 28)


@given(day=days, count=st.integers(-50, 50))
def test_month_arithmetic_crosses_years(day: date, count: int) -> None:
    month = month_of(day)
    assert month_before(month_before(month, count), -count) == month
    assert month_of(month_end(month)) == month
    assert month_of(month_end(month) + DAY) == month_before(month, -1)
    assert month_of(month_end(month_before(month)) + DAY) == month


def test_the_numbers_of_days_and_months_are_settings() -> None:
    environ = {"RETENTION_DAYS": "10", "MONTH_END_RETENTION_MONTHS": "2"}
    kept = KeptDays.from_thresholds(date(2026, 3, 15), None, load(environ).thresholds)
    assert (kept.days, kept.months) == (10, 2)
