"""One device in Chromium: from the list to its page, its timeline, its payload, and back."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from db.engine import open_engine, sqlite_url
from db.keys import device_id
from tests.support.demo_dashboard import serve_dashboard
from tests.support.small_hub import Hub, Pc, pcs
from tests.support.worlds import TODAY

HOSTILE = "<img src=x onerror=window.hit=1>"
PC = Pc("7", hostname="H-PC7", display_name="Front desk", serial="SN-777")


@pytest.fixture(scope="module")
def address(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A device of two sources that became spare two days ago."""
    path = tmp_path_factory.mktemp("device") / "inventory.db"
    shutil.copyfile(migrated_file, path)
    engine = open_engine(sqlite_url(path))
    hub, others = Hub(engine), pcs(range(20, 26), note=HOSTILE)
    hub.collect(TODAY - timedelta(days=5), [PC, *others])
    spare = replace(PC, display_name="Front desk spare", note=HOSTILE)
    hub.collect(TODAY - timedelta(days=2), [spare, *others])
    hub.collect(TODAY, [spare, *others])
    hub.collect(TODAY, [replace(PC, key="t7", hostname="h-pc7.x")], "threatlocker")
    with serve_dashboard(engine) as (found, _):
        yield found
    engine.dispose()


def test_the_list_opens_a_device_and_its_timeline_says_what_changed(
    quiet: Page, address: str
) -> None:
    quiet.goto(f"{address}/devices?basis=ninja&status=spare&q=H-PC7")
    quiet.locator(".cell-link", has_text="H-PC7").click()
    expect(quiet.locator(".title-line h1")).to_have_text("H-PC7")
    expect(quiet.locator(".title-line .pill")).to_have_text(
        ["Present on 22 Nov 2026", "Spare", "Workstation"]
    )
    assert f"/devices/{device_id('ninja', '7')}?" in quiet.url
    expect(quiet.locator(".timeline > li")).to_have_count(2)
    newest = quiet.locator(".timeline > li").first
    expect(newest).to_contain_text("as of 22 Nov")
    expect(newest.get_by_role("rowheader").first).to_have_text("Display name")
    expect(newest.locator("tr", has_text="Display name").first).to_contain_text("Front desk spare")
    expect(newest.locator("tr", has_text="Status").first.locator("ins")).to_have_text("Spare")
    expect(quiet.locator("#device-evidence")).to_contain_text("sn777")
    expect(quiet.locator(".side .differ", has_text="Hostname")).to_contain_text("h-pc7.x")
    quiet.go_back()
    expect(quiet.locator("#devices-count")).to_have_text("1 device matches")


def test_another_day_marks_the_stretch_in_force_on_it_and_back_returns(
    quiet: Page, address: str
) -> None:
    page = f"{address}/devices/{device_id('ninja', '7')}"
    quiet.goto(f"{page}?as_of={TODAY - timedelta(days=4)}")
    expect(quiet.locator(".timeline > li").last).to_contain_text("as of 18 Nov")
    expect(quiet.locator(".title-line .pill").nth(1)).to_have_text("Billable")
    quiet.locator("#filter-clear").click()
    expect(quiet.locator(".timeline > li").first).to_contain_text("as of 22 Nov")
    quiet.go_back()
    expect(quiet.locator(".timeline > li").last).to_contain_text("as of 18 Nov")


def test_the_payload_of_any_stretch_can_be_read_and_copied(quiet: Page, address: str) -> None:
    quiet.context.grant_permissions(["clipboard-read", "clipboard-write"])
    quiet.goto(f"{address}/devices/{device_id('ninja', '7')}")
    tree = quiet.locator("#device-tree")
    expect(tree).to_contain_text(HOSTILE)
    expect(tree).to_contain_text("Values that change all the time")
    assert quiet.evaluate("window.hit") is None
    quiet.locator("#device-copy").click()
    expect(quiet.get_by_text("Copied")).to_be_visible()
    assert '"note": "<img' in quiet.evaluate("navigator.clipboard.readText()")
    oldest = quiet.locator("#device-version option").last.get_attribute("value")
    quiet.locator("#device-version").select_option(oldest)
    expect(tree).not_to_contain_text(HOSTILE)
    expect(tree).to_contain_text("Front desk")


def test_an_unknown_id_shows_a_message(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/devices/{2**63 - 1}")
    expect(quiet.locator(".state")).to_contain_text("There is no device with this id")
    expect(quiet.locator(".one-device")).not_to_be_visible()


def test_a_phone_needs_no_horizontal_scrolling(quiet: Page, address: str) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    quiet.goto(f"{address}/devices/{device_id('ninja', '7')}")
    expect(quiet.locator(".timeline > li")).to_have_count(2)
    assert quiet.evaluate("document.documentElement.scrollWidth") <= 390
