"""Every action is done by Tab, Enter and Escape alone; each chart has its table."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine

from db import users
from db.engine import writing
from db.roles import ADMINISTRATOR
from tests.conftest import BROWSER_PATIENCE
from tests.support.browser_pages import settled
from tests.support.demo_dashboard import ENVIRON, NOW, serve_dashboard
from tests.support.samples import some
from tests.support.sign_in_site import KEY, PASSWORD

MOST_STEPS = 260
"""How often Tab is pressed at most to reach something."""


@pytest.fixture(scope="module")
def address(demo_engine: Engine) -> Iterator[str]:
    """Where an administrator is signed in."""
    with writing(demo_engine) as connection:
        user = users.by_id(connection, users.add(connection, "ada", ADMINISTRATOR, "test", NOW))
        users.set_password(connection, user, PASSWORD, "test", NOW)
    environ = {**ENVIRON, "AUTH": "password", "SECRET_KEY": KEY}
    with serve_dashboard(demo_engine, environ=environ) as (address, _):
        yield address


@pytest.fixture(scope="module")
def cookies(browser: Browser, address: str) -> list[Any]:
    """What the browser of somebody who signed in by keys alone keeps."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address + "/login?next=/account")
        expect(page.locator("#username")).to_be_focused()
        for text in ("ada", PASSWORD):
            page.keyboard.type(text)
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(address + "/account", timeout=BROWSER_PATIENCE)
        return list(context.cookies())


@pytest.fixture
def quiet(quiet: Page, cookies: list[Any]) -> Page:
    quiet.context.add_cookies(cookies)
    return quiet


