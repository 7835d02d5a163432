"""The servers of the tests: really there, or an error that says how to get them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from playwright.sync_api import Page
from sqlalchemy import create_engine, text

from tests.conftest import ROOT, RunCli
from tests.support import servers
from tests.support.servers import DatabaseServer, Missing

_Told = TypeVar("_Told")


@pytest.mark.parametrize("program", ["mariadbd", "chromium"])
def test_a_missing_program_is_an_error_that_says_how_to_install_it(
    program: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(servers, "_SYSTEM_PATH", str(tmp_path))
    starts: dict[str, Callable[[], AbstractContextManager[object]]] = {
        "mariadbd": servers.mariadb,
        "chromium": servers.chromium,
    }
    with pytest.raises(Missing, match=r"is not installed: run \.ci/packages"):
        starts[program]().__enter__()
    assert (ROOT / ".ci" / "packages").stat().st_mode & 0o111


@pytest.mark.parametrize("start", [servers.postgres, servers.mariadb])
def test_a_database_server_listens_on_loopback_only_and_leaves_nothing_behind(
    start: Callable[[], AbstractContextManager[DatabaseServer]],
) -> None:
    before = set(psutil.Process().children(recursive=True))
    with start() as server:
        assert server.url.host == "127.0.0.1"
        children = list(set(psutil.Process().children(recursive=True)) - before)
        listening = [
            connection.laddr
            for connections in _told(children, lambda child: child.net_connections("inet"))
            for connection in connections
            if connection.status == psutil.CONN_LISTEN
        ]
        assert (server.url.host, server.url.port) in [(one.ip, one.port) for one in listening]
        assert {one.ip for one in listening} == {"127.0.0.1"}
        engine = create_engine(server.create())
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
        engine.dispose()
        folders = {Path(folder) for folder in _told(children, psutil.Process.cwd)}
    gone, alive = psutil.wait_procs(children, timeout=120)
    assert alive == [] and gone
    assert [folder for folder in folders if folder.exists() and "hub-" in str(folder)] == []


def _told(
    children: list[psutil.Process], ask: Callable[[psutil.Process], _Told]
) -> Iterator[_Told]:
    """What those tell who are still there: a database starts some for a moment only."""
    for child in children:
        with suppress(psutil.NoSuchProcess):
            yield ask(child)


def test_chromium_runs_scripts_and_keeps_nothing_between_tests(page: Page) -> None:
    script = "document.querySelector('p').textContent = 6 * 7"
    page.set_content(f"<p>before</p><script>{script}</script>")
    assert page.inner_text("p") == "42"
    assert page.context.cookies() == []


def test_a_command_ignores_the_settings_of_the_person_who_runs_the_tests(run_cli: RunCli) -> None:
    done = run_cli("--version")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("inventory-hub, version ")
    done = run_cli("migrate", DB_HOST="localhost")
    assert done.returncode == 2
    assert "DB_PASSWORD is not set" in done.stderr
