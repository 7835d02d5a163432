"""What it takes to open a page in a browser that was never here: requests, bytes, what jumps, and
whether a chart is drawn before its figure is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser_pages import settled
from tests.support.worlds import HARBOR

MOST_REQUESTS = 35
MOST_BYTES = 900_000
"""Over the wire, with headers."""
GRID_BYTES = 570_000
"""Of AG Grid, which only pages with a grid load."""
MOST_SHIFT = 0.02

WATCH = """
window.shifts = [];
new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
  if (!entry.hadRecentInput) shifts.push([entry.value, entry.sources.map((source) =>
    source.node && (source.node.id || source.node.className || source.node.nodeName))]);
})).observe({ type: "layout-shift", buffered: true });
window.emptyCharts = [];
const drawn = ".js-plotly-plot:has(.subplot)";
new MutationObserver(() => document.querySelectorAll(drawn).forEach((chart) => {
  if (!(chart.data || []).length) emptyCharts.push(chart.parentElement.id);
})).observe(document, { subtree: true, childList: true });
"""


@dataclass
class Traffic:
    """What a page loaded: addresses by request, and the bytes of their answers."""

    addresses: dict[str, str] = field(default_factory=dict)
    bytes: dict[str, float] = field(default_factory=dict)

    def sent(self, event: dict[str, Any]) -> None:
        if event["request"]["url"].startswith("http"):
            self.addresses[event["requestId"]] = event["request"]["url"]

    def finished(self, event: dict[str, Any]) -> None:
        self.bytes[event["requestId"]] = event["encodedDataLength"]


@contextmanager
def new_browser(browser: Browser, width: int) -> Iterator[tuple[Page, Traffic]]:
    """A page of a browser that remembers nothing, and what it loads."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, reduced_motion="reduce", locale="en-US"
    )
    page, traffic = context.new_page(), Traffic()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.requestWillBeSent", traffic.sent)
    network.on("Network.loadingFinished", traffic.finished)
    page.add_init_script(WATCH)
    try:
        yield page, traffic
    finally:
        context.close()


@pytest.mark.parametrize(
    ("path", "width", "last", "most_bytes"),
    [
        ("/", 1440, ("#why-chart .bars .point", "#sites-table tr"), MOST_BYTES),
        ("/", 390, ("#why-chart .bars .point", "#sites-table tr"), MOST_BYTES),
        (
            f"/sites/{HARBOR}",
            1440,
            ("#site-daily-chart .main-svg", "#site-latest-rows *", "#site-grid .ag-row"),
            MOST_BYTES + GRID_BYTES,
        ),
        (
            "/coverage",
            1440,
            ("#coverage-trend-chart .main-svg", "#coverage-grid .ag-row"),
            MOST_BYTES + GRID_BYTES,
        ),
    ],
    ids=["overview", "overview on a phone", "site", "coverage"],
)  # fmt: skip
def test_a_first_visit_loads_little_and_nothing_jumps(
    browser: Browser, address: str, path: str, width: int, last: tuple[str, ...], most_bytes: int
) -> None:
    with new_browser(browser, width) as (page, traffic):
        page.goto(address + path)
        for selector in last:
            expect(page.locator(selector).first).to_be_attached(timeout=60_000)
        settled(page)
        assert len(traffic.addresses) <= MOST_REQUESTS, sorted(traffic.addresses.values())
        assert sum(traffic.bytes.values()) <= most_bytes
        grids = [each for each in traffic.addresses.values() if "dash_ag_grid" in each]
        assert bool(grids) == (most_bytes > MOST_BYTES)
        assert page.evaluate("emptyCharts") == []
        shifts = page.evaluate("shifts")
        assert sum(value for value, _moved in shifts) <= MOST_SHIFT, shifts
