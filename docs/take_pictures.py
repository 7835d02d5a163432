"""Takes the pictures of docs/ in Chromium, from a demo's data. From the top of the checkout, once
`make test` has installed what tests need: `.venv/bin/python -m docs.take_pictures` (some minutes).
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from cli.demo import fill, furnish
from db import migrate
from db.engine import open_engine, sqlite_url
from db.settings import load
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from tests.support.demo_dashboard import serve_dashboard
from tests.support.servers import chromium

HERE = Path(__file__).parent
LAST_DAY = date(2026, 11, 22)
"""In the middle of a month, so that there is something to explain."""
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PICTURES = (
    ("overview-light", "/", "light", DESK),
    ("overview-dark", "/", "dark", DESK),
    ("overview-phone", "/", "light", PHONE),
    ("changes-light", "/changes", "light", DESK),
    ("devices-light", "/devices", "light", DESK),
    ("devices-dark", "/devices", "dark", DESK),
    ("devices-phone", "/devices", "light", PHONE),
    ("months-light", "/months", "light", DESK),
)
ROWS_ARE_THERE = """() => [...document.querySelectorAll('#page .grid')].every(grid =>
  grid.getBoundingClientRect().top > innerHeight || (grid.classList.contains('counted')
    && [...grid.querySelectorAll('.ag-cell-value')].some(cell => cell.textContent)))"""
PATIENCE = 120_000


@contextmanager
def demo() -> Iterator[str]:
    """The address of the dashboard on a demo's data."""
    fleet = Fleet(1, devices=400, sites=12, months=14, last_day=LAST_DAY)
    with tempfile.TemporaryDirectory() as folder, SimulatedVendors(fleet) as vendors:
        engine = open_engine(sqlite_url(Path(folder) / "inventory.db"))
        migrate.upgrade(engine)
        settings = load(vendors.environ() | {"DATA_DIR": folder, "AUTH": "none"})
        fill(engine, fleet, vendors, settings)
        furnish(engine, fleet, settings)
        with serve_dashboard(engine, NOW) as (address, _app):
            yield address
        engine.dispose()


def take(browser: Browser, address: str, name: str, path: str, theme: str, size: object) -> None:
    """One picture, once its page is still."""
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=theme,  # type: ignore[arg-type]
        locale="en-US",
        reduced_motion="reduce",
    )
    page: Page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address + path)
    page.wait_for_load_state("networkidle")
    for waiting in (".kpi-waiting", "[data-dash-is-loading=true]", ".waiting-place:empty"):
        expect(page.locator(f"#page {waiting}")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_function(ROWS_ARE_THERE, timeout=PATIENCE)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=HERE / f"{name}.png")
    context.close()


def main() -> None:
    with demo() as address, chromium() as browser:
        for picture in PICTURES:
            take(browser, address, *picture)


if __name__ == "__main__":
    main()
