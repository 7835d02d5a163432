"""What a page asks the server when it opens, and when."""

import json

from playwright.sync_api import Page, Route, expect

from tests.support.browser_pages import settled

CALLBACKS = "**/_dash-update-component"


def _output(route: Route) -> str:
    output: str = json.loads(route.request.post_data or "")["output"]
    return output


def _open(page: Page, path: str) -> None:
    page.locator(f".top a[data-page='{path}']").click()


def _open_both(page: Page, address: str) -> None:
    """Coverage and then the Overview, so that it is known what they ask."""
    page.goto(f"{address}/coverage")
    expect(page.locator("#coverage-matrix-table table")).to_be_visible()
    settled(page)
    _open(page, "/")
    expect(page.locator("#kpi-counted .kpi-value")).not_to_be_empty()
    settled(page)


def test_a_page_that_was_open_before_is_asked_for_with_the_click(quiet: Page, address: str) -> None:
    _open_both(quiet, address)
    held: list[Route] = []
    asked: list[str] = []

    def hold(route: Route) -> None:
        """The page itself is answered when a figure of it was asked for, whichever comes first."""
        asked.append(_output(route))
        if "_pages_content" in asked[-1]:
            held.append(route)
        else:
            route.continue_()
        if held and any("coverage-" in output for output in asked):
            held.pop().continue_()

    quiet.route(CALLBACKS, hold)
    _open(quiet, "/coverage")
    expect(quiet.locator("#coverage-matrix-table table")).to_be_visible()
    expect(quiet.locator("#coverage-trend-chart .main-svg").first).to_be_attached()
    settled(quiet)
    assert len(asked) == len(set(asked)), "each question goes once"


def test_what_was_asked_ahead_is_of_the_filters_in_the_address(quiet: Page, address: str) -> None:
    _open_both(quiet, address)
    every = quiet.locator("#kpi-counted .kpi-value").inner_text()
    quiet.evaluate("hubAddress.go('type=server')")
    expect(quiet.locator("#kpi-counted .kpi-value")).not_to_have_text(every)
    servers = quiet.locator("#kpi-counted .kpi-value").inner_text()
    queries: list[str] = []

    def look(route: Route) -> None:
        inputs = json.loads(route.request.post_data or "")["inputs"]
        queries.extend(each["value"] for each in inputs if each["id"] == "filters")
        route.continue_()

    quiet.route(CALLBACKS, look)
    _open(quiet, "/coverage")
    expect(quiet.locator("#coverage-matrix-table table")).to_be_visible()
    settled(quiet)
    assert set(queries) == {"type=server"}
    _open(quiet, "/")
    expect(quiet.locator("#kpi-counted .kpi-value")).to_have_text(servers)


def test_an_answer_that_came_ahead_is_not_taken_for_other_filters(
    quiet: Page, address: str
) -> None:
    _open_both(quiet, address)
    every = quiet.locator("#kpi-counted .kpi-value").inner_text()
    _open(quiet, "/coverage")
    expect(quiet.locator("#coverage-matrix-table table")).to_be_visible()
    settled(quiet)
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "_pages_content" in _output(route):
            held.append(route)
        else:
            route.continue_()

    quiet.route(CALLBACKS, hold)
    with quiet.expect_request(lambda request: "_pages_content" in (request.post_data or "")):
        _open(quiet, "/")
    # The page is left, but the other one is not there yet.
    expect(quiet.locator("#coverage-matrix-table")).to_have_count(0)
    quiet.evaluate("hubAddress.go('type=server')")
    expect(quiet.locator("#chips .chip")).to_have_count(1)
    held.pop().continue_()
    value = quiet.locator("#kpi-counted .kpi-value")
    expect(value).not_to_be_empty()
    expect(value).not_to_have_text(every)


def test_a_page_may_be_left_before_it_is_answered(quiet: Page, address: str) -> None:
    _open_both(quiet, address)
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "coverage-tiles" in _output(route):
            held.append(route)
        else:
            route.continue_()

    quiet.route(CALLBACKS, hold)
    _open(quiet, "/coverage")
    expect(quiet.locator("#coverage-tiles[data-dash-is-loading=true]")).to_be_attached()
    _open(quiet, "/")
    expect(quiet.locator("#kpi-counted .kpi-value")).not_to_be_empty()
    held.pop().continue_()
    settled(quiet)
