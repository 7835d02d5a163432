"""Rounding of averages and percentages: half away from zero (docs/rules.md, 11)."""

from decimal import Decimal
from fractions import Fraction


def rounded(value: Fraction | Decimal | float, places: int = 0) -> Decimal:
    """`value` to `places` decimals; a float as its shortest decimal notation, so that 0.35 is 0.4.

    Give a quotient as a `Fraction`: no step before this one may round.
    """
    exact = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    whole = int(abs(exact) * 10**places + Fraction(1, 2))
    return Decimal(whole if exact > 0 else -whole).scaleb(-places)
