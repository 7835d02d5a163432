"""What every test may ask for: clean surroundings, databases, a browser, the commands."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
from sqlalchemy import URL, Engine

from db import migrate
from db.engine import open_engine, sqlite_url
from db.settings import SETTINGS
from tests import servers
from tests.samples import FULL
from tests.servers import DatabaseServer

ROOT = Path(__file__).parent.parent
DATABASES = ("sqlite", "postgresql", "mariadb")
COMMAND = "import sys; from cli.main import main; sys.exit(main())"
PREFIXES = ("DB_", "INVENTORY_HUB_", "NINJA_", "TATUSCAN_", "THREATLOCKER_")

settings.register_profile(
    "hub",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples"),
    print_blob=True,
)
settings.load_profile("hub")

# Two browsers on two busy cores are slow; a page that never comes fails all the same.
expect.set_options(timeout=20_000)

RunCli = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if FULL:
        return
    full = [item for item in items if item.get_closest_marker("full")]
    if full:
        config.hook.pytest_deselected(items=full)
        items[:] = [item for item in items if item not in full]


@pytest.fixture(autouse=True)
def clean_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the person who runs the tests, no `.env` or `data` in the current folder."""
    names = {name for setting in SETTINGS for name in (setting.name, *setting.aliases)}
    for variable in os.environ:
        if variable.removesuffix("_FILE") in names or variable.startswith(PREFIXES):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


# Databases: servers start when a test first asks, once in each test process; every test gets a
# database of its own.


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[DatabaseServer]:
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[DatabaseServer]:
    with servers.mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("migrated") / "inventory.db"
    _migrated(sqlite_url(path)).dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: DatabaseServer) -> URL:
    """A migrated, empty PostgreSQL database to copy."""
    url = postgres_server.create()
    _migrated(url).dispose()
    return url


@pytest.fixture
def sqlite_engine(tmp_path: Path, migrated_file: Path) -> Iterator[Engine]:
    """A migrated, empty SQLite file."""
    path = tmp_path / "inventory.db"
    shutil.copyfile(migrated_file, path)
    yield from _opened(sqlite_url(path))


@pytest.fixture
def postgres_engine(postgres_server: DatabaseServer, postgres_template: URL) -> Iterator[Engine]:
    """A migrated, empty PostgreSQL database."""
    url = postgres_server.create(postgres_template)
    yield from _opened(url)
    postgres_server.drop(url)


@pytest.fixture
def mariadb_engine(mariadb_server: DatabaseServer) -> Iterator[Engine]:
    """A migrated, empty MariaDB database."""
    url = mariadb_server.create()
    _migrated(url).dispose()
    yield from _opened(url)
    mariadb_server.drop(url)


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """A migrated, empty database: the test runs once on each of `DATABASES`."""
    fixture = {
        "sqlite": "sqlite_engine",
        "postgresql": "postgres_engine",
        "mariadb": "mariadb_engine",
    }
    found: Engine = request.getfixturevalue(fixture[request.param])
    return found


@pytest.fixture(params=DATABASES)
def bare_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without a table, on each of `DATABASES`."""
    if request.param == "sqlite":
        yield from _opened(sqlite_url(tmp_path / "bare.db"))
        return
    name = "postgres_server" if request.param == "postgresql" else "mariadb_server"
    server: DatabaseServer = request.getfixturevalue(name)
    url = server.create()
    yield from _opened(url)
    server.drop(url)


def _migrated(url: URL) -> Engine:
    engine = open_engine(url)
    migrate.upgrade(engine)
    return engine


def _opened(url: URL) -> Iterator[Engine]:
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with servers.chromium() as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that remembers nothing."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def quiet(page: Page) -> Iterator[Page]:
    """A page that must neither complain nor ask anybody else. That a page of nothing is a 404 is
    no complaint: the browser notes it of the address that it shows."""
    complaints: list[str] = []
    foreign: list[str] = []

    def asked(request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", None) and not request.url.startswith(
            ("data:", "blob:")
        ):
            foreign.append(request.url)

    def said(message: ConsoleMessage) -> None:
        not_found = "404" in message.text and message.location["url"] == page.url
        if message.type == "error" and not not_found:
            complaints.append(message.text)

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", asked)
    yield page
    assert complaints == []
    assert foreign == []


@pytest.fixture
def cli_environment(clean_surroundings: None) -> dict[str, str]:
    """The environment in which `COMMAND` finds this checkout and no setting."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def run_cli(cli_environment: dict[str, str], tmp_path: Path) -> RunCli:
    """Runs `inventory-hub ARGUMENTS` in the test's own folder: run_cli("doctor", PORT="8051")."""

    def run(
        *arguments: str, timeout: float = 120, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", COMMAND, *arguments],
            env=cli_environment | variables,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run
