"""The shell in Chromium: the address is the state, nothing breaks, nothing leaves the machine."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import Engine, select, update

from db import users
from db.engine import reading, writing
from db.roles import VIEWER
from db.tables import collection_runs, sites
from tests.conftest import BROWSER_PATIENCE
from tests.support.browser_pages import press_at_once, settled
from tests.support.demo_dashboard import ENVIRON, NOW, serve_dashboard
from tests.support.samples import some


@pytest.fixture(scope="module")
def address(demo_engine: Engine) -> Iterator[str]:
    with serve_dashboard(demo_engine) as (address, _):
        yield address


def site_of(engine: Engine) -> tuple[int, str]:
    with reading(engine) as connection:
        row = connection.execute(
            select(sites.c.site_id, sites.c.name).order_by(sites.c.name)
        ).first()
    assert row is not None
    return row.site_id, row.name


@pytest.mark.parametrize(
    ("path", "theme", "width"),
    some(product(["/", "/devices"], ["light", "dark"], [1440, 390]), 3),
)
def test_every_page_loads_without_console_errors_or_horizontal_scrolling(
    quiet: Page, address: str, path: str, theme: str, width: int
) -> None:
    quiet.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    quiet.set_viewport_size({"width": width, "height": 844})
    quiet.goto(address + path)
    expect(quiet.locator("#stamp")).to_contain_text("as of 22 Nov 2026")
    settled(quiet)
    assert quiet.evaluate("document.documentElement.dataset.bsTheme") == theme
    assert quiet.evaluate("document.documentElement.scrollWidth") <= width


def test_a_filter_goes_into_the_address_and_survives_a_reload(
    quiet: Page, address: str, demo_engine: Engine
) -> None:
    site, name = site_of(demo_engine)
    quiet.goto(address + "/")
    expect(quiet.locator("#stamp")).to_contain_text("complete")
    quiet.locator("#filter-site").click()
    quiet.get_by_role("checkbox", name=name, exact=True).click()
    quiet.keyboard.press("Escape")
    expect(quiet.locator("#chips")).to_have_text(name)
    assert parse_qs(urlsplit(quiet.url).query) == {"site": [str(site)]}
    quiet.reload()
    expect(quiet.locator("#chips")).to_have_text(name)
    expect(quiet.locator("#filter-site")).to_contain_text(name)
    quiet.locator("#filter-clear").click()
    expect(quiet.locator("#chips")).to_have_text("")
    assert urlsplit(quiet.url).query == ""
    quiet.go_back()
    expect(quiet.locator("#chips")).to_have_text(name)
    expect(quiet.locator("#filter-site")).to_contain_text(name)


def test_an_invalid_address_shows_what_is_wrong_and_a_way_out(page: Page, address: str) -> None:
    page.goto(address + "/?as_of=2031-01-01")
    expect(page.locator("#strip")).to_contain_text("1 Jan 2031 is in the future")
    page.get_by_role("link", name="Clear all filters").click()
    expect(page.locator("#stamp")).to_contain_text("as of 22 Nov 2026")
    expect(page.locator("#strip")).not_to_contain_text("future")


@pytest.mark.parametrize(
    ("query", "said"),
    some(
        [
            ("site=abc", "site is 'abc'"),
            ("basis=foo", "basis is 'foo'"),
            ("type=foo", "type is 'foo'"),
            ("foo=1", "'foo' is not a parameter"),
            ("as_of=2026-11-01&as_of=2026-11-02", "as_of is given 2 times"),
        ],
        2,
    ),
)
def test_an_invalid_filter_never_shows_the_unfiltered_fleet(
    quiet: Page, address: str, query: str, said: str
) -> None:
    quiet.goto(f"{address}/?{query}")
    expect(quiet.locator("#strip")).to_contain_text(said)
    expect(quiet.locator("#page")).to_be_hidden()
    settled(quiet)
    assert urlsplit(quiet.url).query == query
    quiet.get_by_role("link", name="Clear all filters").click()
    expect(quiet.locator("#page")).to_be_visible()
    expect(quiet.locator("#kpi-counted .kpi-value")).not_to_be_empty()


def test_an_unknown_site_in_the_address_stays_selected(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/?site=999999")
    expect(quiet.locator("#chips")).to_have_text("site 999999")
    assert urlsplit(quiet.url).query == "site=999999"


def test_removing_a_chip_updates_address_and_figures_together(
    quiet: Page, address: str, demo_engine: Engine
) -> None:
    site, name = site_of(demo_engine)
    quiet.goto(f"{address}/?site={site}")
    figure = quiet.locator("#kpi-counted .kpi-value")
    expect(figure).not_to_be_empty()
    before = figure.inner_text()
    quiet.locator("#filter-site").click()
    quiet.get_by_role("checkbox").nth(1).click()
    quiet.keyboard.press("Escape")
    expect(quiet.locator("#chips a")).to_have_count(2)
    expect(figure).not_to_have_text(before)
    # The address is again the one that the page was opened with.
    quiet.locator("#chips a").filter(has_not_text=name).click()
    expect(quiet.locator("#chips")).to_have_text(name)
    expect(figure).to_have_text(before)
    assert urlsplit(quiet.url).query == f"site={site}"
    quiet.go_back()
    expect(quiet.locator("#chips a")).to_have_count(2)
    expect(figure).not_to_have_text(before)


def test_a_search_can_be_made_again_after_it_was_cleared(quiet: Page, address: str) -> None:
    quiet.goto(f"{address}/devices")
    expect(quiet.locator("#stamp")).to_contain_text("complete")
    for _ in range(2):
        quiet.locator("#search-text").fill("spare")
        quiet.keyboard.press("Enter")
        expect(quiet.locator("#chips")).to_contain_text("spare")
        quiet.locator("#filter-clear").click()
        expect(quiet.locator("#chips")).to_have_text("")
        expect(quiet.locator("#search-text")).to_have_value("")


TYPE = """text => {
  const box = document.querySelector('#search-text');
  box.focus();
  for (let length = 1; length <= text.length; length++) {
    box.setRangeText(text[length - 1], length - 1, length - 1, 'end');
    box.dispatchEvent(new Event('input', {bubbles: true}));
  }
}"""
"""Type a text in one go, without a pause between two keys however busy the machine is."""


def test_the_search_box_suggests_sites_and_devices_while_somebody_types(
    quiet: Page, demo_engine: Engine, address: str
) -> None:
    site_id, name = site_of(demo_engine)
    asked: list[str] = []
    quiet.on("request", lambda it: asked.append(it.url) if "/api/search" in it.url else None)
    quiet.goto(address + "/")
    expect(quiet.locator("#stamp")).to_contain_text("complete")
    box, options = quiet.locator("#search-text"), quiet.locator(".suggestion")
    quiet.evaluate(TYPE, name.upper()[:8])
    expect(quiet.locator("#suggestions")).to_contain_text("Sites")
    expect(options.first).to_have_text(name)
    assert 2 <= options.count() <= 8
    assert len(asked) == 1, "one request for what was typed in one go"
    quiet.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    quiet.keyboard.press("ArrowDown")
    quiet.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    quiet.keyboard.press("Enter")
    quiet.wait_for_url(f"**/sites/{site_id}")
    expect(quiet.locator("#suggestions")).to_be_hidden()

    # An answer that comes late does not replace a newer one; Enter alone lists all that match.
    late: list[Route] = []
    quiet.route("**/api/search?q=ze*", lambda route: late.append(route))
    box.fill("")
    with quiet.expect_request("**/api/search?q=ze*"):
        box.press_sequentially("ze")
    box.fill(name[:6])
    expect(options.first).to_have_text(name)
    for route in late:
        route.fulfill(json={"sites": [{"site_id": 1, "name": "Too late"}], "devices": []})
    expect(options.first).to_have_text(name)
    quiet.keyboard.press("Enter")
    quiet.wait_for_url("**/devices?*q=*")
    expect(quiet.locator("#suggestions")).to_be_hidden()


def test_a_request_that_fails_by_itself_is_shown_until_the_next(page: Page, address: str) -> None:
    page.goto(address + "/")
    expect(page.locator("#kpi-counted .kpi-value")).to_be_visible()
    page.route("**/_dash-update-component*", lambda route: route.abort())
    page.locator("#filter-type").click()
    page.get_by_role("checkbox", name="Server", exact=True).click()
    expect(page.get_by_text("Part of this page could not be loaded")).to_be_visible()
    page.unroute("**/_dash-update-component*")
    page.get_by_role("checkbox", name="Mobile", exact=True).click()
    expect(page.get_by_text("Part of this page could not be loaded")).to_be_hidden()


def test_a_lost_server_is_shown_and_the_page_goes_on_when_it_is_back(
    page: Page, address: str
) -> None:
    page.goto(address + "/")
    expect(page.locator("#kpi-counted .kpi-value")).to_be_visible()
    for path in ("_dash-update-component*", "api/health"):
        page.route(f"**/{path}", lambda route: route.abort())
    page.locator("#filter-type").click()
    page.get_by_role("checkbox", name="Server", exact=True).click()
    expect(page.get_by_text("The server does not answer")).to_be_visible()
    with page.expect_navigation():
        page.unroute("**/_dash-update-component*")
        page.unroute("**/api/health")
    expect(page.locator("#kpi-counted .kpi-value")).to_be_visible()
    expect(page.get_by_text("The server does not answer")).to_be_hidden()


def test_the_theme_is_remembered(quiet: Page, address: str) -> None:
    quiet.goto(address + "/")
    quiet.locator("#theme-button").click()
    assert quiet.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    quiet.reload()
    assert quiet.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_the_keyboard_searches_goes_to_pages_and_lists_its_keys(quiet: Page, address: str) -> None:
    quiet.goto(address + "/")
    expect(quiet.locator("#stamp")).to_contain_text("complete")
    quiet.keyboard.press("?")
    expect(quiet.get_by_text("Keyboard")).to_be_visible()
    quiet.keyboard.press("Escape")
    expect(quiet.get_by_text("Keyboard")).not_to_be_visible()
    press_at_once(quiet, "gd")
    quiet.wait_for_url("**/devices")
    expect(quiet.locator("#devices-count")).not_to_be_empty()
    quiet.keyboard.press("/")
    quiet.keyboard.type("spare")
    quiet.keyboard.press("Enter")
    # A search looks in every status, and says so.
    quiet.wait_for_url("**/devices?status=billable&status=spare&status=excluded&q=spare")
    expect(quiet.locator("#chips")).to_contain_text("spare")


def test_a_phone_has_its_filters_in_a_sheet_with_a_count(
    quiet: Page, address: str, demo_engine: Engine
) -> None:
    site, _ = site_of(demo_engine)
    quiet.set_viewport_size({"width": 390, "height": 844})
    quiet.goto(f"{address}/?site={site}&type=server")
    expect(quiet.locator("#filter-count")).to_have_text("2")
    expect(quiet.locator("#filter-site")).not_to_be_visible()
    quiet.locator("#bottom-filters").click()
    expect(quiet.locator("#filter-site")).to_be_visible()
    expect(quiet.get_by_role("dialog", name="Filters")).to_be_focused()
    quiet.keyboard.press("Escape")
    expect(quiet.locator("#filter-site")).not_to_be_visible()
    expect(quiet.locator("#bottom-filters")).to_be_focused()
    quiet.locator("#bottom-filters").click()
    quiet.locator("#sheet-done").click()
    expect(quiet.locator("#filter-site")).not_to_be_visible()


def test_a_page_that_waits_for_its_figures_shows_their_places(quiet: Page, address: str) -> None:
    held: list[Route] = []
    released = False

    def hold(route: Route) -> None:
        # Only what the router answers, so that the page is there and empty.
        if released or "_pages_content.children" in (route.request.post_data or ""):
            route.continue_()
        else:
            held.append(route)

    quiet.route("**/_dash-update-component*", hold)
    quiet.goto(f"{address}/")
    expect(quiet.locator(".kpis .kpi-waiting")).to_have_count(7)
    # A chart is mounted with its figure: until then there is its place, and no empty axes.
    expect(quiet.locator("#months-chart-place")).to_be_visible()
    expect(quiet.locator(".main-svg")).to_have_count(0)
    released = True
    for route in held:
        route.continue_()
    expect(quiet.locator("#kpi-counted .kpi-value")).not_to_be_empty()
    expect(quiet.locator(".kpi-waiting")).to_have_count(0)


def test_a_phone_reaches_every_page(quiet: Page, address: str) -> None:
    quiet.set_viewport_size({"width": 390, "height": 844})
    quiet.goto(f"{address}/?type=server")
    bar, more = quiet.locator(".bottom"), quiet.locator(".more")
    expect(bar.locator("a:visible, button:visible")).to_have_count(5)
    expect(more).not_to_be_visible()
    bar.get_by_text("More").click()
    more.get_by_text("Collections").click()
    expect(quiet).to_have_url(f"{address}/collections?type=server")
    expect(more).not_to_be_visible()


def test_a_new_snapshot_refreshes_the_page(page: Page, demo_engine: Engine) -> None:
    with serve_dashboard(demo_engine) as (address, app):
        layout = app.layout

        def impatient() -> object:
            found = layout()
            poll = next(part for part in found._traverse() if getattr(part, "id", "") == "poll")
            poll.interval = 2000
            return found

        app.layout = impatient
        page.goto(address + "/")
        expect(page.locator("#stamp")).to_contain_text("22 Nov 2026, 03:00")
        # The stamp comes with the page; the callbacks that follow are of the same moment.
        expect(page.locator("#sites-table .site-link, #sites-table td").first).to_be_visible()
        settled(page)
        with writing(demo_engine) as connection:
            runs = collection_runs.c
            newest = connection.execute(
                select(runs.run_id, runs.finished_at)
                .where(runs.published.is_(True))
                .order_by(runs.run_id.desc())
            ).first()
            assert newest is not None
            unpublish = update(collection_runs).where(runs.run_id == newest.run_id)
            connection.execute(unpublish.values(published=False))
        # Not asked for more often than a busy machine answers: Dash drops an answer that is late.
        expect(page.locator("#stamp")).to_contain_text("22 Nov 2026, 02:00", timeout=60_000)
        with writing(demo_engine) as connection:
            connection.execute(unpublish.values(published=True))
        expect(page.locator("#stamp")).to_contain_text("22 Nov 2026, 03:00", timeout=60_000)


def test_a_failed_collection_is_reported_under_the_filters(page: Page, demo_engine: Engine) -> None:
    with writing(demo_engine) as connection:
        runs = collection_runs.c
        row = (
            connection.execute(select(collection_runs).order_by(runs.run_id.desc()).limit(1))
            .one()
            ._mapping
        )
        values = {
            **row,
            "run_id": row["run_id"] + 1,
            "state": "failed",
            "published": False,
            "reason": "NinjaRMM answered 403: <b>no right</b>",
            "source": "ninja",
        }
        connection.execute(collection_runs.insert().values(values))
    try:
        with serve_dashboard(demo_engine) as (address, _):
            page.goto(address + "/")
            expect(page.locator("#strip")).to_contain_text("NinjaRMM")
            expect(page.locator("#strip")).to_contain_text("<b>no right</b>")
            expect(page.locator("#stamp")).not_to_contain_text("complete")
    finally:
        with writing(demo_engine) as connection:
            connection.execute(collection_runs.delete().where(runs.run_id == row["run_id"] + 1))


def test_sec_34_page_assets_are_local_and_cached(quiet: Page, address: str) -> None:
    answers = []
    quiet.on("response", lambda response: answers.append(response))
    quiet.goto(address + "/")
    expect(quiet.locator("#stamp")).to_contain_text("complete")
    page_answer = next(a for a in answers if urlsplit(a.url).path == "/")
    policy = page_answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert page_answer.headers["cache-control"] == "no-store"
    # An address with a fingerprint never means another file.
    kept = [a for a in answers if "?v=" in a.url or "/own/" in a.url]
    assert {Path(urlsplit(a.url).path).suffix for a in kept} >= {".css", ".js"}
    assert all("max-age=31536000" in a.headers["cache-control"] for a in kept)


@pytest.fixture(scope="module")
def signed_in(demo_engine: Engine, browser: Browser) -> Iterator[Page]:
    """A viewer's browser, and the dashboard where people sign in."""
    with writing(demo_engine) as connection:
        user = users.by_id(connection, users.add(connection, "vic", VIEWER, "test", NOW))
        users.set_password(connection, user, "a long enough sentence", "test", NOW)
    environ = {**ENVIRON, "AUTH": "password", "SECRET_KEY": "k1" * 20 + "abcdefg"}
    with (
        serve_dashboard(demo_engine, environ=environ) as (at, _),
        browser.new_context(base_url=at, has_touch=True) as context,
    ):
        context.set_default_timeout(BROWSER_PATIENCE)
        page = context.new_page()
        page.goto("/login?next=/collections")
        page.locator("#username").fill("vic")
        page.locator("#password").fill("a long enough sentence")
        page.keyboard.press("Enter")
        page.wait_for_url(at + "/collections")
        yield page


