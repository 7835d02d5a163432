"""The change between two figures, and its percentage (docs/rules.md, 11)."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from db.rounding import rounded


@dataclass(frozen=True)
class Change:
    """A figure now and before; None where it is not known."""

    current: int | None
    previous: int | None

    @property
    def change(self) -> int | None:
        """Current less previous; None when either is not known."""
        if self.current is None or self.previous is None:
            return None
        return self.current - self.previous

    @property
    def percent(self) -> Decimal | None:
        """The change in per cent of the previous figure, one decimal, half away from zero.

        None where there is none to give: `verdict` says why.
        """
        change = self.change
        if change is None or not self.previous:
            return None
        return rounded(Fraction(change * 100, self.previous), 1)

    @property
    def verdict(self) -> str:
        """What stands in place of the percentage: "percent" (itself), "new" (from zero), "same"
        (zero still) or "no data"."""
        if self.change is None:
            return "no data"
        if self.percent is not None:
            return "percent"
        return "new" if self.change else "same"
