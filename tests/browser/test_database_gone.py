"""What people see while PostgreSQL is stopped, and when it has started again."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from db.roles import VIEWER
from tests.support.demo_dashboard import serve_dashboard
from tests.support.servers import DatabaseServer
from tests.support.sign_in_site import Site


@pytest.fixture
def server(postgres_server: DatabaseServer) -> Iterator[DatabaseServer]:
    """The server, which runs again afterwards whatever a test did to it."""
    yield postgres_server
    postgres_server.stop()
    postgres_server.start()


@pytest.mark.full
def test_rel_09_a_page_keeps_its_frame_without_a_database_and_goes_on_by_itself(
    page: Page, postgres_engine: Engine, server: DatabaseServer
) -> None:
    with serve_dashboard(postgres_engine) as (address, _):
        page.goto(f"{address}/")
        expect(page.get_by_text("Nothing collected yet")).to_be_visible()
        server.stop()
        page.locator("#filter-type").click()
        page.get_by_role("checkbox", name="Server", exact=True).click()
        expect(page.get_by_text("The database cannot be read: what you see")).to_be_visible()
        expect(page.get_by_text("Nothing collected yet")).to_be_visible()
        page.get_by_role("link", name="Sites").first.click()
        page.wait_for_url("**/sites?type=server")
        expect(page.get_by_role("heading", name="The database cannot be read now")).to_be_visible()
        loaded = page.goto(f"{address}/devices")
        assert loaded is not None and loaded.status == 503
        expect(page.get_by_role("heading", name="The database cannot be read now")).to_be_visible()
        expect(page.get_by_role("link", name="Devices").first).to_have_class("here")
        server.start()
        expect(page.get_by_text("Nothing collected yet")).to_be_visible()
        assert page.url == f"{address}/devices"


def test_rel_09_whoever_is_signed_in_gets_503_without_a_database_and_stays_signed_in(
    postgres_engine: Engine, server: DatabaseServer
) -> None:
    site = Site(postgres_engine)
    site.add("ada", VIEWER)
    ada = site.browser()
    ada.sign_in("ada")
    pages, files = ("/", "/report", "/account"), ("/api/runs", "/export/devices.csv")
    server.stop()
    for path in (*pages, *files):
        answer = ada.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), path
        assert "ada" not in answer.text and "SELECT" not in answer.text
        if path in pages:
            assert "<h1" in answer.text and 'href="/devices"' in answer.text
        else:
            assert answer.json is not None and answer.json["code"] == 503
    assert ada.callback().status_code == 503
    server.start()
    for path in (*pages, *files):
        assert ada.get(path).status_code == 200, path
