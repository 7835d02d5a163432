"""Days of which little is known: every page says one true sentence, and null is never 0."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dash import Dash
from sqlalchemy import Engine

from tests.support.callbacks import create_demo_app, run_callback
from tests.support.worlds import named_world, save_to_copy

COUNTING = ("/", "/changes", "/sites", "/sites/1", "/devices", "/coverage")
AGENT_FIRST = date(2026, 11, 5)


@pytest.fixture(scope="module")
def app(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dash]:
    engine: Engine = save_to_copy(named_world(), migrated_file, tmp_path_factory.mktemp("odd"))
    yield create_demo_app(engine)
    engine.dispose()


def text(part: Any) -> str:
    if isinstance(part, list):
        return " ".join(filter(None, map(text, part)))
    if isinstance(part, dict):
        return text(part.get("props", {}).get("children"))
    return "" if part is None else str(part)


def strip(app: Dash, query: str, path: str) -> tuple[str, bool]:
    """What stands above the page, and whether it stands in place of it."""
    shell = run_callback(app, "strip.children", filters=query, address=path)["response"]
    return text(shell["strip"]["children"]).strip(), shell["page"]["hidden"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("as_of=2026-11-23", "23 Nov 2026 is in the future: today is 22 Nov 2026."),
        ("compare_to=2026-12-30", "30 Dec 2026 is in the future: today is 22 Nov 2026."),
        ("as_of=2026-11-10&compare_to=2026-11-11",
         "11 Nov 2026 is after 10 Nov 2026: compare with an earlier date."),
        ("as_of=yesterday", "\u201cyesterday\u201d is not a date. Choose another one."),
        ("as_of=2020-01-01",
         "There is no data for 1 Jan 2020: the first day is 31 Aug 2026."),
        ("basis=agent&as_of=2026-11-04",
         "There is no data of Agent for 4 Nov 2026: its first day is 5 Nov 2026."),
    ],
)  # fmt: skip
def test_a_day_that_cannot_be_shown_is_one_sentence_in_place_of_each_page(
    app: Dash, query: str, sentence: str
) -> None:
    for path in COUNTING:
        said, hidden = strip(app, query, path)
        assert hidden and "as_of" not in said and "compare_to" not in said, path
        assert said.removeprefix("This address cannot be shown ").startswith(sentence), path


def test_a_day_that_is_no_longer_kept_is_compared_with_the_month_end_before_the_one_shown(
    app: Dash,
) -> None:
    said, hidden = strip(app, "basis=ninja&as_of=2026-09-10", "/")
    assert not hidden
    assert said.startswith("10 Sep 2026 is no longer kept. Showing 31 Aug 2026")
    for query in (
        "basis=ninja&as_of=2026-11-20&compare_to=2026-11-20",
        "basis=ninja&as_of=2026-09-10&compare_to=2026-09-01",
    ):
        assert "choose an earlier one to compare with." in strip(app, query, "/changes")[0]


def test_what_cannot_be_compared_is_no_equality_and_no_empty_chart(app: Dash) -> None:
    for query in ("basis=agent", f"basis=agent&as_of={AGENT_FIRST}"):
        found = run_callback(app, "overview-kpis", filters=query)["response"]
        assert text(found["movers-head"]["children"]).startswith("No count for 31 Oct")
        assert "count changed" not in str(found["movers-list"])
        assert "no data" in text(found["overview-kpis"]["children"])
        instead = found["why-chart-place"]["children"]
        assert instead["type"] == "P"
        assert instead["props"]["children"] == "Nothing to compare with on 31 Oct"


def test_an_open_month_looks_open_on_its_last_day(app: Dash) -> None:
    found = run_callback(app, "overview-kpis", filters="as_of=2026-10-31")["response"]
    figure = found["months-chart-place"]["children"]["props"]["figure"]
    bars = [each for each in figure["data"] if each["type"] == "bar"]
    assert all(each["marker"]["line"]["width"][-1] == 2 for each in bars)
