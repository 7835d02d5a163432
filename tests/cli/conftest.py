"""Fixtures of the command tests: commands in this process, simulated vendors to collect from."""

import logging
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from cli.main import main
from etl.demo.fleet import Fleet
from etl.demo.servers import SimulatedVendors
from tests.support.cli import LAST, CliHere
from tests.support.samples import mark_servers_full


def pytest_itemcollected(item: pytest.Item) -> None:
    mark_servers_full(item)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Iterator[CliHere]:
    """Runs `inventory-hub ARGUMENTS` in this process: cli("collect", TIMEZONE="UTC")."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments: str, **variables: str) -> Result:
        result = CliRunner().invoke(main, arguments, env=variables)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(seed=3, devices=40, sites=4, last_day=LAST, months=1)


@pytest.fixture
def vendors(fleet: Fleet) -> Iterator[SimulatedVendors]:
    with SimulatedVendors(fleet) as running:
        yield running


@pytest.fixture
def environ(vendors: SimulatedVendors, sqlite_engine: Engine) -> dict[str, str]:
    return vendors.environ() | {"DATABASE_URL": str(sqlite_engine.url)}
