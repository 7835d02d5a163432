"""Averages and percentages round half away from zero."""

from decimal import Decimal
from fractions import Fraction

import pytest

from dashboard.base.change import Change
from db.rounding import rounded


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (Fraction(25, 8), 2, "3.13"), (Fraction(-25, 8), 2, "-3.13"), (Fraction(1, 8), 2, "0.13"),
        (0.5, 0, "1"), (1.5, 0, "2"), (2.5, 0, "3"), (-2.5, 0, "-3"), (0.35, 1, "0.4"),
        (2.675, 2, "2.68"), (1e-7, 2, "0.00"), (-0.001, 2, "0.00"), (Decimal("0.25"), 1, "0.3"),
        (7, 2, "7.00"), (Fraction(2, 3), 2, "0.67"), (123456789.5, 0, "123456790"),
    ],
)  # fmt: skip
def test_halves_are_rounded_away_from_zero(
    value: Fraction | Decimal | float, places: int, expected: str
) -> None:
    assert str(rounded(value, places)) == expected


def test_a_change_of_a_half_tenth_of_a_percent_is_rounded_away_from_zero() -> None:
    assert [str(Change(now, 2000).percent) for now in (2001, 1999, 2003)] == ["0.1", "-0.1", "0.2"]
