"""Opens pages in the browser and reads what stands on them."""

from itertools import count
from typing import Any

from playwright.sync_api import Page, expect

SETTLED = """turn => {
  const calm = () => {
    if (document.readyState !== 'complete') return false;
    if (!document.querySelector('#react-entry-point')) return true;
    const content = document.querySelector('#_pages_content');
    if (!window.store || !content || !content.children.length) return false;
    const {stored, completed, ...open} = window.store.getState().callbacks;
    if (Object.values(open).some(callbacks => callbacks.length)) return false;
    if (document.querySelector('[data-dash-is-loading=true]')) return false;
    const shown = selector =>
      [...document.querySelectorAll(selector)].filter(each => each.checkVisibility());
    const undrawn = chart => !chart.querySelector('.main-svg');
    if (shown('#page .chart:empty').length) return false;
    if (shown('#page .dash-graph').some(undrawn)) return false;
    const near = grid => grid.getBoundingClientRect().top < innerHeight;
    return shown('#page .grid').every(grid =>
      grid.querySelector('.ag-root') ? grid.classList.contains('counted') : !near(grid));
  };
  if (window.calmTurn !== turn) window.calmFrames = 0;
  window.calmTurn = turn;
  window.calmFrames = calm() ? window.calmFrames + 1 : 0;
  return window.calmFrames > 5;
}"""
"""Whether every callback has answered, and every chart and every grid that is seen is drawn, for a
few frames: what is drawn may ask for more."""

_turns = count()


def settled(page: Page) -> None:
    """Wait until the page asks for nothing and draws nothing any more. That the network is idle
    says less: a busy browser pauses between two requests, and Playwright looks only once."""
    page.wait_for_function(SETTLED, arg=next(_turns))


def press_at_once(page: Page, keys: str) -> None:
    """Press the keys of a shortcut one after the other, in one go: a busy browser takes longer from
    one to the next than a shortcut allows."""
    page.evaluate(
        "keys => [...keys].forEach(key => document.body.dispatchEvent("
        "new KeyboardEvent('keydown', {key, bubbles: true})))",
        keys,
    )


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
