"""What did not change stays mounted, and a page that is left asks the server nothing more."""

import json

import pytest
from playwright.sync_api import Page, Request, expect

from tests.support.browser_pages import open_devices

TAGGED = """() => {
    const lasting = document.querySelectorAll(
        "body [id], .card, [data-drawn], .top *, .filters *, .dash-graph *");
    const drawn = "#chips *, #stamp *, #page [data-drawn] *, .dash-graph .main-svg *";
    window.tagged = Array.from(lasting).filter(node => !node.matches(drawn));
    return window.tagged.length;
}"""
LOST = """() => window.tagged.filter(node => !node.isConnected)
    .map(node => `${node.tagName}#${node.id}.${node.className}`)"""


def test_a_filter_remounts_nothing_but_what_it_changes(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/")
    value = quiet.locator("#kpi-counted .kpi-value")
    expect(value).not_to_be_empty()
    expect(quiet.locator("#months-chart .bars .point").first).to_be_attached()
    expect(quiet.locator("#sites-table tbody tr").first).to_be_visible()
    quiet.wait_for_load_state("networkidle")
    whole = value.inner_text()
    assert quiet.evaluate(TAGGED) > 100
    quiet.evaluate("hubAddress.go('type=server')")
    expect(value).not_to_have_text(whole)
    quiet.locator("#filter-clear").click()
    expect(value).to_have_text(whole)
    quiet.wait_for_load_state("networkidle")
    assert quiet.evaluate(LOST) == []


@pytest.mark.parametrize("query", ["", "?type=server"])
def test_a_page_that_is_left_asks_the_server_nothing_more(
    quiet: Page, address: str, query: str
) -> None:
    open_devices(quiet, address, query)
    asked: list[str] = []

    def remember(request: Request) -> None:
        if request.url.endswith("/_dash-update-component"):
            asked.append(json.loads(request.post_data or "")["output"])

    quiet.on("request", remember)
    quiet.locator(".top a[data-page='/']").click()
    expect(quiet.locator("#kpi-counted .kpi-value")).not_to_be_empty()
    quiet.wait_for_load_state("networkidle")
    assert any("overview-kpis" in output for output in asked)
    assert [output for output in asked if "devices-" in output] == []
