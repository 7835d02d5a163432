"""Fixtures that several writer tests share."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from db import migrate
from db.engine import open_engine, sqlite_url
from tests.support.random_hub import NOVEMBER, OCTOBER
from tests.support.small_hub import Hub, Pc


@pytest.fixture
def hub(engine: Engine) -> Hub:
    """Two customers in two sources on 30 October and 4 November, October closed in between."""
    hub = Hub(engine)
    ninja = [
        Pc("1", "1", "Harbor Dental", "front-1", serial="SN-0001"),
        Pc("2", "1", "Harbor Dental", "back-2"),
        Pc("3", "2", "Harbour Dental Clinic", "lab-3", display_name="SPARE lab"),
        Pc("4", "3", "Pelican Freight", "dock-4"),
    ]
    threatlocker = [
        Pc("a", "t1", "Harbor Dental", "front-1"),
        Pc("b", "t1", "Harbor Dental", "rear-2"),
        Pc("c", "t2", "Pelican Freight", "dock-4"),
    ]
    for day in (OCTOBER, NOVEMBER):
        hub.collect(day, ninja, "ninja")
        hub.collect(day, threatlocker, "threatlocker")
    hub.close("2026-10")
    return hub


@pytest.fixture(scope="module")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_engine(sqlite_url(tmp_path_factory.mktemp("ledger") / "hub.db"))
    migrate.upgrade(engine)
    yield engine
    engine.dispose()