def tab_to(page: Page, selector: str, most: int = MOST_STEPS) -> None:
    """Press Tab until the first element of `selector` has the focus, and see that it shows it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(
            "wanted => document.activeElement === document.querySelector(wanted)", selector
        ):
            break
    else:
        raise AssertionError(f"{selector} is not reached by {most} presses of Tab")
    ring = page.evaluate(
        """() => {
          const here = document.activeElement;
          const rings = [here, here.closest('td, .search, .kpi-place')]
            .filter(Boolean).flatMap(e => [getComputedStyle(e), getComputedStyle(e, '::after')]);
          return rings.some(s => (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1)
            || s.boxShadow !== 'none');
        }"""
    )
    assert ring, f"{selector} has the focus and does not show it"


CHARTS = {
    "/": ("months-chart", "why-chart"),
    "/changes": ("bars-chart",),
    "/sites/1": ("site-months-chart", "site-daily-chart", "site-bars-chart"),
    "/coverage": ("coverage-trend-chart",),
}


@pytest.mark.parametrize("path", some(CHARTS, 2))
def test_each_chart_has_a_table_of_its_numbers(quiet: Page, address: str, path: str) -> None:
    quiet.goto(address + path)
    for name in CHARTS[path]:
        expect(quiet.locator(f"#{name} .main-svg").first).to_be_attached()
    settled(quiet)
    assert quiet.locator(".js-plotly-plot").count() == len(CHARTS[path])
    for name in CHARTS[path]:
        frame = quiet.locator(f".chart-frame:has(#{name})")
        button = frame.get_by_role("button", name="Show as table")
        button.focus()
        quiet.keyboard.press("Enter")
        table = frame.locator(".chart-table")
        expect(table.locator("tbody tr").first).to_be_visible()
        assert cell_texts(table) == drawn(quiet, name)
        quiet.keyboard.press("Enter")
        expect(table).to_have_count(0)
        expect(button).to_be_focused()


def cell_texts(table: Any) -> list[list[str]]:
    """The numbers of the table, by column."""
    rows: list[list[str]] = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].slice(1).map(cell => cell.textContent))"
    )
    return [list(column) for column in zip(*rows, strict=True)]


def drawn(page: Page, name: str) -> list[list[str]]:
    """What the chart draws: each series, and the numbers above the bars."""
    traces: list[dict[str, Any]] = page.evaluate(
        "name => document.querySelector(`#${name} .js-plotly-plot`).data.map(trace => ({"
        "mode: trace.mode, name: trace.name, y: Array.from(trace.y), text: trace.text}))",
        name,
    )
    series = [trace["y"] for trace in traces if trace["name"] and trace["mode"] != "text"]
    columns = [["\u2013" if n is None else f"{n:,}" for n in values] for values in series]
    above = [trace["text"] for trace in traces if trace["mode"] == "text" and trace["text"]]
    # The crosses of days without a snapshot are no numbers.
    said = [[text.replace("<br>", " ") for text in texts] for texts in above]
    return columns + [texts for texts in said if "\u00d7" not in texts]


def test_a_dialog_and_a_drawer_are_opened_and_left_by_keys(quiet: Page, address: str) -> None:
    quiet.goto(address + "/")
    settled(quiet)
    tab_to(quiet, ".kpi-place [data-why]")
    quiet.keyboard.press("Enter")
    drawer = quiet.locator("#drawer")
    expect(drawer.locator("#drawer-body p").first).to_be_visible()
    for _ in range(12):
        quiet.keyboard.press("Tab")
        assert quiet.evaluate("document.activeElement.closest('#drawer') !== null")
    quiet.keyboard.press("Escape")
    expect(drawer).not_to_be_visible()
    expect(quiet.locator(".kpi-place [data-why]").first).to_be_focused()

    quiet.goto(address + "/settings/rules")
    settled(quiet)
    tab_to(quiet, "#rules-replay")
    quiet.keyboard.press("Enter")
    dialog = quiet.locator(".modal.show")
    expect(dialog).to_be_visible()
    for _ in range(8):
        quiet.keyboard.press("Tab")
        # At its end the focus leaves for the browser itself, and is fetched back from the page.
        expect(quiet.locator("#react-entry-point :focus")).to_have_count(0)
    quiet.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(quiet.locator("#rules-replay")).to_be_focused()


@pytest.mark.full
def test_the_account_menu_and_the_forms_of_users_and_tokens_are_used_by_keys(
    quiet: Page, address: str
) -> None:
    quiet.goto(address + "/settings/users")
    settled(quiet)
    tab_to(quiet, ".account > summary")
    quiet.keyboard.press("Enter")
    expect(quiet.locator(".account-menu")).to_be_visible()
    for entry in (".account-menu [data-shell=theme]", ".account-menu a[href='/account']",
                  ".account-menu [data-shell=signOut]"):  # fmt: skip
        tab_to(quiet, entry, 4)
    quiet.keyboard.press("Escape")
    expect(quiet.locator(".account-menu")).not_to_be_visible()
    expect(quiet.locator(".account > summary")).to_be_focused()

    tab_to(quiet, "#users-name")
    quiet.keyboard.type("bob")
    tab_to(quiet, "#users-role", 3)
    quiet.keyboard.type("manager")
    tab_to(quiet, "#users-add", 4)
    quiet.keyboard.press("Enter")
    expect(quiet.locator("#users-once")).to_contain_text("/invite/")
    expect(quiet.locator("#users-list tr", has_text="bob")).to_contain_text("manager")
    tab_to(quiet, "#users-list button", 8)
    quiet.keyboard.press("Enter")
    expect(quiet.locator(".modal.show")).to_be_visible()
    quiet.keyboard.press("Escape")
    expect(quiet.locator(".modal.show")).to_have_count(0)
    expect(quiet.locator("#users-list button").first).to_be_focused()

    quiet.goto(address + "/settings/tokens")
    settled(quiet)
    tab_to(quiet, "#tokens-name")
    quiet.keyboard.type("billing")
    tab_to(quiet, "#tokens-scopes input", 12)
    tab_to(quiet, "#tokens-add", 8)
    quiet.keyboard.press("Enter")
    expect(quiet.locator("#tokens-once")).to_contain_text("ihub_api_")
    tab_to(quiet, "#tokens-list button", 8)
    quiet.keyboard.press("Enter")
    expect(quiet.locator("#token-typed")).to_be_visible()
    tab_to(quiet, "#token-typed", 4)
    quiet.keyboard.type("billing")
    tab_to(quiet, "#token-revoke", 4)
    quiet.keyboard.press("Enter")
    expect(quiet.locator("#tokens-list")).to_contain_text("revoked")


def test_filters_are_set_and_removed_by_keys(quiet: Page, address: str) -> None:
    quiet.goto(address + "/")
    settled(quiet)
    tab_to(quiet, "#filter-status-button")
    quiet.keyboard.press("Enter")
    expect(quiet.locator(".choices-row").first).to_be_visible()
    quiet.keyboard.press("Escape")
    expect(quiet.locator(".choices-row:visible")).to_have_count(0)
    expect(quiet.locator("#filter-status-button")).to_be_focused()
    quiet.goto(address + "/?type=server")
    settled(quiet)
    tab_to(quiet, "#chips a.chip")
    quiet.keyboard.press("Enter")
    expect(quiet).to_have_url(address + "/")


ACTIONS = {
    "/": ("#search-text", "#theme-button", "#filter-as-of .day-open", "#filter-clear",
          ".account > summary", "[class*=file-csv]", ".sort", ".row-link", "#sites [data-why]"),
    "/devices": ("[class*=file-csv]", ".ag-header-cell", ".ag-cell"),
    "/sites/1": ("#site-bars-actions a", "#site-aliases button"),
    "/coverage": (".overlap a", ".bar-tab", ".ag-cell"),
    "/months": (".row-link", ".months [data-why]", ".danger-zone button"),
    "/collections": (".source-card button", ".calendar .day[tabindex='0']", ".danger-zone button"),
    "/settings": (".settings-tabs .nav-link:not(.active)", ".inbox-item button"),
    "/settings/rules": (".rule-field input", ".rule-field textarea", "#rules-replay"),
}  # fmt: skip


@pytest.mark.parametrize("path", some(ACTIONS, 4))
def test_each_kind_of_action_is_reached_by_tab_and_shows_its_focus(
    quiet: Page, address: str, path: str
) -> None:
    quiet.goto(address + path)
    settled(quiet)
    for action in ACTIONS[path]:
        expect(quiet.locator(action).first).to_be_attached()
        # From the start of the page: its own order is not what is tried here.
        quiet.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
        tab_to(quiet, action)
