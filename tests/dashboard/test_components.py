"""How many Dash components a page mounts: the browser's work grows with the square of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dash import Dash
from sqlalchemy import Engine, select

from dashboard.addresses import declares
from dashboard.app import create_app
from db.settings import load
from db.tables import devices
from tests.support.demo_dashboard import ENVIRON, NOW
from tests.support.mounted_page import mount_page
from tests.support.worlds import named_world, save_to_copy

MOST = 180

PAGES = (
    "/", "/changes", "/sites", "/sites/1", "/devices", "/devices/DEVICE", "/coverage", "/machines",
    "/months", "/months/2026-10", "/collections", "/collections?run=1", "/settings",
    "/settings/rules", "/settings/sites", "/settings/audit", "/nowhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def engine(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = save_to_copy(named_world(), migrated_file, tmp_path_factory.mktemp("components"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def app(engine: Engine) -> Dash:
    app = create_app(engine, clock=lambda: NOW, settings=load(ENVIRON))
    app.server.test_client().get("/")
    return app


@pytest.mark.parametrize("page", PAGES)
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
