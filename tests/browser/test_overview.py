"""The Overview in Chromium: its numbers are the API's, and each opens exactly its devices."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, insert

from db.engine import writing
from db.tables import collection_runs
from tests.support.browser_pages import chart_traces
from tests.support.demo_dashboard import serve_dashboard
from tests.support.samples import some
from tests.support.worlds import (
    MONTH_END,
    TODAY,
    DeviceState,
    World,
    run_row,
    save_to_copy,
)

HOSTILE = ("<img src=x onerror=window.hit=1>", "__proto__", "=cmd|' /C calc'!A0", "y" * 10_000)


def open_overview(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/{query}")
    expect(page.locator("#kpi-counted .kpi-value")).not_to_be_empty()
    expect(page.locator("#sites-table tbody tr").first).to_be_visible()


def value(page: Page, key: str) -> int:
    return int(page.locator(f"#kpi-{key} .kpi-value").inner_text().replace(",", ""))


def listed(page: Page) -> int:
    """How many devices the list that has opened says it has."""
    page.wait_for_url("**/devices*")
    expect(page.locator("#devices-count")).not_to_be_empty()
    return int(page.locator("#devices-count").inner_text().split()[0].replace(",", ""))


def in_file(address: str, href: str) -> int:
    """How many devices the file behind a list has."""
    answer = requests.get(address + href.replace("/devices", "/export/devices.csv", 1), timeout=120)
    assert answer.status_code == 200, answer.text
    return len(answer.text.splitlines()) - 1


def test_the_numbers_equal_those_of_the_api(quiet: Page, address: str) -> None:
    open_overview(quiet, address)
    query = "basis=assets"
    billable = f"{query}&status=billable"
    found = requests.get(f"{address}/api/dashboard/comparison?{query}", timeout=120).json()
    now, change = found["today_totals"], found["changes"]
    paid = requests.get(f"{address}/api/dashboard/today?{billable}", timeout=120).json()["totals"]
    assert value(quiet, "counted") == now["billable_devices"] == paid["total_devices"]
    assert value(quiet, "server") == paid["servers"]
    assert value(quiet, "workstation") == paid["workstations"]
    assert value(quiet, "spare") == now["spare_devices"]
    moved = change["billable_devices"]["change"]
    said = quiet.locator("#kpi-counted .delta").inner_text().replace("\u2212", "-")
    assert int(said.split()[-1]) == moved
    sites = requests.get(f"{address}/api/dashboard/sites?{billable}", timeout=120).json()["items"]
    rows = {
        row.locator("th").inner_text(): row.locator("td").all_inner_texts()
        for row in quiet.locator("#sites-table tbody tr").all()
    }
    assert {name: (int(cells[0]), int(cells[1])) for name, cells in rows.items()} == {
        site["name"]: (site["total_devices"], site["previous"]) for site in sites
    }


def test_the_title_states_the_change_and_the_card_its_reason(quiet: Page, address: str) -> None:
    open_overview(quiet, address)
    expect(quiet.locator("#months-title")).to_contain_text("since 31 Oct")
    # H-NEW came and H-OLD went; H-SPARE became spare and M-SRV is excluded.
    expect(quiet.locator("#kpi-counted .kpi-line")).to_have_text(
        "\u22122 since 31 Oct: 1 added, 1 removed, 2 no longer billable"
    )
    expect(quiet.locator("#why-title")).to_have_text("1 in, 3 out since 31 Oct")


def test_every_segment_of_every_month_links_to_its_devices(quiet: Page, address: str) -> None:
    for query in ("", "?site=1&site=2", "?basis=records&status=billable&status=excluded"):
        open_overview(quiet, address, query)
        checked = 0
        for trace in chart_traces(quiet, "months-chart"):
            if trace["type"] == "bar":
                for count, href in zip(trace["y"], trace["to"], strict=True):
                    assert (count is None) == (href is None)
                    if href is not None:
                        assert in_file(address, href) == count, href
                        checked += 1
        assert checked >= 8


def test_a_click_on_a_segment_opens_its_devices_and_back_returns(quiet: Page, address: str) -> None:
    open_overview(quiet, address, "?site=1")
    workstations = chart_traces(quiet, "months-chart")[0]
    assert workstations["name"] == "Workstations"
    september = len(workstations["y"]) - 3
    bars = quiet.locator("#months-chart .trace.bars").first
    # Plotly listens above its bars.
    bars.locator(".point path").nth(september).click(force=True)
    assert listed(quiet) == workstations["y"][september]
    assert "as_of=2026-09-30" in quiet.url and "site=1" in quiet.url
    expect(quiet.locator("#devices-about")).to_contain_text("30 Sep 2026")
    quiet.go_back()
    expect(quiet.locator("#months-title")).to_contain_text("since 31 Oct")
    assert urlsplit(quiet.url).query == "site=1"


def test_a_row_that_is_drawn_anew_while_it_is_pressed_opens_its_site(
    quiet: Page, address: str
) -> None:
    open_overview(quiet, address)
    row = quiet.locator("#sites-table .row-link").first
    row.scroll_into_view_if_needed()
    site = row.get_attribute("href") or ""
    row.hover()
    quiet.mouse.down()
    # As an answer that comes late after Back.
    quiet.evaluate("document.querySelector('#sites-table [data-drawn]').dataset.drawn += ' '")
    quiet.mouse.up()
    quiet.wait_for_url(f"**{site}")


def test_a_name_and_a_row_open_the_site_and_a_mover_its_changes(quiet: Page, address: str) -> None:
    open_overview(quiet, address)
    mover = quiet.locator(".mover").first
    name, moved = mover.locator(".mover-name").inner_text(), mover.locator(".mover-change")
    site = mover.locator(".mover-name").get_attribute("href") or ""
    change = moved.get_attribute("data-count") or ""
    moved.click()
    expect(quiet.locator("#changes-summary")).to_have_text(
        re.compile(f"^{re.escape(change)} since")
    )
    open_overview(quiet, address)
    # Anywhere in the row: the link of its name lies under the numbers alone.
    row = quiet.locator("#sites-table tbody tr", has_text=name)
    row.locator("td.trend").click(force=True)
    expect(quiet).to_have_url(f"{address}{site}")
    expect(quiet.locator("h1").first).to_have_text(name)


def test_the_waterfall_adds_up_and_its_ends_open_their_devices(quiet: Page, address: str) -> None:
    open_overview(quiet, address)
    bars, labels = chart_traces(quiet, "why-chart")
    numbers = [int(text.replace("\u2212", "-")) for text in labels["text"]]
    assert sum(numbers[:-1]) == numbers[-1] == value(quiet, "counted")
    assert in_file(address, bars["to"][0]) == numbers[0]
    assert in_file(address, bars["to"][-1]) == numbers[-1]
    assert f"as_of={MONTH_END}" in bars["to"][0]


def test_a_column_head_sorts_the_sites_and_a_second_click_reverses_the_order(
    quiet: Page, address: str
) -> None:
    open_overview(quiet, address)
    names = quiet.locator("#sites-table tbody th")
    by_name = sorted(names.all_inner_texts(), key=str.casefold)
    quiet.locator("#sites-sort-name").click()
    expect(names).to_have_text(by_name)
    expect(quiet.locator("#sites-head-name")).to_have_attribute("aria-sort", "ascending")
    quiet.locator("#sites-sort-name").click()
    expect(names).to_have_text(by_name[::-1])
    quiet.locator("#sites-sort-now").click()
    expect(quiet.locator("#sites-head-now")).to_have_attribute("aria-sort", "descending")
    expect(quiet.locator("#sites-head-name")).to_have_attribute("aria-sort", "none")
    expect(names.first).to_have_text("Harbor Dental")
    counts = [int(row.inner_text()) for row in quiet.locator("#sites-table td:nth-child(2)").all()]
    assert counts == sorted(counts, reverse=True)


def test_the_legend_counts_the_shown_day_and_opens_its_devices(quiet: Page, address: str) -> None:
    open_overview(quiet, address, "?basis=records")
    bars = [trace for trace in chart_traces(quiet, "months-chart") if trace["type"] == "bar"]
    entries = quiet.locator(".legend-entry").all()
    said = [entry.inner_text().split("\n") for entry in entries]
    assert [name for name, _ in said] == [trace["name"] for trace in bars]
    for entry, (_, count), trace in zip(entries, said, bars, strict=True):
        assert int(count) == trace["y"][-1]
        assert in_file(address, entry.get_attribute("href") or "") == int(count)


def test_the_first_screen_shows_the_cards_both_charts_and_the_top_of_the_waterfall(
    quiet: Page, address: str
) -> None:
    open_overview(quiet, address)
    chart_traces(quiet, "why-chart")
    for name in ("#overview-kpis", "#months", "#movers"):
        box = quiet.locator(name).bounding_box()
        assert box is not None and box["y"] + box["height"] <= 900, name
    box = quiet.locator("#why-chart").bounding_box()
    assert box is not None and box["y"] <= 820


@pytest.mark.full
@pytest.mark.parametrize("width", some([390, 768, 1440], 2))
def test_no_width_needs_horizontal_scrolling(quiet: Page, address: str, width: int) -> None:
    quiet.set_viewport_size({"width": width, "height": 844})
    open_overview(quiet, address)
    chart_traces(quiet, "why-chart")
    assert quiet.evaluate("document.documentElement.scrollWidth") <= width


def test_a_day_before_the_first_snapshot_has_no_numbers_and_no_zeros(
    page: Page, address: str
) -> None:
    page.goto(f"{address}/?basis=agent&compare_to=2026-10-31")
    expect(page.locator("#kpi-counted .kpi-line")).to_have_text("No count for 31 Oct")
    expect(page.locator("#months-title")).to_contain_text("nothing to compare with")
    expect(page.locator("#kpi-added .kpi-value")).to_have_text("\u2013")
    assert value(page, "counted") == 1


def test_no_match_shows_a_message_with_a_link_back(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/?q=nobody-has-this")
    expect(quiet.locator(".state")).to_contain_text("No device matches these filters")
    expect(quiet.locator("#months")).not_to_be_visible()
    quiet.locator(".state .btn").click()
    expect(quiet.locator("#kpi-counted")).to_be_visible()
    expect(quiet.locator(".state")).not_to_be_visible()


def test_an_empty_database_shows_what_to_do_and_what_failed(
    quiet: Page, sqlite_engine: Engine
) -> None:
    with serve_dashboard(sqlite_engine) as (address, _):
        quiet.goto(address)
        steps = quiet.locator(".checklist li")
        expect(steps).to_have_count(3)
        expect(steps.nth(1)).to_contain_text("inventory-hub collect")
        expect(quiet.locator(".step-done")).to_have_count(0)
        expect(quiet.locator("#months")).not_to_be_visible()
        failed = run_row("ninja", TODAY, state="failed", published=False,
                         reason="NinjaRMM answered 401: check NINJA_CLIENT_SECRET")  # fmt: skip
        with writing(sqlite_engine) as connection:
            connection.execute(insert(collection_runs), [failed])
        quiet.reload()
        expect(quiet.locator(".step-trouble")).to_contain_text("check NINJA_CLIENT_SECRET")
        expect(quiet.locator(".step-done")).to_have_count(1)


@pytest.mark.full
def test_html_in_names_is_shown_as_text(quiet: Page, migrated_file: Path, tmp_path: Path) -> None:
    world = World(dict(enumerate(HOSTILE, 1)))
    first = [DeviceState("ninja", str(number), number, hostname=name)
             for number, name in enumerate(HOSTILE, 1)]  # fmt: skip
    more = [replace(one, key=f"{one.key}-new") for one in first]
    world.publish("ninja", MONTH_END, first)
    world.publish("ninja", TODAY, first + more)
    engine = save_to_copy(world, migrated_file, tmp_path)
    with serve_dashboard(engine, datetime(2026, 11, 22, 9, tzinfo=UTC)) as (address, _):
        open_overview(quiet, address)
        expect(quiet.locator(".mover-name").filter(has_text="onerror")).to_have_text(HOSTILE[0])
        shown_names = set(quiet.locator("#sites-table tbody th").all_inner_texts())
        assert shown_names >= set(HOSTILE[:3])
        chart_traces(quiet, "months-chart")
        assert quiet.evaluate("window.hit") is None
        assert quiet.evaluate("document.documentElement.scrollWidth") <= 1440
        assert quiet.locator(".overview img[src='x']").count() == 0
    engine.dispose()


def test_a_month_with_a_gap_is_marked_incomplete_in_the_chart(
    quiet: Page, migrated_file: Path, tmp_path: Path
) -> None:
    world = World({1: "Harbor Dental"})
    said = [DeviceState("ninja", "1", 1)]
    for day in (date(2026, 8, 31), MONTH_END, TODAY):
        world.publish("ninja", day, said)
    engine = save_to_copy(world, migrated_file, tmp_path)
    with serve_dashboard(engine) as (address, _):
        open_overview(quiet, address)
        expect(quiet.locator("#months-subtitle")).to_contain_text("Incomplete: Sep 2026")
        assert "1*" in chart_traces(quiet, "months-chart")[-1]["text"]
        assert "no<br>data" in chart_traces(quiet, "months-chart")[-1]["text"]
    engine.dispose()
