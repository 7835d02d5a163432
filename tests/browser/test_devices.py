"""The Devices page in Chromium: the line, the grid and the file say the same."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Locator, Page, Request, Route, expect
from sqlalchemy import Engine

from tests.support.browser_pages import devices_count, open_devices
from tests.support.demo_dashboard import serve_dashboard
from tests.support.samples import some
from tests.support.worlds import (
    HARBOR,
    MUELLER,
    SITE_NAMES,
    TODAY,
    DeviceState,
    World,
    named_world,
    save_to_copy,
)

HOSTILE = ("<img src=x onerror=window.hit=1>", "__proto__", "=cmd|' /C calc'!A0", "y" * 10_000)
MANY = 250


@pytest.fixture(scope="module")
def address(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The named world and, at Müller, more devices than a page of the grid holds."""
    world = named_world()
    many = [DeviceState("ninja", f"x{number}", MUELLER, hostname=f"X-{number:03}")
            for number in range(MANY)]  # fmt: skip
    world.publish("ninja", TODAY, [*world.days["ninja"][TODAY].values(), *many])
    engine = save_to_copy(world, migrated_file, tmp_path_factory.mktemp("devices"))
    with serve_dashboard(engine) as (found, _):
        yield found
    engine.dispose()


def hostnames(page: Page) -> Locator:
    return page.locator(".ag-pinned-left-cols-container .ag-row")


def first_row(page: Page) -> Locator:
    return page.locator(".ag-pinned-left-cols-container [row-index='0']")


def download(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as found:
        page.locator("#devices-files .file-csv").click()
    text = Path(found.value.path()).read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    "query",
    some(
        ["", "?site=2&type=workstation", "?basis=records&status=spare", "?as_of=2026-10-31&q=h-"], 2
    ),
)
def test_count_line_pager_and_file_show_the_same_number(
    quiet: Page, address: str, query: str
) -> None:
    open_devices(quiet, address, query)
    said = devices_count(quiet)
    assert said > 0
    expect(quiet.locator(".ag-paging-row-summary-panel")).to_contain_text(f"of {said}")
    rows = download(quiet)
    assert len(rows) == said
    assert first_row(quiet).inner_text() in {row["hostname"] for row in rows}


def test_the_count_equals_that_of_the_api(quiet: Page, address: str) -> None:
    open_devices(quiet, address, "?site=1&type=workstation")
    asked = f"{address}/api/dashboard/devices?basis=assets&site=1&type=workstation&status=billable"
    assert devices_count(quiet) == requests.get(asked, timeout=120).json()["count"]
    expect(quiet.locator("#devices-about")).to_have_text("Unique machines, 22 Nov 2026 +1 spare")


def test_the_server_sorts_and_pages(quiet: Page, address: str) -> None:
    open_devices(quiet, address, "?site=2&q=x-")
    assert devices_count(quiet) == MANY
    head = quiet.locator(".ag-header-cell[col-id='hostname'] .ag-header-cell-label")
    head.click()
    expect(first_row(quiet)).to_have_text("X-000")
    quiet.get_by_role("button", name="Next page").click()
    expect(quiet.locator("[row-index='100'] [col-id='hostname']")).to_have_text("X-100")
    quiet.get_by_role("button", name="First page").click()
    head.click()
    expect(first_row(quiet)).to_have_text(f"X-{MANY - 1:03}")


def test_the_file_is_sorted_like_the_grid(quiet: Page, address: str) -> None:
    open_devices(quiet, address, "?site=2&q=x-")
    assert download(quiet)[0]["hostname"] == "X-000"
    head = quiet.locator(".ag-header-cell[col-id='hostname'] .ag-header-cell-label")
    head.click()
    head.click()
    expect(first_row(quiet)).to_have_text(f"X-{MANY - 1:03}")
    expect(quiet.locator("#devices-files .file-csv")).to_have_attribute(
        "href", re.compile("sort=-hostname")
    )
    rows = download(quiet)
    assert [rows[0]["hostname"], len(rows)] == [f"X-{MANY - 1:03}", MANY]


def test_one_source_alone_is_listed_and_exported_alike(quiet: Page, address: str) -> None:
    open_devices(quiet, address, "?basis=records&source=threatlocker")
    rows = download(quiet)
    assert len(rows) == devices_count(quiet)
    assert {row["source"] for row in rows} == {"threatlocker"}


