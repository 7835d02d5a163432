"""What did not change stays mounted, and a page that is left asks the server nothing more."""

import json

import pytest
from playwright.sync_api import Page, Request, expect

from tests.support.browser_pages import open_devices, settled

TAGGED = """() => {
    const lasting = document.querySelectorAll(
        "body [id], .card, [data-drawn], .top *, .filters *, .dash-graph *");
    const drawn = "#chips *, #stamp *, #page [data-drawn] *, .dash-graph .main-svg *";
    window.tagged = Array.from(lasting).filter(node => !node.matches(drawn));
    return window.tagged.length;
}"""
LOST = """() => window.tagged.filter(node => !node.isConnected)
    .map(node => `${node.tagName}#${node.id}.${node.className}`)"""

TAKEN_UP = """() => {
    const store = dash_stores[0];
    window.takenUp = {};
    store.subscribe(() => {
        const {callbacks, paths} = store.getState();
        for (const {callback} of callbacks.requested)
            takenUp[callback.output] = !callback.outputs.length
                || callback.outputs.some(output => output.id in paths.strs);
    });
}"""


def test_a_filter_remounts_nothing_but_what_it_changes(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/")
    value = quiet.locator("#kpi-counted .kpi-value")
    expect(value).not_to_be_empty()
    expect(quiet.locator("#months-chart .bars .point").first).to_be_attached()
    expect(quiet.locator("#sites-table tbody tr").first).to_be_visible()
    settled(quiet)
    whole = value.inner_text()
    assert quiet.evaluate(TAGGED) > 100
    quiet.evaluate("hubAddress.go('type=server')")
    expect(value).not_to_have_text(whole)
    quiet.locator("#filter-clear").click()
    expect(value).to_have_text(whole)
    settled(quiet)
    assert quiet.evaluate(LOST) == []


def test_a_filter_is_no_matter_of_the_pages_that_are_not_open(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/")
    value = quiet.locator("#kpi-counted .kpi-value")
    expect(value).not_to_be_empty()
    quiet.wait_for_load_state("networkidle")
    whole = value.inner_text()
    quiet.evaluate(TAKEN_UP)
    quiet.evaluate("hubAddress.go('type=server')")
    expect(value).not_to_have_text(whole)
    taken_up = quiet.evaluate("takenUp")
    assert any("overview-kpis" in output for output in taken_up)
    assert [output for output, mounted in taken_up.items() if not mounted] == []


def test_what_is_drawn_may_become_a_plain_component(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/")
    movers = quiet.locator("#movers-list")
    expect(movers.locator("[data-drawn]").first).to_be_visible()
    quiet.evaluate("hubAddress.go('as_of=2026-11-22&compare_to=2026-11-22')")
    expect(movers.locator(".note")).to_be_visible()
    expect(movers.locator("[data-drawn]")).to_have_count(0)


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
    settled(quiet)
    assert any("overview-kpis" in output for output in asked)
    assert [output for output in asked if "devices-" in output] == []
