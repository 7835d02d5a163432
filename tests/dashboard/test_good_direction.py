"""The colour of a change says whether it is good news; arrow and sign say its direction."""

from typing import Any

import pytest

from dashboard.base.change import Change
from dashboard.base.good_direction import GOOD, good_direction, news
from dashboard.base.params import Filters
from dashboard.base.theme import DOWN, MUTED, UP
from dashboard.components.kit.pill import delta
from dashboard.figures.waterfall import waterfall_figure
from dashboard.queries.changes.bars import Bars


@pytest.mark.parametrize(
    ("filters", "more", "fewer"),
    [
        (Filters(), "good", "bad"),
        (Filters(types=("server",)), "good", "bad"),
        (Filters(statuses=("billable", "spare")), "good", "bad"),
        (Filters(statuses=("spare",)), "plain", "plain"),
        (Filters(statuses=("spare", "excluded")), "plain", "plain"),
    ],
)
def test_more_billable_devices_are_good_and_spares_are_neither(
    filters: Filters, more: str, fewer: str
) -> None:
    good = good_direction(filters)
    assert (news(3, good), news(-3, good), news(0, good), news(None, good)) == (
        more, fewer, "plain", "plain",
    )  # fmt: skip


def test_more_coverage_gaps_are_bad_with_an_arrow_upwards() -> None:
    pill: Any = delta(Change(117, 110), GOOD["finding"])
    assert pill.className == "delta delta-up news-bad"
    assert [getattr(part, "children", part) for part in pill.children] == ["\u25b2", "+7"]
    assert delta(Change(110, 117), GOOD["finding"]).className == "delta delta-down news-good"
    assert delta(Change(30, 35), GOOD["spare"]).className == "delta delta-down news-plain"


def test_the_bars_of_spares_are_neither_green_nor_red() -> None:
    bars, names = Bars(10, 3, 1, 0, 0, 0, 0, 12), dict.fromkeys(
        ("opening", "added", "removed", "moved_in", "moved_out", "reclassified_in",
         "reclassified_out", "closing"), "")  # fmt: skip
    colours = {
        good: tuple(waterfall_figure(bars, names, {}, good=good)["data"][0]["marker"]["color"][1:3])
        for good in (GOOD["billable"], GOOD["spare"])
    }
    assert colours == {GOOD["billable"]: (UP, DOWN), GOOD["spare"]: (MUTED, MUTED)}