def test_a_list_of_spares_shows_the_reason_column(quiet: Page, address: str) -> None:
    open_devices(quiet, address)
    expect(quiet.locator(".ag-header-cell[col-id='os']")).to_be_visible()
    expect(quiet.locator(".ag-header-cell[col-id='reason']")).to_have_count(0)
    open_devices(quiet, address, "?status=spare")
    expect(quiet.locator("[row-index='0'] [col-id='reason']")).to_have_text("it is spare")
    expect(quiet.locator(".ag-header-cell[col-id='os']")).to_have_count(0)


def test_changed_filters_reload_the_grid(quiet: Page, address: str) -> None:
    open_devices(quiet, address, "?site=2&q=x-")
    quiet.get_by_role("button", name="Next page").click()
    expect(quiet.locator("[row-index='100']").first).to_be_attached()
    quiet.locator("#chips a", has_text="x-").click()
    expect(quiet.locator("#devices-count")).not_to_have_text(f"{MANY} devices match")
    expect(quiet.locator(".ag-paging-row-summary-panel")).to_contain_text(
        f"1 to 100 of {devices_count(quiet)}"
    )
    quiet.locator("#filter-clear").click()
    expect(quiet.locator("#devices-about")).to_contain_text("Unique machines, 22 Nov 2026")
    expect(quiet.locator(".ag-center-cols-container [row-index='0']")).to_contain_text("(no site)")


def test_a_type_and_a_status_are_words_and_sources_have_names(quiet: Page, address: str) -> None:
    open_devices(quiet, address, f"?site={HARBOR}&q=H-SRV1")
    row = quiet.locator(".ag-center-cols-container [row-index='0']")
    expect(row.locator("[col-id='device_type'] .pill")).to_have_text("Server")
    expect(row.locator("[col-id='billing_status'] .pill")).to_have_text("Billable")
    expect(row.locator("[col-id='site']")).to_have_text(SITE_NAMES[HARBOR])
    expect(row.locator("[col-id='sources'] [title]")).to_have_count(2)
    expect(row.locator("[col-id='sources']")).to_contain_text("NinjaRMM")
    expect(row.locator("[col-id='last_contact']")).to_contain_text("20 Nov 2026")


def test_excluded_devices_show_on_request_only(quiet: Page, address: str) -> None:
    open_devices(quiet, address, "?status=excluded")
    assert devices_count(quiet) == 2
    pills = quiet.locator("[col-id='billing_status'] .pill")
    expect(pills).to_have_text(["Excluded", "Excluded"])
    # Two rows, their head and the pager, and no blank space.
    quiet.wait_for_function("document.querySelector('.grid-card').offsetHeight < 190")
    room = "(() => { const box = document.querySelector('.ag-body-viewport');"
    assert quiet.evaluate(f"{room} return box.scrollHeight <= box.clientHeight; }})()")


@pytest.mark.parametrize("wide", [1440, 1280])
def test_all_columns_fit_and_the_pager_is_on_the_screen(
    quiet: Page, address: str, wide: int
) -> None:
    quiet.set_viewport_size({"width": wide, "height": 900})
    open_devices(quiet, address)
    width = quiet.evaluate(
        "(() => { const box = document.querySelector('.ag-center-cols-viewport');"
        " return box.scrollWidth - box.clientWidth; })()"
    )
    assert width <= 0
    pager = quiet.locator(".ag-paging-panel").bounding_box()
    assert pager is not None and pager["y"] + pager["height"] <= 900
    row = first_row(quiet).bounding_box()
    assert row is not None and row["height"] == 40


def test_on_a_phone_nothing_covers_the_pager(quiet: Page, address: str) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    open_devices(quiet, address)
    assert quiet.evaluate("document.documentElement.scrollWidth") <= 390
    pager = quiet.locator(".ag-paging-panel").bounding_box()
    bar = quiet.locator(".bottom").bounding_box()
    assert pager is not None and bar is not None
    assert pager["y"] + pager["height"] <= bar["y"]
    quiet.get_by_role("button", name="Next page").click()
    expect(quiet.locator("[row-index='100']").first).to_be_attached()


