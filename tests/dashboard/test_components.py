"""How many Dash components a page mounts: the browser's work grows with the square of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dash import Dash
from sqlalchemy import Engine, select

from dashboard.addresses import declares
from dashboard.app import create_app
from db.engine import writing
from db.settings import load
from db.tables import devices, sites
from tests.support.demo_dashboard import ENVIRON, NOW
from tests.support.mounted_page import mount_page
from tests.support.samples import some
from tests.support.worlds import TODAY, DeviceState, named_world, save_to_copy

MOST = 180

PAGES = (
    "/", "/changes", "/sites", "/sites/1", "/devices", "/devices/DEVICE", "/coverage", "/machines",
    "/months", "/months/2026-10", "/collections", "/collections?run=1", "/settings",
    "/settings/rules", "/settings/sites", "/settings/audit", "/settings/users",
    "/settings/tokens", "/settings/thresholds", "/nowhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The named world and 300 sites more, each new and with a device."""
    world = named_world()
    more = range(1001, 1301)
    world.sites |= {number: f"Customer {number}" for number in more}
    newest = world.days["ninja"][TODAY]
    newest |= {str(number): DeviceState("ninja", str(number), number) for number in more}
    engine = save_to_copy(world, migrated_file, tmp_path_factory.mktemp("components"))
    with writing(engine) as connection:
        connection.execute(sites.update().where(sites.c.site_id > 1000).values(needs_review=True))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def app(engine: Engine) -> Dash:
    app = create_app(engine, clock=lambda: NOW, settings=load(ENVIRON))
    app.server.test_client().get("/")
    return app


@pytest.mark.parametrize("page", some(PAGES, 8))
def test_a_page_mounts_few_components_and_declares_their_libraries(
    app: Dash, engine: Engine, page: str
) -> None:
    with engine.connect() as connection:
        device = connection.scalar(select(devices.c.device_id).order_by(devices.c.device_id))
    path, _mark, query = page.replace("DEVICE", str(device)).partition("?")
    mounted = mount_page(app, path, query)
    assert len(mounted) <= MOST
    with app.server.test_request_context(path):
        declared = {kind: declares(path, kind) for kind in ("charts", "grid")}
    types = {part["type"] for part in mounted}
    assert declared == {"charts": "Graph" in types, "grid": "AgGrid" in types}


def test_sec_20_no_callback_runs_in_the_background(app: Dash) -> None:
    """What dash 4.2 to 4.4.1 mended of those concerns nobody here (see DECISIONS)."""
    assert [key for key, callback in app.callback_map.items() if callback.get("background")] == []
