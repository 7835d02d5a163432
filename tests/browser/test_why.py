"""The drawer that explains a figure: opened by mouse and keyboard, and true to the list."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser_pages import devices_count, open_devices


def open_explanation(page: Page, button: Locator) -> int:
    """The number that the drawer of a why button explains."""
    button.click()
    figure = page.locator(".drawer-figure")
    expect(figure).to_have_text(re.compile(r"^[0-9,]+$"))
    expect(figure).to_be_visible()  # On a slow machine its place was shown meanwhile.
    return int(re.sub(r"\D", "", figure.inner_text()))


def unfold(page: Page, title: str) -> None:
    """Open a section of the drawer."""
    page.locator(".drawer summary", has_text=title).click()


@pytest.mark.parametrize("card", ["counted", "server"])
def test_the_explanation_of_a_card_links_to_exactly_its_devices(
    quiet: Page, address: str, card: str
) -> None:
    quiet.goto(f"{address}/")
    number = open_explanation(quiet, quiet.locator(f".kpi-place.{card} .why"))
    assert quiet.locator(f"#kpi-{card} .kpi-value").inner_text() == str(number)
    unfold(quiet, "How it adds up")
    for line in quiet.locator(".sums li").all_inner_texts()[:-2]:
        total, parts = line.split(" = ")
        assert int(total) == number == sum(map(int, re.findall(r"\d+", parts))), line
    quiet.locator(".drawer .btn-primary").click()
    expect(quiet.locator("#drawer")).not_to_be_visible()
    expect(quiet.locator("#devices-count")).to_contain_text(f"{number} device")
    open_devices(quiet, address, "?" + quiet.url.partition("?")[2])
    assert devices_count(quiet) == number


def test_devices_left_out_of_a_number_open_in_a_list(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/?site=1")
    open_explanation(quiet, quiet.locator(".kpi-place.counted .why"))
    unfold(quiet, "Left out")
    left = quiet.locator(".left-out li", has_text="Spare").locator("a")
    number = int(left.inner_text())
    left.click()
    expect(quiet.locator("#devices-count")).to_contain_text(f"{number} device")


def test_each_site_of_the_table_and_each_list_explains_its_number(
    quiet: Page, address: str
) -> None:
    quiet.goto(f"{address}/")
    row = quiet.locator("#sites-rows tr", has_text="Harbor Dental")
    number = open_explanation(quiet, row.locator(".why"))
    assert row.locator("td").first.inner_text() == str(number)
    expect(quiet.locator(".drawer-body p.muted").first).to_have_text(
        "Billable devices at Harbor Dental on 22 Nov 2026, unique machines."
    )
    quiet.keyboard.press("Escape")
    open_devices(quiet, address, "?type=server")
    assert open_explanation(quiet, quiet.locator("#devices-why .why")) == devices_count(quiet)


def test_the_bars_are_explained_with_their_sum(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/")
    quiet.locator("#why-actions .why").click()
    unfold(quiet, "How it adds up")
    line = quiet.locator(".sums li").first
    expect(line).to_contain_text("added")
    text = line.inner_text().replace("\u2212", "-")
    left, closing = text.split(" = ")
    assert sum(int(n.replace(" ", "")) for n in re.findall(r"[+-]? ?\d+", left)) == int(closing)


def test_the_keyboard_opens_the_drawer_and_closing_returns_the_focus(
    quiet: Page, address: str
) -> None:
    quiet.goto(f"{address}/")
    button = quiet.locator(".kpi-place.spare .why")
    button.focus()
    quiet.keyboard.press("Enter")
    expect(quiet.get_by_role("dialog", name="Why this number?")).to_be_focused()
    expect(quiet.locator(".drawer-figure")).to_be_visible()
    quiet.keyboard.press("Tab")
    expect(quiet.get_by_role("button", name="Close")).to_be_focused()
    quiet.keyboard.press("Escape")
    expect(quiet.locator("#drawer")).not_to_be_visible()
    expect(button).to_be_focused()


def test_a_phone_shows_the_whole_drawer(quiet: Page, address: str) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    quiet.goto(f"{address}/")
    open_explanation(quiet, quiet.locator(".kpi-place.counted .why"))
    assert quiet.evaluate("document.documentElement.scrollWidth") <= 390
    box = quiet.locator("#drawer").bounding_box()
    assert box is not None and (box["x"], box["width"]) == (0, 390)
