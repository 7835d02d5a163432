"""Opens pages in the browser and reads what stands on them."""

from typing import Any

from playwright.sync_api import Page, expect


def chart_traces(page: Page, name: str) -> list[dict[str, Any]]:
    """What the browser has drawn: each trace's x, y, customdata."""
    expect(page.locator(f"#{name} .bars .point").first).to_be_attached()
    found: list[dict[str, Any]] = page.evaluate(
        "name => document.querySelector(`#${name} .js-plotly-plot`).data.map(trace => "
        "({type: trace.type, name: trace.name, y: Array.from(trace.y), to: trace.customdata,"
        " text: trace.text}))",
        name,
    )
    return found


def open_devices(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/devices{query}")
    expect(page.locator(".ag-pinned-left-cols-container .ag-cell").first).not_to_be_empty()


def devices_count(page: Page) -> int:
    expect(page.locator("#devices-count")).not_to_be_empty()
    return int(page.locator("#devices-count").inner_text().split()[0].replace(",", ""))
