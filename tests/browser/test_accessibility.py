"""axe-core finds nothing on any page, with any menu, dialog or drawer open."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from tests.conftest import BROWSER_PATIENCE
from tests.support.demo_dashboard import serve_dashboard
from tests.support.samples import FULL

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OPTIONS = {"resultTypes": ["violations"], "runOnly": list(RULES)}
DESK, PHONE = 1440, 390


@dataclass(frozen=True)
class State:
    """A page, and what is opened on it.

    Attributes:
        path: with {device} and so on for what the demo has.
        shows: a selector of what the state is about; it is there when the state is reached.
        clicks: selectors of what is clicked, one after the other; "key X" presses a key.
        width: the one width that has it; None for both.
    """

    path: str
    shows: str
    clicks: tuple[str, ...] = ()
    width: int | None = None


STATES = {
    "overview": State("/", ".kpi-value"),
    "changes": State("/changes", ".ag-cell"),
    "sites": State("/sites", ".ag-cell"),
    "one site": State("/sites/{site}", ".one-site .ag-cell"),
    "devices": State("/devices", ".ag-cell"),
    "one device": State("/devices/{device}", ".tree"),
    "coverage": State("/coverage", ".ag-cell"),
    "agents": State("/machines", "#machines-count"),
    "months": State("/months", ".months .figure"),
    "one month": State("/months/{month}", ".pack"),
    "collections": State("/collections", ".calendar .day"),
    "one run": State("/collections?run={run}", ".run-head"),
    "inbox": State("/settings", ".inbox-items"),
    "rules": State("/settings/rules", ".rule-field"),
    "sites of the settings": State("/settings/sites", ".ag-cell"),
    "users": State("/settings/users", "#users-all-title"),
    "tokens": State("/settings/tokens", "#tokens-all-title"),
    "audit log": State("/settings/audit", "#audit-title"),
    "nothing there": State("/nowhere", "h1"),
    "an address that is refused": State("/?basis=foo", "#strip h1"),
    "plain report": State("/report", "h1"),
    "filters chosen": State("/?site={site}&type=server&as_of=2026-11-05", ".chip"),
    "no row": State("/devices?q=zzzz", "#devices-count"),
    "keyboard help": State("/", ".keys", ("key ?",)),
    "why": State("/", "#drawer-body p", (".kpi-place [data-why]",)),
    "why of a change": State("/changes", "#drawer-body p", (".count-line [data-why]",)),
    "why of a month": State("/months", "#drawer-body p", (".months [data-why]",)),
    "sites to choose": State("/", ".choices-row", ("#filter-site-button",), DESK),
    "statuses to choose": State("/", ".choices-row", ("#filter-status-button",), DESK),
    "calendar": State("/", ".day-table", ("#filter-as-of .day-open",), DESK),
    "sheet of filters": State("/", "#sheet.show", ("#bottom-filters",), PHONE),
    "sites in the sheet": State(
        "/", ".choices-row", ("#bottom-filters", "#filter-site-button"), PHONE
    ),
    "more pages": State("/", ".more.show", ("#bottom-more",), PHONE),
    "dialog": State("/settings/rules", ".modal.show", ("#rules-replay",)),
    "dangerous dialog": State("/collections", ".modal.show", ("[data-job=end_source]",)),
    "picker": State("/settings", "#picker-found li", ("button[data-field]:visible",)),
}

SAMPLE = ("overview", "coverage", "collections", "one month", "dialog")
"""What `make test` looks at in the dark, and on a phone besides what only a phone has."""

CASES = [
    (name, theme, width)
    for name, state in STATES.items()
    for theme in ("light", "dark")
    for width in (DESK, PHONE)
    if state.width in (None, width)
    if FULL
    or ((theme, width) == ("light", DESK))
    or (name in SAMPLE and (theme == "dark") == (width == DESK))
    or (theme == "light" and state.width == PHONE)
]


@pytest.fixture(scope="module")
def address(demo_engine: Engine) -> Iterator[str]:
    with serve_dashboard(demo_engine) as (address, _):
        yield address


@pytest.fixture(scope="module")
def pages(browser: Browser) -> Iterator[dict[tuple[str, int], Page]]:
    """A page for each theme and width, opened once."""
    contexts = {
        (theme, width): browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, locale="en-US",
            reduced_motion="reduce",
        )
        for theme in ("light", "dark")
        for width in (DESK, PHONE)
    }  # fmt: skip
    for context in contexts.values():
        context.set_default_timeout(BROWSER_PATIENCE)
    yield {key: context.new_page() for key, context in contexts.items()}
    for context in contexts.values():
        context.close()


@pytest.fixture(scope="module")
def names(address: str, browser: Browser) -> dict[str, str]:
    """What stands for {device} and so on in the paths."""
    with browser.new_context() as context:

        def first(path: str, key: str) -> str:
            return str(context.request.get(address + path).json()["items"][0][key])

        return {
            "site": first("/api/sites?status=billable", "site_id"),
            "device": first("/api/dashboard/devices?basis=assets&limit=1", "device_id"),
            "month": first("/api/months", "month"),
            "run": first("/api/runs?limit=1", "run_id"),
        }


def wait_until_still(page: Page) -> None:
    """Wait until nothing is loading: what waits is pale, and its contrast not its own."""
    page.wait_for_load_state("networkidle")
    expect(page.locator("[data-dash-is-loading=true]")).to_have_count(0)


def reach(page: Page, address: str, state: State) -> None:
    page.goto(address)
    wait_until_still(page)
    for step in state.clicks:
        if step.startswith("key "):
            page.keyboard.press(step.removeprefix("key "))
        else:
            page.locator(step).first.click()
        wait_until_still(page)
    page.locator(state.shows).first.wait_for(state="attached")
    wait_until_still(page)


def faults(found: dict[str, Any]) -> list[str]:
    """A line per element that axe-core complains about."""
    return [
        f"{rule['id']}: {node['target'][0]} | {node['html'][:160]} | "
        + "; ".join(each["message"] for each in (*node["any"], *node["all"], *node["none"]))[:200]
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(("name", "theme", "width"), CASES)
def test_axe_finds_nothing(
    pages: dict[tuple[str, int], Page], address: str, names: dict[str, str], name: str,
    theme: str, width: int,
) -> None:  # fmt: skip
    page, state = pages[theme, width], STATES[name]
    reach(page, address + state.path.format(**names), state)
    assert faults(Axe().run(page, options=OPTIONS).response) == []
