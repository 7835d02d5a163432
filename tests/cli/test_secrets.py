"""Secrets while the programs run: rotated without a restart, and never shown."""

import io
import logging
import secrets
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cli.settings import process_settings, renewed_settings
from dashboard.app import create_app
from db.engine import RenewedAddress, open_engine
from db.setting_types import variables
from db.settings import load, setting_models, use
from db.tables import collection_runs
from etl.demo.servers import SimulatedVendors
from etl.sources import discover
from etl.work.worker import Worker
from tests.support.cli import LAST, CliHere, rows
from tests.support.clocks import MORNING, SettableClock
from tests.support.secret_stores import KeyValueStore, vault
from tests.support.servers import DatabaseServer


@pytest.fixture
def kv() -> Iterator[KeyValueStore]:
    with vault() as running:
        yield running


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`.env` in the folder where commands start."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".env"
    file.touch(0o600)
    return file


def write(file: Path, environ: dict[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in environ.items()))


@pytest.mark.parametrize("place", ["the file", "a store"])
def test_the_worker_collects_with_the_rotated_secret_without_a_restart(
    environ: dict[str, str], env_file: Path, kv: KeyValueStore, sqlite_engine: Engine, place: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    key = environ.pop("THREATLOCKER_API_KEY")

    def set_key(value: str) -> None:
        kv.paths["hub"] = {"threatlocker": value}
        by = {"THREATLOCKER_API_KEY": value}
        if place == "a store":
            by = kv.environ() | {"THREATLOCKER_API_KEY_FROM": "vault:secret/hub#threatlocker"}
        write(env_file, environ | by)

    set_key("5a" * 32)
    clock = SettableClock(MORNING)
    use(process_settings())
    try:
        source = {"threatlocker": discover()["threatlocker"]}
        worker = Worker(sqlite_engine, source, clock, process_settings(), renewed_settings)

        def state_of_next_run() -> str:
            clock.now += timedelta(hours=2)
            assert worker.tick() == ["threatlocker"]
            state: str = rows(sqlite_engine, collection_runs)[-1].state
            return state

        assert state_of_next_run() == "failed"
        # What is being written when it is read leaves the secrets as they were.
        env_file.write_bytes(b"NINJA_CLI\xff\xfe")
        assert state_of_next_run() == "failed"
        assert "secrets stay as they were" in caplog.text
        set_key(key)
        assert state_of_next_run() == "complete"
    finally:
        use(None)


@pytest.fixture(params=["postgres_server", "mariadb_server"])
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    found: DatabaseServer = request.getfixturevalue(request.param)
    return found


def test_the_next_connection_takes_the_databases_rotated_password(server: DatabaseServer) -> None:
    admin, readings = open_engine(server.url), []
    first, second = secrets.token_hex(8), secrets.token_hex(8)
    name = f"rotated_{secrets.token_hex(4)}"
    postgres = server.url.get_backend_name() == "postgresql"
    user = name if postgres else f"{name}@'127.0.0.1'"
    said = "WITH PASSWORD" if postgres else "IDENTIFIED BY"
    url = server.url.set(username=name, password=first)
    if not postgres:
        url = url.set(database="")

    def run(statement: str) -> None:
        with admin.begin() as connection:
            connection.execute(text(statement))

    def renewed_to(password: str) -> RenewedAddress:
        def read() -> object:
            readings.append(password)
            return url.set(password=password)

        return read  # type: ignore[return-value]

    run(f"CREATE USER {user} {said} '{first}'")
    try:
        engine = open_engine(url, renewed_to(second))
        engine.connect().close()
        run(f"ALTER USER {user} {said} '{second}'")
        for _ in range(3):
            engine.dispose()  # As when the pool needs one more.
            engine.connect().close()
        assert readings == [second]
        engine.dispose()
    finally:
        run(f"DROP USER {user}")
        admin.dispose()


def test_no_secret_is_ever_printed_or_logged(
    cli: CliHere, vendors: SimulatedVendors, sqlite_engine: Engine, env_file: Path,
    kv: KeyValueStore, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    declared = [each for model in setting_models() for each in variables(model) if each.secret]
    marked = {each.name: f"marker-{secrets.token_hex(20)}" for each in declared}
    kv.tokens.add(marked["VAULT_TOKEN"])
    kv.paths["hub"] = {"key": marked.pop("SECRET_KEY"), "short": "marker-s"}
    own = marked | {
        "VAULT_ADDR": kv.address, "SECRET_KEY_FROM": "vault:secret/hub#key",
        "DATABASE_URL": str(sqlite_engine.url),
    }  # fmt: skip
    shown = ""
    for environ in (
        vendors.environ() | own,  # Both vendors refuse.
        own | {"DATABASE_URL": f"postgresql://u:{secrets.token_hex(8)}marker@127.0.0.1:1/d"},
        own | {"SECRET_KEY_FROM": "vault:secret/hub#short", "OIDC_CLIENT_SECRET": "marker-é"},
        own | {"SECRET_KEY_FROM": "vault:secret/none#key"},
        own | {"VAULT_TOKEN": "marker-of-nobody"},
        dict.fromkeys(marked, "marker"),
    ):
        write(env_file, environ)
        for command in (["doctor"], ["collect", "--date", LAST.isoformat()]):
            result = cli(*command)
            assert result.exit_code, result.output
            shown += result.output
    assert "NinjaRMM" in shown and "SECRET_KEY" in shown
    assert "marker" not in shown
    assert "marker" not in caplog.text


def test_sec_29_no_secret_is_in_any_file(
    cli: CliHere, environ: dict[str, str], sqlite_engine: Engine, env_file: Path,
    vendors: SimulatedVendors,
) -> None:  # fmt: skip
    """After collections that succeed and fail, and with people and tokens in the audit log."""
    declared = [each for model in setting_models() for each in variables(model) if each.secret]
    own = {each.name: secrets.token_hex(20) for each in declared if each.name not in environ}
    del own["DB_PASSWORD"], own["NINJA_REFRESH_TOKEN"], own["VAULT_TOKEN"]
    write(env_file, environ | own)
    for day in (date(2026, 2, 28), LAST):  # February closes by itself.
        assert cli("collect", "--date", day.isoformat()).exit_code == 0
    wrong = secrets.token_hex(20)
    assert cli("collect", "--date", LAST.isoformat(), THREATLOCKER_API_KEY=wrong).exit_code
    made = [
        cli("token", "add", "--kind", "api", "--role", "viewer").stdout.strip(),
        cli("user", "add", "Ada", "--role", "viewer").stdout.rsplit("/", 1)[1].strip(),
    ]
    given = {each.name: (environ | own).get(each.name) for each in declared}
    hidden = {*made, wrong, *given.values()} - {given["DATABASE_URL"], None}

    app = create_app(sqlite_engine, settings=load({**environ, **own, "AUTH": "none"})).server
    client, read = app.test_client(), ""
    paths = sorted(str(rule) for rule in app.url_map.iter_rules() if "/export/" in str(rule))
    asked = {"month-bases": {"month": "2026-02"}, "invoice-pack": {"month": "2026-02", "site": 1}}
    for path in paths:
        answer = client.get(path, query_string=asked.get(Path(path).stem))
        assert answer.status_code == 200, (path, answer.text)
        read += _readable(answer.data)
    assert "close_month" in read and "token_add" in read, "the audit log is among them"
    assert not [each for each in hidden if each in read]


def _readable(content: bytes) -> str:
    """The text of a file, and of each file in it: Excel's are archives too."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content.decode()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())
