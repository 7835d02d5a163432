"""The pages of machines in Chromium: figures, bars, grid, file and address say the same, live."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import Engine, insert, select, update
from werkzeug.serving import make_server

from dashboard.app import create_app
from db.engine import writing
from db.settings import load
from db.tables import agent_hours, inventory
from tests.support.api_server import NOW, serve_in_thread
from tests.support.demo_dashboard import ENVIRON
from tests.support.files import csv_rows
from tests.support.machines import insert_machines, machine_id

HOSTILE = ("<img src=x onerror=window.hit=1>", '=HYPERLINK("http://x.test")', "__proto__")
MANY = 230


class Hub:
    """A served dashboard whose clock the test sets."""

    address = ""
    now = NOW


@contextmanager
def serve_machines(engine: Engine, **settings: str) -> Iterator[Hub]:
    hub = Hub()
    app = create_app(engine, clock=lambda: hub.now, settings=load(ENVIRON | settings))
    with serve_in_thread(make_server("127.0.0.1", 0, app.server, threaded=True)) as hub.address:
        yield hub


def fleet(engine: Engine) -> None:
    """Many machines, some late, some offline, one of them two."""
    minutes = {0: 1, 1: 5, 2: 600}
    insert_machines(
        engine,
        *(
            {
                "hostname": f"ws-{n:03}", "received_at": NOW - timedelta(minutes=minutes[n % 3]),
                "created_at": NOW - timedelta(days=n), "os": ("windows", "linux")[n % 2],
                "os_version": f"Version {n % 11}", "site": ("Harbor Dental", "Müller", None)[n % 3],
                "serial": f"SER{n}", "ip": f"10.0.0.{n}", "cpu_percent": n % 100,
                "memory_total_mb": 1024, "memory_used_mb": n, "agent_version": "1.0.0",
                "computer_activation": NOW - timedelta(days=20 * n) if n % 2 else None,
            }
            for n in range(MANY)
        ),
        {"hostname": "twins", "received_at": NOW, "os": "linux", "os_version": "Version 1",
         "stream": "stream-one", "other_stream": "stream-two", "clock_skew_seconds": 400,
         "stream_since": NOW - timedelta(minutes=2), "clone_seen_at": NOW - timedelta(minutes=2)},
    )  # fmt: skip


@pytest.fixture
def hub(sqlite_engine: Engine) -> Iterator[Hub]:
    fleet(sqlite_engine)
    with serve_machines(sqlite_engine) as found:
        yield found


def open_machines(page: Page, hub: Hub, query: str = "") -> None:
    page.goto(f"{hub.address}/machines{query}")
    expect(names(page).first).not_to_be_empty()
    expect(page.locator("#charts .ranked-line").first).to_be_visible()


def names(page: Page) -> Locator:
    return page.locator(".ag-pinned-left-cols-container .ag-row .cell-link")


def cell(page: Page, column: str, row: int = 0) -> Locator:
    return page.locator(f"[row-index='{row}'] [col-id='{column}']")


def count(page: Page) -> int:
    expect(page.locator("#machines-count")).not_to_be_empty()
    return int(page.locator("#machines-count").inner_text().split()[0].replace(",", ""))


def download(page: Page) -> list[dict[str, str]]:
    with page.expect_download() as found:
        page.locator("#machines-files .file-csv").click()
    return csv_rows(Path(found.value.path()).read_bytes())


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_each_state_opens_its_list_its_explanation_and_its_export(quiet: Page, hub: Hub) -> None:
    open_machines(quiet, hub)
    assert count(quiet) == MANY + 1
    said = {
        state: number(quiet.locator(f"#kpi-{state} .kpi-value").inner_text())
        for state in ("online", "late", "offline")
    }
    assert sum(said.values()) == MANY + 1
    for state, n in said.items():
        quiet.locator(f"#kpi-{state}").click()
        expect(quiet.locator("#machines-count")).to_have_text(f"{n} machines match")
        expect(quiet.locator(".ag-paging-row-summary-panel")).to_contain_text(f"of {n}")
        rows = download(quiet)
        assert len(rows) == n and {row["state"] for row in rows} == {state}
        quiet.locator(f".kpi-place.{state} .why").click()
        expect(quiet.locator(".drawer-figure")).to_have_text(f"{n} {state}")
        expect(quiet.locator(".drawer-body")).to_contain_text(f"{n} {state}")
        quiet.locator("#drawer-close").click()


def test_every_bar_opens_as_many_machines_as_it_counts(quiet: Page, hub: Hub) -> None:
    open_machines(quiet, hub, "?top=5")
    for chart in ("os", "version", "age"):
        told = quiet.locator(f"#machines-{chart} a.ranked-line").evaluate_all(
            "bars => bars.map(one => [one.getAttribute('href'),"
            " one.querySelector('.ranked-n').textContent])"
        )
        assert sum(number(n) for _href, n in told) == MANY + 1
        for href, n in told:
            query = href.partition("?")[2].removesuffix("&top=5")
            answer = quiet.request.get(f"{hub.address}/api/machines?{query}&limit=1").json()
            assert answer["count"] == number(n), href


def test_a_bar_is_one_click_and_back_returns(quiet: Page, hub: Hub) -> None:
    open_machines(quiet, hub)
    quiet.locator("#machines-os .ranked-line", has_text="linux").click()
    expect(quiet.locator("#chips .chip")).to_have_text("Linux")
    expect(quiet.locator("#machines-count")).to_have_text("116 machines match")
    quiet.go_back()
    expect(quiet.locator("#machines-count")).to_have_text(f"{MANY + 1} machines match")
    quiet.locator("#machines-version .top-choice", has_text="20").click()
    expect(quiet.locator("#machines-version .ranked-line")).to_have_count(11)
    assert query_of(quiet) == {"top": ["20"]}


def test_the_sort_order_is_kept_in_the_address_and_in_the_file(quiet: Page, hub: Hub) -> None:
    open_machines(quiet, hub)
    head = quiet.locator(".ag-header-cell[col-id='memory_percent'] .ag-header-cell-label")
    head.click()
    head.click()
    expect(names(quiet).first).to_have_text(f"ws-{MANY - 1}")
    quiet.wait_for_url("**/machines?sort=-memory_percent")
    assert download(quiet)[0]["hostname"] == f"ws-{MANY - 1}"
    quiet.reload()
    expect(names(quiet).first).to_have_text(f"ws-{MANY - 1}")
    expect(quiet.locator(".ag-header-cell[col-id='memory_percent']")).to_have_attribute(
        "aria-sort", "descending"
    )
    quiet.go_back()
    expect(quiet.locator(".ag-header-cell[col-id='memory_percent']")).to_have_attribute(
        "aria-sort", "ascending"
    )
    expect(names(quiet).first).to_have_text("ws-000")


def test_fields_search_and_chips_agree_with_the_address(quiet: Page, hub: Hub) -> None:
    open_machines(quiet, hub)
    expect(quiet.locator(".field:visible label")).to_have_text(
        ["State", "Reported site", "Operating system"]
    )
    quiet.locator("#machines-field-site").click()
    quiet.get_by_role("checkbox", name="Müller").click()
    quiet.keyboard.press("Escape")
    expect(quiet.locator("#chips .chip")).to_have_text("Müller")
    quiet.keyboard.press("/")
    quiet.keyboard.type("WS-10")
    quiet.keyboard.press("Enter")
    expect(quiet.locator("#chips .chip")).to_have_text(["Müller", "“WS-10”"])
    assert query_of(quiet) == {"q": ["WS-10"], "site": ["Müller"]}
    expect(quiet.locator("#machines-count")).to_have_text(re.compile(r"^[34] machines match"))
    assert {row["site"] for row in download(quiet)} == {"Müller"}
    quiet.locator("#filter-clear").click()
    expect(quiet.locator("#machines-count")).to_have_text(f"{MANY + 1} machines match")
    open_machines(quiet, hub, "?site=")
    expect(quiet.locator("#chips .chip")).to_have_text("(none)")
    expect(quiet.locator("#machines-field-site")).to_contain_text("(none)")


def test_filters_of_other_pages_do_not_apply_here_and_are_kept_for_them(
    quiet: Page, hub: Hub
) -> None:
    quiet.goto(f"{hub.address}/devices?basis=ninja&q=abc")
    expect(quiet.locator("#chips .chip")).to_have_count(2)
    quiet.locator(".pages a", has_text="Agents").click()
    expect(names(quiet).first).not_to_be_empty()
    assert urlsplit(quiet.url).query == ""
    expect(quiet.locator("#machines-about")).to_contain_text("do not apply here")
    expect(quiet.locator("#chips .chip")).to_have_count(0)
    quiet.locator("#kpi-late").click()
    expect(quiet.locator("#chips .chip")).to_have_text("Late")
    quiet.locator(".pages a", has_text="Devices").click()
    expect(quiet.locator("#chips .chip")).to_have_count(2)
    assert query_of(quiet) == {"basis": ["ninja"], "q": ["abc"]}
    open_machines(quiet, hub, "?as_of=2026-01-01")
    assert count(quiet) == MANY + 1


def test_what_a_grid_says_after_its_page_was_left_is_ignored(quiet: Page, hub: Hub) -> None:
    open_machines(quiet, hub)
    quiet.evaluate("window.left = dash_ag_grid.getApi('machines-grid')")
    quiet.locator(".pages a", has_text="Sites").click()
    expect(quiet.locator("#machines-grid")).to_have_count(0)
    quiet.wait_for_function("window.left.isDestroyed()")
    quiet.evaluate("document.dispatchEvent(new CustomEvent('hubgrid', { detail: window.left }))")


def test_an_invalid_state_shows_an_error_with_the_valid_ones(quiet: Page, hub: Hub) -> None:
    quiet.goto(f"{hub.address}/machines?state=asleep")
    expect(quiet.locator("#strip .error")).to_contain_text("use one of online, late, offline")
    quiet.locator("#strip a").click()
    expect(quiet.locator("#machines-count")).to_have_text(f"{MANY + 1} machines match")


def test_a_refresh_keeps_page_and_scroll_position(
    quiet: Page, hub: Hub, sqlite_engine: Engine
) -> None:
    open_machines(quiet, hub)
    quiet.get_by_role("button", name="Next page").click()
    expect(quiet.locator("[row-index='113'] .cell-link")).to_have_text("ws-112")
    place = ".ag-body-viewport"
    quiet.evaluate(f"document.querySelector('{place}').scrollTop = 400")
    quiet.evaluate("dash_ag_grid.getApi('machines-grid').setFocusedCell(113, 'serial')")
    quiet.evaluate("window.kept = document.querySelector('[row-index=\"113\"] [col-id=serial]')")
    cell(quiet, "serial", 113).evaluate("cell => getSelection().selectAllChildren(cell)")
    hub.now = NOW + timedelta(minutes=1)
    with writing(sqlite_engine) as connection:
        connection.execute(
            update(inventory).where(inventory.c.hostname == "ws-112")
            .values(cpu_percent=77.0, received_at=hub.now)
        )  # fmt: skip
    top = quiet.evaluate(f"document.querySelector('{place}').scrollTop")
    assert top > 300
    quiet.evaluate("dash_clientside.set_props('machines-tick', {n_intervals: 1000})")
    expect(cell(quiet, "cpu_percent", 113)).to_contain_text("77")
    expect(cell(quiet, "state", 113)).to_contain_text("Online")
    expect(quiet.locator("#machines-about")).to_contain_text("14:31:00")
    assert quiet.evaluate(f"document.querySelector('{place}').scrollTop") == top
    assert quiet.evaluate("window.kept.isConnected")
    assert quiet.evaluate("getSelection().toString()").strip() == "SER112"
    expect(quiet.locator(".ag-cell-focus")).to_have_attribute("col-id", "serial")
    expect(quiet.locator(".ag-paging-row-summary-panel")).to_contain_text("101 to 200")


def test_a_new_machine_appears_without_a_reload(
    quiet: Page, hub: Hub, sqlite_engine: Engine
) -> None:
    open_machines(quiet, hub)
    insert_machines(sqlite_engine, {"hostname": "a newborn"})
    quiet.evaluate("dash_clientside.set_props('machines-tick', {n_intervals: 1000})")
    expect(quiet.locator("#machines-count")).to_have_text(f"{MANY + 2} machines match")
    expect(names(quiet).first).to_have_text("a newborn")


def test_two_machines_behind_one_id_are_marked_and_explained(quiet: Page, hub: Hub) -> None:
    open_machines(quiet, hub)
    quiet.locator(".machine-clones a").click()
    expect(quiet.locator("#machines-count")).to_have_text("1 machine matches")
    mark = quiet.locator(".machine-name .pill")
    expect(mark).to_have_text("two machines")
    expect(mark).to_have_attribute("title", re.compile("delete its state file"))
    names(quiet).first.click()
    card = quiet.locator(".clone-card")
    expect(card).to_contain_text("stream-one")
    expect(card).to_contain_text("stream-two")
    expect(quiet.locator(".one-machine .alert")).to_contain_text("7 minutes ahead of this server's")


def day_of(engine: Engine, hostname: str) -> None:
    with writing(engine) as connection:
        device = connection.execute(
            select(inventory.c.device_id).where(inventory.c.hostname == hostname)
        ).scalar_one()
        for hours in range(24):
            if hours in (3, 4):
                continue
            values: dict[str, Any] = {
                "device_id": device, "hour": NOW.replace(minute=0) - timedelta(hours=hours),
                "n": 2, "cpu_n": 2, "cpu_sum": 20.0, "cpu_max": 10.0 + hours, "memory_n": 2,
                "memory_sum": 100.0, "memory_max": 60.0,
            }  # fmt: skip
            connection.execute(insert(agent_hours).values(values))


def test_the_day_of_one_machine_shows_its_gaps(
    quiet: Page, hub: Hub, sqlite_engine: Engine
) -> None:
    day_of(sqlite_engine, "ws-004")
    open_machines(quiet, hub, "?q=ws-004")
    names(quiet).first.click()
    expect(quiet.locator("h1")).to_have_text("ws-004")
    expect(quiet.locator("#machine-cpu-title")).to_have_text("CPU: 10% on average, at most 33%")
    expect(quiet.locator("#machine-memory-title")).to_contain_text("50% on average, at most 60%")
    expect(quiet.locator("#machine-cpu-subtitle")).to_contain_text("2 hours without a report")
    drawn = quiet.locator("#machine-cpu-chart .js-plotly-plot").evaluate(
        "plot => plot.data.map(one => Array.from(one.y))"
    )
    assert [values.count(None) for values in drawn] == [2, 2]
    assert drawn[1][-4] is None and drawn[1][-1] == 10
    expect(quiet.locator("#machine-cpu-chart .shapelayer path")).to_have_count(2)
    expect(quiet.locator(".title-about")).to_contain_text("next daily collection adds it")
    quiet.locator(".title-about a", has_text="All machines").click()
    assert query_of(quiet) == {"q": ["ws-004"]}


def test_an_unknown_machine_shows_a_message(quiet: Page, hub: Hub) -> None:
    quiet.on("console", lambda message: None)
    answer = quiet.request.get(f"{hub.address}/machines/{machine_id('nobody')}")
    assert answer.status == 404
    open_machines(quiet, hub)
    quiet.evaluate(f"hubAddress.open('/machines/{machine_id('nobody')}', '')")
    expect(quiet.locator(".state-title")).to_have_text("There is no machine with this id")


def test_an_empty_database_shows_how_to_enrol_machines(quiet: Page, sqlite_engine: Engine) -> None:
    with serve_machines(sqlite_engine) as hub:
        quiet.goto(f"{hub.address}/machines")
        expect(quiet.locator(".checklist li")).to_have_count(3)
        expect(quiet.locator(".state")).to_contain_text("inventory-hub token add --kind enrol")
        expect(quiet.locator("#machines-grid")).not_to_be_visible()
        insert_machines(sqlite_engine, {"hostname": "first"})
        quiet.evaluate("dash_clientside.set_props('machines-tick', {n_intervals: 1000})")
        expect(names(quiet)).to_have_text("first")


def test_rows_that_follow_an_empty_list_are_shown_whatever_dash_ag_grid_forgets(
    quiet: Page, sqlite_engine: Engine
) -> None:
    # A render at the wrong moment cancels the timer in which dash-ag-grid passes them on; here it
    # never does.
    timer = "const at=ne.current;at&&at.successCallback(ge,Ve)"

    def without_timer(route: Route) -> None:
        body = route.fetch().text()
        assert timer in body, "dash-ag-grid has another version: must libraries.js still do it?"
        route.fulfill(body=body.replace(timer, ""), content_type="application/javascript")

    quiet.route(re.compile("dash_ag_grid.*async-community"), without_timer)
    with serve_machines(sqlite_engine) as hub:
        with quiet.expect_response(
            lambda answer: "getRowsResponse" in (answer.request.post_data or "")
        ):
            quiet.goto(f"{hub.address}/machines")
        expect(quiet.locator(".checklist li")).to_have_count(3)
        insert_machines(sqlite_engine, {"hostname": "first"})
        quiet.evaluate("dash_clientside.set_props('machines-tick', {n_intervals: 1000})")
        expect(names(quiet)).to_have_text("first")


def test_html_in_reported_facts_is_shown_as_text(quiet: Page, sqlite_engine: Engine) -> None:
    texts = ("hostname", "ip", "os", "os_version", "computer_model", "agent_version", "serial",
             "manufacturer", "logged_in_user", "site", "stream", "other_stream")  # fmt: skip
    ids = insert_machines(
        sqlite_engine,
        *(
            dict.fromkeys(texts, name[:36])
            | {"mac_addresses": f'["{name[:4]}"]', "clone_seen_at": NOW, "stream_since": NOW,
               "machine_id": machine_id(name)}
            for name in HOSTILE
        ),
    )  # fmt: skip
    with serve_machines(sqlite_engine) as hub:
        open_machines(quiet, hub)
        assert set(names(quiet).all_inner_texts()) == {name[:36] for name in HOSTILE}
        for name in HOSTILE:
            quiet.locator("#machines-version .ranked-line", has_text=name[:36]).click()
            expect(quiet.locator("#machines-count")).to_have_text("1 machine matches")
            quiet.go_back()
            expect(quiet.locator("#machines-count")).to_have_text("3 machines match")
        for key in ids:
            quiet.goto(f"{hub.address}/machines/{key}")
            expect(quiet.locator(".clone-card")).to_be_visible()
            assert quiet.locator("main img").count() == 0
        quiet.goto(f"{hub.address}/report")
        assert quiet.locator("img").count() == 0
        assert quiet.evaluate("window.hit") is None


def test_open_ingest_shows_a_warning_on_every_page(quiet: Page, sqlite_engine: Engine) -> None:
    with serve_machines(sqlite_engine, INGEST_AUTH="open") as hub:
        for path in ("/", "/devices", "/machines", "/collections"):
            quiet.goto(hub.address + path)
            expect(quiet.locator("#strip .warning")).to_contain_text("INGEST_AUTH=token")
        quiet.goto("about:blank")
    with serve_machines(sqlite_engine) as hub:
        quiet.goto(f"{hub.address}/machines")
        expect(quiet.locator(".state")).to_be_visible()
        expect(quiet.locator("#strip .warning")).to_have_count(0)


def test_charts_lead_to_the_charts_and_a_phone_sees_all(quiet: Page, hub: Hub) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    quiet.goto(f"{hub.address}/charts?top=5")
    expect(quiet.locator("#charts .card").first).to_be_in_viewport()
    assert quiet.evaluate("document.documentElement.scrollWidth") <= 390
    quiet.locator(".ag-paging-panel").scroll_into_view_if_needed()
    quiet.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    pager = quiet.locator(".ag-paging-panel").bounding_box()
    bar = quiet.locator(".bottom").bounding_box()
    assert pager is not None and bar is not None
    assert pager["y"] + pager["height"] <= bar["y"]
    quiet.locator("#bottom-filters").click()
    expect(quiet.locator("#machines-field-state")).to_be_visible()


def test_all_columns_fit(quiet: Page, hub: Hub) -> None:
    open_machines(quiet, hub)
    width = quiet.evaluate(
        "(() => { const box = document.querySelector('.ag-center-cols-viewport');"
        " return box.scrollWidth - box.clientWidth; })()"
    )
    assert width <= 0