def test_a_grid_says_that_it_loads_until_it_knows_how_many_rows_it_has(
    quiet: Page, address: str
) -> None:
    waiting = "getComputedStyle(document.querySelector('.ag-paging-panel'), '::before').content"
    held: list[Route] = []
    quiet.route(
        "**/_dash-update-component",
        lambda route: (
            held.append(route)
            if "getRowsResponse" in (route.request.post_data or "")
            else route.continue_()
        ),
    )
    quiet.goto(address + "/devices")
    expect(quiet.locator(".ag-paging-panel")).to_be_visible()
    expect(quiet.locator(".ag-paging-row-summary-panel")).not_to_be_visible()
    assert quiet.evaluate(waiting) == '"Loading devices\u2026"'
    while not held:
        quiet.wait_for_timeout(50)
    quiet.unroute("**/_dash-update-component")  # lets go what is held
    expect(quiet.locator(".ag-paging-row-summary-panel")).to_have_text(
        re.compile(r"1 to \d+ of \d+")
    )
    assert quiet.evaluate(waiting) == "none"


def test_a_past_day_says_that_no_last_contact_is_kept_instead_of_an_empty_column(
    quiet: Page, address: str
) -> None:
    head = quiet.locator(".ag-header-cell[col-id='last_contact']")
    about = quiet.locator("#devices-about")
    quiet.goto(address + "/devices")
    expect(head).to_be_attached()
    quiet.goto(address + "/devices?as_of=2026-11-10")
    expect(about).to_contain_text("Last contact is not kept for past days.")
    expect(quiet.locator(".ag-center-cols-container .ag-row").first).to_be_visible()
    expect(head).to_have_count(0)
    quiet.locator("#chips a", has_text="10 Nov").click()
    expect(head).to_be_attached()
    expect(about).not_to_contain_text("Last contact")


def test_no_match_shows_a_message_that_clears_the_filters(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/devices?q=nobody-has-this")
    expect(quiet.locator(".state")).to_contain_text("No device matches these filters")
    expect(quiet.locator("#devices-grid")).not_to_be_visible()
    quiet.locator(".state .btn").click()
    expect(quiet.locator(".ag-paging-panel")).to_be_visible()
    expect(first_row(quiet)).not_to_be_empty()


def test_rows_come_although_the_empty_answer_of_before_comes_after_they_were_asked_for(
    quiet: Page, address: str
) -> None:
    held: list[Route] = []

    quiet.goto(f"{address}/devices?q=nobody-has-this")
    expect(quiet.locator(".state")).to_contain_text("No device matches these filters")
    expect(quiet.locator("#devices-grid")).not_to_be_visible()
    quiet.route(
        "**/_dash-update-component",
        lambda route: held.append(route) if _asks_for_rows(route.request) else route.continue_(),
    )
    quiet.locator(".state .btn").click()
    while not held:
        quiet.wait_for_timeout(50)
    quiet.evaluate(
        "dash_clientside.set_props('devices-grid',"
        " {getRowsResponse: {rowData: [], rowCount: 0, number: 1}})"
    )
    quiet.unroute("**/_dash-update-component")  # lets go what is held
    expect(first_row(quiet)).not_to_be_empty()


def _asks_for_rows(request: Request) -> bool:
    return "getRowsResponse" in (request.post_data or "")


def test_an_empty_database_shows_what_to_do(quiet: Page, sqlite_engine: Engine) -> None:
    with serve_dashboard(sqlite_engine) as (address, _):
        quiet.goto(f"{address}/devices")
        expect(quiet.locator(".checklist li")).to_have_count(3)
        expect(quiet.locator("#devices-grid")).not_to_be_visible()


@pytest.mark.full
def test_html_in_names_is_shown_as_text(quiet: Page, migrated_file: Path, tmp_path: Path) -> None:
    world = World(dict(enumerate(HOSTILE, 1)))
    said = [
        DeviceState("ninja", str(number), number, hostname=name, display_name=name, location=name,
             os=name, serial=name)
        for number, name in enumerate(HOSTILE, 1)
    ]  # fmt: skip
    world.publish("ninja", TODAY, said)
    engine = save_to_copy(world, migrated_file, tmp_path)
    with serve_dashboard(engine) as (address, _):
        open_devices(quiet, address)
        assert devices_count(quiet) == len(HOSTILE)
        found = [text.strip() for text in hostnames(quiet).all_inner_texts()]
        assert set(found) >= set(HOSTILE[:3])
        assert max(map(len, found)) == 300
        assert quiet.locator("#devices-grid img").count() == 0
        assert quiet.evaluate("window.hit") is None
        files = {row["hostname"] for row in download(quiet)}
        assert files == {HOSTILE[0], HOSTILE[1], "'" + HOSTILE[2], HOSTILE[3]}
    engine.dispose()
