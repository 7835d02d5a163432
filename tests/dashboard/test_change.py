"""Percent change: one decimal, half away from zero; "new" from zero, "no data" from unknown."""

import pytest

from dashboard.base.change import Change


@pytest.mark.parametrize(
    ("current", "previous", "change", "percent", "verdict"),
    [
        (150, 145, 5, "3.4", "percent"),
        (145, 150, -5, "-3.3", "percent"),
        (2001, 2000, 1, "0.1", "percent"),  # 0.05 goes away from zero
        (1999, 2000, -1, "-0.1", "percent"),
        (8005, 8000, 5, "0.1", "percent"),
        (10000, 9999, 1, "0.0", "percent"),
        (9998, 9999, -1, "0.0", "percent"),
        (7, 7, 0, "0.0", "percent"),
        (0, 4, -4, "-100.0", "percent"),
        (3, 0, 3, None, "new"),
        (0, 0, 0, None, "same"),
        (3, None, None, None, "no data"),
        (None, 3, None, None, "no data"),
        (None, None, None, None, "no data"),
    ],
)
def test_percent_change(
    current: int | None, previous: int | None, change: int | None, percent: str | None, verdict: str
) -> None:
    figure = Change(current, previous)
    assert figure.change == change
    assert (None if figure.percent is None else str(figure.percent)) == percent
    assert figure.verdict == verdict
