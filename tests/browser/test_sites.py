"""The Sites page and one site in Chromium: sums, ways in and back, gaps, states."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser_pages import devices_count
from tests.support.worlds import HARBOR


def column(page: Page, name: str) -> list[int]:
    cells = page.locator(f".ag-center-cols-container [col-id='{name}']")
    expect(cells.first).not_to_be_empty()
    return [int(text) for text in cells.all_inner_texts()]


def open_sites(page: Page, address: str) -> None:
    """Three charts: on a busy machine the browser takes its time."""
    page.goto(f"{address}/sites/{HARBOR}")
    expect(page.locator(".site-total")).to_be_visible(timeout=60_000)


def test_the_total_row_is_the_sum_and_equals_the_number_in_the_head(
    quiet: Page, address: str
) -> None:
    quiet.goto(f"{address}/sites?basis=records")
    now = column(quiet, "now")
    last = quiet.locator(".ag-floating-bottom [col-id='now']")
    expect(last).to_have_text(str(sum(now)))
    expect(quiet.locator("#site-list-count")).to_have_text(
        f"Billable devices: {sum(now)} at {len(now)} sites"
    )
    quiet.locator(".ag-header-cell[col-id='now'] .ag-header-cell-label").click()
    row = quiet.locator(".ag-center-cols-container [row-index='0'] [col-id='now']")
    expect(row).to_have_text(str(max(now)))


def test_a_site_page_shows_its_numbers_and_back_returns_to_the_list(
    quiet: Page, address: str
) -> None:
    quiet.goto(f"{address}/sites?status=billable&status=spare&site=1&site=2")
    row = quiet.locator(".ag-pinned-left-cols-container .ag-row", has_text="Harbor Dental")
    index = row.get_attribute("row-index")
    cell = f".ag-center-cols-container [row-index='{index}'] [col-id='now']"
    number = int(quiet.locator(cell).inner_text())
    row.locator(".cell-link").click()
    expect(quiet.locator(".title-line h1")).to_have_text("Harbor Dental", timeout=60_000)
    assert quiet.url == f"{address}/sites/{HARBOR}?status=billable&status=spare"
    expect(quiet.locator(".site-total")).to_have_text(str(number))
    expect(quiet.locator("#site-daily-title")).to_have_text("The last 65 days, 2 with a gap")
    quiet.locator(".grid-card").scroll_into_view_if_needed()
    expect(quiet.locator("#site-grid .ag-paging-row-summary-panel")).to_contain_text(f"of {number}")
    quiet.locator(".site-total").click()
    expect(quiet.locator("#devices-count")).to_contain_text(f"{number} device")
    quiet.go_back()
    expect(quiet.locator(".site-total")).to_have_text(str(number))
    quiet.go_back()
    expect(quiet.locator("#site-list-count")).to_contain_text("at 2 sites")


def test_a_figure_of_a_site_opens_its_list_and_its_explanation(quiet: Page, address: str) -> None:
    open_sites(quiet, address)
    figure = quiet.locator(".figures > div", has_text="ThreatLocker")
    number = int(figure.locator("a").inner_text())
    figure.locator(".why").click()
    expect(quiet.locator(".drawer-figure")).to_have_text(str(number))
    quiet.keyboard.press("Escape")
    figure.locator("a").click()
    expect(quiet.locator("#devices-count")).to_contain_text("match")
    assert devices_count(quiet) == number


@pytest.mark.parametrize("place", ["Rack 1", "(no location)"])
def test_a_location_opens_its_devices(quiet: Page, address: str, place: str) -> None:
    open_sites(quiet, address)
    row = quiet.locator(".places li", has_text=place)
    number = int(row.locator("a").inner_text())
    row.locator(".why").click()
    expect(quiet.locator(".drawer-figure")).to_have_text(str(number))
    expect(quiet.locator(".drawer-body p.muted").first).to_contain_text(f"Location: {place}")
    quiet.keyboard.press("Escape")
    row.locator("a").click()
    expect(quiet.locator("#devices-count")).to_contain_text(f"{number} device")
    expect(quiet.locator(".chip", has_text=place)).to_be_visible()
    assert devices_count(quiet) == number
    quiet.locator("#page a, header a").get_by_text("Changes", exact=True).first.click()
    # The list before has the same chip: wait for the new page.
    expect(quiet.locator("#changes-summary")).not_to_be_empty()
    expect(quiet.locator(".chip", has_text=place)).to_be_visible()
    quiet.locator(".chip", has_text=place).click()
    expect(quiet.locator(".chip", has_text=place)).to_have_count(0)
    expect(quiet).to_have_url(f"{address}/changes?site={HARBOR}")


def test_an_outage_is_marked_in_the_days_and_is_no_drop(quiet: Page, address: str) -> None:
    open_sites(quiet, address)
    expect(quiet.locator("#site-daily-chart .textpoint")).to_have_count(2)
    totals = quiet.evaluate(
        "(() => { const bars = document.querySelector('#site-daily-chart .js-plotly-plot').data"
        ".filter(one => one.type === 'bar'); const at = bars[0].x.indexOf('2026-11-15');"
        " const sum = i => bars.reduce((all, one) => all + (one.y[i] || 0), 0);"
        " return [sum(at - 1), sum(at), bars[0].marker.opacity[at]]; })()"
    )
    assert totals[0] == totals[1] > 0
    assert totals[2] < 1


def test_the_latest_changes_link_to_their_device_and_to_all_changes(
    quiet: Page, address: str
) -> None:
    open_sites(quiet, address)
    rows = quiet.locator("#site-latest .latest li")
    expect(rows).not_to_have_count(0)
    number = rows.count()
    name = rows.first.locator("a").inner_text()
    rows.first.locator("a").click()
    expect(quiet.locator(".title-line h1")).to_have_text(name, timeout=60_000)
    quiet.go_back()
    quiet.locator("#site-latest-title a").click()
    expect(quiet.locator("#changes-listed")).to_contain_text(f"{number} devices changed")


def test_an_unknown_site_and_an_empty_filter_result_show_a_message(
    quiet: Page, address: str
) -> None:
    for path, said in (
        ("/sites/99", "There is no site with this id"),
        ("/sites/1?site=2", "No device matches these filters"),
    ):
        quiet.goto(address + path)
        expect(quiet.locator(".state")).to_contain_text(said)
    quiet.locator(".state .btn").click()
    expect(quiet.locator(".site-total")).to_be_visible()


@pytest.mark.full
@pytest.mark.parametrize("path", ["/sites", f"/sites/{HARBOR}"])
def test_a_phone_needs_no_horizontal_scrolling(quiet: Page, address: str, path: str) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    quiet.goto(address + path)
    expect(quiet.locator("h1").first).not_to_be_empty()
    assert quiet.evaluate("document.documentElement.scrollWidth") <= 390
