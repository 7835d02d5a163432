"""Fixtures that several writer tests share."""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.engine import open_engine, sqlite_url
from tests.conftest import DATABASES, MakeEngine
from tests.support.random_hub import NOVEMBER, OCTOBER
from tests.support.samples import mark_servers_full
from tests.support.servers import DatabaseServer
from tests.support.small_hub import Hub, Pc


def pytest_itemcollected(item: pytest.Item) -> None:
    mark_servers_full(item)


NINJA = [
    Pc("1", "1", "Harbor Dental", "front-1", serial="SN-0001"),
    Pc("2", "1", "Harbor Dental", "back-2"),
    Pc("3", "2", "Harbour Dental Clinic", "lab-3", display_name="SPARE lab"),
    Pc("4", "3", "Pelican Freight", "dock-4"),
]
THREATLOCKER = [
    Pc("a", "t1", "Harbor Dental", "front-1"),
    Pc("b", "t1", "Harbor Dental", "rear-2"),
    Pc("c", "t2", "Pelican Freight", "dock-4"),
]


def fill(engine: Engine) -> None:
    hub = Hub(engine)
    for day in (OCTOBER, NOVEMBER):
        hub.collect(day, NINJA, "ninja")
        hub.collect(day, THREATLOCKER, "threatlocker")
    hub.close("2026-10")


@pytest.fixture(scope="session")
def make_filled_engine(make_engine: MakeEngine) -> MakeEngine:
    """What `hub` begins with, on a kind of database, to copy; nobody is connected to it."""

    @cache
    def make(database: str) -> Engine:
        engine = make_engine(database)
        fill(engine)
        engine.dispose()
        return engine

    return make


@pytest.fixture(params=DATABASES)
def hub(
    request: pytest.FixtureRequest, make_filled_engine: MakeEngine, tmp_path: Path
) -> Iterator[Hub]:
    """Two customers in two sources on 30 October and 4 November, October closed in between."""
    if request.param == "mariadb":  # which copies no database
        engine: Engine = request.getfixturevalue("mariadb_engine")
        fill(engine)
    else:
        filled = make_filled_engine(request.param).url
        if request.param == "sqlite":
            url = sqlite_url(tmp_path / "inventory.db")
            shutil.copyfile(str(filled.database), str(url.database))
        else:
            server: DatabaseServer = request.getfixturevalue("postgres_server")
            url = server.create(filled)
        engine = open_engine(url)
    hub = Hub(engine)
    hub.sources["ninja"].rows, hub.sources["threatlocker"].rows = [*NINJA], [*THREATLOCKER]
    yield hub
    engine.dispose()
    if request.param == "postgresql":
        server.drop(url)


@pytest.fixture(scope="module")
def sqlite_world(make_engine: MakeEngine) -> Engine:
    return make_engine("sqlite")
