"""A phone shows what answers the question first, a printed page is whole, tabs have names."""

from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser_pages import settled
from tests.support.samples import some
from tests.support.worlds import HARBOR, SITE_NAMES

PAPER = {"width": 718, "height": 1010}
"""An A4 page without its margins, in CSS pixels."""


@pytest.mark.parametrize(
    ("path", "title"),
    some(
        [
            ("/", "Overview, Inventory Hub"),
            ("/sites", "Sites, Inventory Hub"),
            ("/sites/1", "Harbor Dental, Sites, Inventory Hub"),
            ("/months/2026-10", "Oct 2026, Months, Inventory Hub"),
            ("/settings/rules", "Rules, Settings, Inventory Hub"),
            ("/report", "Report, Inventory Hub"),
        ],
        3,
    ),
)
def test_a_tab_says_what_it_shows(quiet: Page, address: str, path: str, title: str) -> None:
    quiet.goto(address + path)
    expect(quiet).to_have_title(title)


@pytest.mark.parametrize(
    ("path", "fields"),
    some(
        [
            ("/", ["Sites", "As of", "Compare to", "Count", "Type", "Status"]),
            ("/sites/1", ["As of", "Compare to", "Count", "Type", "Status"]),
            ("/collections", []),
            ("/settings", []),
            ("/nowhere", []),
        ],
        3,
    ),
)
def test_a_page_offers_the_filters_that_it_heeds(
    quiet: Page, address: str, path: str, fields: list[str]
) -> None:
    quiet.goto(address + path)
    expect(quiet.locator("h1, .kpi-value, #calendar-title").first).to_be_visible()
    expect(quiet.locator(".filters .field:visible .form-label")).to_have_text(fields)


@pytest.mark.parametrize(
    ("path", "column"),
    some([("/sites", "change"), ("/changes", "reasons"), ("/devices", "billing_status")], 2),
)
def test_a_phone_shows_the_column_that_answers_the_question(
    quiet: Page, address: str, path: str, column: str
) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    quiet.goto(address + path)
    head = quiet.locator(f".ag-header-cell[col-id='{column}'][aria-colindex='2']")
    expect(head).to_be_attached()
    box = head.bounding_box()
    assert box and box["x"] + box["width"] <= 390
    if path == "/devices":
        places = quiet.locator(".ag-pinned-left-cols-container .cell-second")
        expect(places.filter(has_text=SITE_NAMES[HARBOR]).first).to_be_visible()


def test_a_page_is_as_wide_as_a_phone_and_its_bar_has_five_items(quiet: Page, address: str) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    sections = ("/devices", "/machines", "/collections", "/settings", "/changes", "/sites")
    for path in ("/", *sections, f"/sites/{HARBOR}", "/coverage"):
        quiet.goto(address + path)
        settled(quiet)
        assert quiet.evaluate("document.documentElement.scrollWidth") <= 390, path
        items = quiet.locator(".bottom a:visible, .bottom button:visible")
        expect(items).to_have_count(5)
        expect(items.last).to_have_text("More")
        boxes = [item.bounding_box() for item in items.all()]
        assert len({round(box["y"]) for box in boxes if box}) == 1, path
    sites = quiet.locator("#coverage-sites .table-scroll")
    expect(sites.locator("td.heat").first).to_be_visible()
    assert sites.evaluate("table => table.scrollWidth <= table.clientWidth"), "all in view"


def test_a_printed_page_has_its_filters_and_every_row_and_nothing_to_press(
    quiet: Page, address: str
) -> None:
    quiet.goto(f"{address}/devices?type=server")
    # A row that waits for its device is attached too, but holds nothing to print.
    expect(quiet.locator(".ag-row .cell-link").first).to_be_attached()
    settled(quiet)
    count = int(quiet.locator("#devices-count").inner_text().split()[0])
    quiet.set_viewport_size(PAPER)
    quiet.emulate_media(media="print")
    quiet.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(quiet.locator("#print-head")).to_have_text("Devices, Inventory Hub")
    expect(quiet.locator("#chips")).to_contain_text("Server")
    expect(quiet.locator("table.printed tbody tr")).to_have_count(count)
    expect(quiet.locator(":is(button, input, select, .ag-root):visible")).to_have_count(0)
    assert quiet.evaluate("document.documentElement.scrollWidth") <= PAPER["width"]
    quiet.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(quiet.locator("table.printed")).to_have_count(0)


@pytest.mark.parametrize("path", ["/changes", "/coverage"])
def test_a_printed_grid_is_as_wide_as_the_paper_and_all_text(
    quiet: Page, address: str, path: str
) -> None:
    quiet.goto(address + path)
    quiet.locator(".grid-card").first.scroll_into_view_if_needed()
    expect(quiet.locator(".ag-row .ag-cell").first).not_to_be_empty()
    settled(quiet)
    quiet.set_viewport_size(PAPER)
    quiet.emulate_media(media="print")
    quiet.evaluate("dispatchEvent(new Event('beforeprint'))")
    table = quiet.locator("table.printed")
    expect(table.locator("tbody tr").first).to_be_visible()
    expect(table).not_to_contain_text("[object")
    assert quiet.evaluate("document.documentElement.scrollWidth") <= PAPER["width"]


def test_a_chart_shrinks_to_the_paper(quiet: Page, address: str) -> None:
    quiet.goto(address + "/")
    expect(quiet.locator("#months-chart .bars .point").first).to_be_attached()
    drawn = quiet.locator("#months-chart .main-svg").first
    width, height = drawn.get_attribute("width"), drawn.get_attribute("height")
    quiet.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(drawn).to_have_attribute("viewBox", f"0 0 {width} {height}")
    quiet.emulate_media(media="print")
    quiet.set_viewport_size(PAPER)
    # Plotly may set the sizes of its own elements at any time.
    quiet.locator("#months-chart .svg-container").evaluate("box => box.removeAttribute('style')")
    on_paper = drawn.bounding_box()
    assert on_paper and on_paper["width"] <= PAPER["width"]
    proportions = on_paper["width"] / on_paper["height"]
    assert proportions == pytest.approx(float(width or 0) / float(height or 1), rel=0.02)
    quiet.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(drawn).not_to_have_attribute("viewBox", f"0 0 {width} {height}")


def test_the_names_under_a_chart_are_level_on_a_phone(quiet: Page, address: str) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    quiet.goto(address + "/coverage")
    names = quiet.locator("#coverage-trend-chart .xtick text")
    expect(names.first).to_be_attached()
    boxes = [name.bounding_box() for name in names.all() if name.is_visible()]
    assert boxes and all(box and box["height"] < 20 for box in boxes)
    edges = [(box["x"], box["x"] + box["width"]) for box in boxes if box]
    assert all(end < start for (_, end), (start, _) in pairwise(edges))
