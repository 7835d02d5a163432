"""The good direction of each figure: whether more of it is good news. Its colour follows."""

from dashboard.base.params import Filters

UP, DOWN, NEITHER = "up", "down", "neither"

GOOD = {
    "billable": UP,
    "spare": NEITHER,
    "excluded": NEITHER,
    "billing_basis": NEITHER,
    "finding": DOWN,
}
"""By what a figure counts."""


def good_direction(filters: Filters) -> str:
    """Of a count of devices: what is billed decides, where it is counted among others."""
    statuses = filters.statuses
    return GOOD["billable" if "billable" in statuses else statuses[0]]


def news(change: int | None, good: str) -> str:
    """What a change is: "good", "bad", or "plain" where it is none or neither."""
    if not change or good == NEITHER:
        return "plain"
    return "good" if (change > 0) == (good == UP) else "bad"