@pytest.mark.parametrize(
    ("width", "how"), some([(390, "tap"), (1440, "click"), (1440, "Enter")], 2)
)
def test_a_refused_button_says_why_and_opens_nothing(signed_in: Page, width: int, how: str) -> None:
    signed_in.set_viewport_size({"width": width, "height": 844})
    signed_in.goto("/collections")
    button = signed_in.locator(".source-card .btn.refused").first
    expect(button).to_have_attribute("aria-disabled", "true")
    if how == "Enter":
        button.press("Enter")
    elif how == "tap":
        button.tap(force=True)  # Playwright waits for what is aria-disabled.
    else:
        button.click(force=True)
    said = signed_in.locator(".refusal")
    expect(said).to_have_text("Collecting needs the role manager. Ask an administrator.")
    expect(signed_in.locator("#drawer-body")).to_have_count(0)
    if how == "click":  # It stays while the pointer goes elsewhere.
        signed_in.mouse.move(4, 400)
    box = said.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
    signed_in.keyboard.press("Escape")
    expect(said).to_have_count(0)


def test_a_why_button_has_no_word_of_the_code_as_its_tooltip(signed_in: Page) -> None:
    signed_in.set_viewport_size({"width": 1440, "height": 844})
    signed_in.goto("/")
    signed_in.locator(".kpi-place [data-why]").first.hover()
    expect(signed_in.locator(".refusal")).to_have_count(0)


