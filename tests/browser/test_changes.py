"""The Changes page in Chromium: choose two dates, click a bar, read why, export what is shown."""

import csv
import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine

from tests.support.browser_pages import chart_traces
from tests.support.demo_dashboard import serve_dashboard
from tests.support.files import sheets
from tests.support.samples import some
from tests.support.worlds import TODAY, DeviceState, World, save_to_copy


def open_changes(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/changes{query}")
    expect(page.locator("#changes-summary")).not_to_be_empty()
    expect(page.locator("#bars-chart .bars .point")).to_have_count(8)


def names(page: Page) -> Locator:
    return page.locator(".ag-pinned-left-cols-container .ag-row")


def row_of(page: Page, hostname: str) -> Locator:
    place = names(page).filter(has_text=hostname).get_attribute("row-index")
    return page.locator(f".ag-center-cols-container [row-index='{place}']")


def download(page: Page, form: str) -> bytes:
    with page.expect_download() as found:
        page.locator(f"#changes-files .file-{form}").click()
    return Path(found.value.path()).read_bytes()


def click_bar(page: Page, name: str, place: int) -> None:
    """As a person does: first over it, for Plotly listens above its bars to what is hovered."""
    bar = page.locator(f"#{name} .bars .point path").nth(place)
    bar.hover(force=True)
    expect(page.locator(f"#{name} .hoverlayer .hovertext")).to_be_visible()
    bar.click(force=True)


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_two_dates_show_a_bar_its_reasons_and_its_files(quiet: Page, address: str) -> None:
    open_changes(quiet, address, "?basis=ninja")
    for control, day, said in (
        ("As of", "2026-11-20", "as_of=2026-11-20"),
        ("Compare to", "2026-11-05", "compare_to=2026-11-05"),
    ):
        quiet.get_by_label(control, exact=True).fill(day)
        quiet.keyboard.press("Enter")
        expect(quiet).to_have_url(re.compile(said))
    expect(quiet.locator("#bars-subtitle")).to_contain_text("5 Nov 2026 to 20 Nov 2026")
    expect(quiet.locator("#changes-summary")).to_have_text(
        "\u22122 since 5 Nov: 1 added, 1 removed, 2 no longer billable"
    )
    click_bar(quiet, "bars-chart", 6)
    expect(quiet.locator("#changes-listed")).to_have_text("2 devices changed")
    assert query_of(quiet) == {
        "basis": ["ninja"], "as_of": ["2026-11-20"], "compare_to": ["2026-11-05"],
        "change": ["reclassified_out"],
    }  # fmt: skip
    expect(names(quiet)).to_have_text(["H-SPARE", "M-SRV"])
    row = row_of(quiet, "H-SPARE")
    expect(row.locator(".reason")).to_have_text(
        ["Became spare on 10 Nov 2026: it is spare",
         "Renamed (none) to H-SPARE (spare) on 10 Nov 2026"]
    )  # fmt: skip
    expect(row.locator("[col-id='before']")).to_have_text("Billable, (none)")
    expect(row.locator("[col-id='after']")).to_have_text("Spare, H-SPARE (spare)")
    expect(row.locator("[col-id='changed_on']")).to_have_text("10 Nov 2026")
    rows = list(csv.DictReader(io.StringIO(download(quiet, "csv").decode("utf-8-sig"))))
    assert [line["hostname"] for line in rows] == names(quiet).all_inner_texts()
    assert {line["bar"] for line in rows} == {"reclassified_out"}
    assert [line["changed_on"] for line in rows] == ["2026-11-10", "2026-11-10"]
    book = sheets(download(quiet, "xlsx"))
    place = book["Changes"][0].index("hostname")
    assert [line[place] for line in book["Changes"][1:]] == names(quiet).all_inner_texts()
    assert ["Compared with, shown", "2026-11-05"] in book["About"]


def test_every_bar_opens_as_many_devices_as_it_counts(quiet: Page, address: str) -> None:
    open_changes(quiet, address, "?basis=records")
    bars, labels = chart_traces(quiet, "bars-chart")
    numbers = [int(text.replace("\u2212", "-")) for text in labels["text"]]
    assert sum(numbers[:-1]) == numbers[-1]
    for number, href in list(zip(numbers, bars["to"], strict=True))[1:-1]:
        assert (href is None) == (number == 0)
        if href is not None:
            found = requests.get(address + href.replace("/changes", "/export/changes.csv", 1))
            assert len(found.text.splitlines()) - 1 == abs(number)
            quiet.goto(address + href)
            expect(quiet.locator("#changes-listed")).to_contain_text(f"{abs(number)} device")
            expect(names(quiet)).to_have_count(abs(number))


def test_removing_the_chip_of_a_bar_clears_the_filter_and_back_restores_it(
    quiet: Page, address: str
) -> None:
    open_changes(quiet, address, "?basis=ninja&change=added")
    expect(names(quiet)).to_have_text(["H-NEW"])
    quiet.locator("#chips a", has_text="Added").click()
    expect(quiet.locator("#changes-listed")).to_have_text("4 devices changed")
    assert query_of(quiet) == {"basis": ["ninja"]}
    quiet.go_back()
    expect(quiet.locator("#changes-listed")).to_have_text("1 device changed")
    expect(names(quiet)).to_have_text(["H-NEW"])


def test_a_bar_is_a_link_and_stays_chosen_when_other_filters_change(
    quiet: Page, address: str
) -> None:
    open_changes(quiet, address, "?basis=ninja&site=1&site=2")
    quiet.locator(".bar-tab", has_text="Removed").click()
    expect(names(quiet)).to_have_text(["H-OLD"])
    expect(quiet.locator(".bar-tab[aria-current]")).to_contain_text("Removed")
    quiet.locator("#chips a", has_text="Müller").click()
    expect(quiet.locator("#chips a", has_text="Müller")).to_have_count(0)
    assert query_of(quiet) == {"basis": ["ninja"], "site": ["1"], "change": ["removed"]}
    # Away, the bar stays behind; the other filters come along.
    quiet.locator(".pages a", has_text="Devices").click()
    quiet.wait_for_url("**/devices*")
    expect(quiet.locator("#devices-count")).not_to_be_empty()
    assert query_of(quiet) == {"basis": ["ninja"], "site": ["1"]}


def test_only_billed_devices_are_counted_until_the_status_filter_is_widened(
    quiet: Page, address: str
) -> None:
    open_changes(quiet, address, "?basis=ninja")
    expect(quiet.locator("#filter-status")).to_contain_text("Billable")
    expect(quiet.locator("#changes-about")).to_contain_text("+2 spare, 2 excluded")
    assert "status" not in query_of(quiet)
    quiet.goto(f"{address}/changes?basis=ninja&status=billable&status=spare")
    expect(quiet.locator("#changes-summary")).to_contain_text("1 became excluded")
    assert query_of(quiet)["status"] == ["billable", "spare"]
    expect(quiet.locator("#chips")).to_contain_text("Billable, Spare")
    quiet.locator("#chips a", has_text="Billable, Spare").click()
    expect(quiet.locator("#changes-summary")).to_contain_text("2 no longer billable")
    assert "status" not in query_of(quiet)


def test_every_change_shows_the_changes_outside_the_bars(quiet: Page, address: str) -> None:
    open_changes(quiet, address, "?basis=ninja")
    quiet.locator(".bar-tab", has_text="Every change").click()
    expect(quiet.locator("#changes-listed")).to_have_text("5 devices changed")
    row = row_of(quiet, "H-MOVE")
    expect(row.locator("[col-id='bar']")).to_have_text("Not in a bar")
    expect(row.locator(".reason")).to_have_text(
        "Organization changed: Harbor Dental to Müller & Söhne, Bau on 10 Nov 2026"
    )
    expect(row.locator("[col-id='before']")).to_have_text("Harbor Dental")


def test_the_grid_and_its_file_are_sorted_by_the_server(quiet: Page, address: str) -> None:
    open_changes(quiet, address, "?basis=ninja")
    head = quiet.locator(".ag-header-cell[col-id='hostname'] .ag-header-cell-label")
    head.click()
    expect(names(quiet)).to_have_text(["H-NEW", "H-OLD", "H-SPARE", "M-SRV"])
    head.click()
    expect(names(quiet)).to_have_text(["M-SRV", "H-SPARE", "H-OLD", "H-NEW"])
    expect(quiet.locator("#changes-files .file-csv")).to_have_attribute(
        "href", re.compile("sort=-hostname")
    )
    rows = list(csv.DictReader(io.StringIO(download(quiet, "csv").decode("utf-8-sig"))))
    assert [line["hostname"] for line in rows] == names(quiet).all_inner_texts()


def test_cards_and_bars_of_the_overview_open_their_changes(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/?basis=ninja")
    for key, name in (("added", "H-NEW"), ("removed", "H-OLD")):
        expect(quiet.locator(f"#kpi-{key} .kpi-value")).to_have_text("1")
        quiet.locator(f"#kpi-{key}").click()
        expect(names(quiet)).to_have_text([name])
        assert query_of(quiet) == {"basis": ["ninja"], "change": [key]}
        quiet.go_back()
    bars: list[dict[str, Any]] = chart_traces(quiet, "why-chart")
    hrefs = [href for href in bars[0]["to"][1:-1] if href]
    assert hrefs == [
        f"/changes?basis=ninja&change={name}" for name in ("added", "removed", "reclassified_out")
    ]
    click_bar(quiet, "why-chart", 6)
    expect(names(quiet)).to_have_text(["H-SPARE", "M-SRV"])


def test_a_day_before_the_first_snapshot_shows_a_message_and_a_link_to_the_first(
    quiet: Page, address: str
) -> None:
    quiet.goto(f"{address}/changes?basis=agent")
    expect(quiet.locator(".state")).to_contain_text("nothing to compare with on 31 Oct 2026")
    expect(quiet.locator("#changes-body")).not_to_be_visible()
    quiet.locator(".state .btn").click()
    expect(quiet.locator("#bars-subtitle")).to_contain_text("5 Nov 2026 to 22 Nov 2026")
    expect(quiet.locator("#changes-empty")).to_contain_text("the number did not change")
    expect(quiet.locator("#changes-grid")).not_to_be_visible()


@pytest.mark.full
def test_no_matching_change_shows_a_message(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/changes?q=nobody-has-this")
    expect(quiet.locator(".state")).to_contain_text("No device matches these filters")
    quiet.locator(".state .btn").click()
    expect(quiet.locator("#changes-summary")).to_be_visible()


@pytest.mark.full
def test_an_empty_database_shows_what_to_do(quiet: Page, sqlite_engine: Engine) -> None:
    with serve_dashboard(sqlite_engine) as (address, _):
        quiet.goto(f"{address}/changes")
        expect(quiet.locator(".checklist li")).to_have_count(3)


@pytest.mark.full
def test_html_in_names_is_shown_as_text(quiet: Page, migrated_file: Path, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=window.hit=1>"
    world = World({1: hostile})
    world.publish("ninja", TODAY.replace(month=10), [DeviceState("ninja", "1", 1)])
    world.publish(
        "ninja", TODAY, [DeviceState("ninja", "2", 1, hostname=hostile, display_name="=1")]
    )
    engine = save_to_copy(world, migrated_file, tmp_path)
    with serve_dashboard(engine) as (address, _):
        open_changes(quiet, address)
        expect(names(quiet)).to_contain_text([hostile, "1"])
        assert quiet.evaluate("window.hit") is None
    engine.dispose()


@pytest.mark.parametrize("width", [390, 768])
def test_the_labels_of_the_bars_do_not_overlap(quiet: Page, address: str, width: int) -> None:
    quiet.set_viewport_size({"width": width, "height": 844})
    open_changes(quiet, address, "?type=workstation")
    expect(quiet.locator("#bars-chart .xtick text").nth(7)).to_be_visible()
    boxes = [one.bounding_box() for one in quiet.locator("#bars-chart .xtick text").all()]
    placed = [box for box in boxes if box is not None]
    assert len(placed) == 8
    for index, one in enumerate(placed):
        for other in placed[index + 1 :]:
            apart = other["x"] - one["x"] - one["width"] >= 4
            assert apart or abs(other["y"] - one["y"]) >= min(one["height"], other["height"])


@pytest.mark.full
@pytest.mark.parametrize("width", some([390, 768, 1440], 2))
def test_no_width_needs_horizontal_scrolling(quiet: Page, address: str, width: int) -> None:
    quiet.set_viewport_size({"width": width, "height": 844})
    open_changes(quiet, address, "?basis=records&change=all")
    # Rows are drawn when they come into sight.
    quiet.locator("#changes-grid").scroll_into_view_if_needed()
    expect(names(quiet).first).to_be_visible()
    assert quiet.evaluate("document.documentElement.scrollWidth") <= width