def test_the_pages_fit_into_the_bar_and_a_viewer_has_no_danger_zone(
    signed_in: Page, address: str, browser: Browser
) -> None:
    signed_in.goto("/months")
    expect(signed_in.locator("#months-table, .months").first).to_be_visible()
    expect(signed_in.locator(".danger-zone")).to_have_count(0)
    expect(signed_in.locator("#page")).not_to_contain_text("import-counts")
    for page, start in ((signed_in, ""), (browser.new_page(), address)):
        for width in (1280, 1100, 1024):
            page.set_viewport_size({"width": width, "height": 844})
            page.goto(start + "/")
            expect(page.locator("#stamp")).to_contain_text("as of")
            page.locator("#waits-top").evaluate("badge => { badge.textContent = '12' }")
            boxes = page.locator(
                ".brand, .pages a, .search, .top .square, .top .account summary"
            ).evaluate_all(
                "all => all.map(e => e.getBoundingClientRect())"
                ".filter(b => b.width).map(b => [b.left, b.right])"
            )
            assert len(boxes) >= 10
            edges = [0, *(edge for box in boxes for edge in box), width]
            assert edges == sorted(edges), (width, boxes)
            cut = page.locator(".filters .day-text:visible").evaluate_all(
                "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"
            )
            assert not cut, (width, cut)
            shown = page.locator(".pages").evaluate("e => [e.scrollWidth, e.clientWidth]")
            assert shown[0] <= shown[1], (width, shown)
    page.context.close()
