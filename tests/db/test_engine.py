"""The database address, its driver, and how transactions behave."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, delete, func, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from db import migrate
from db.engine import normalise_url, open_engine, reading, sqlite_url, writing
from db.setting_types import SettingsError, WrongValue
from db.tables import leases, meta
from tests.conftest import ROOT
from tests.support.network_cards import has_namespaces
from tests.support.servers import DatabaseServer


def row(name: str) -> dict[str, Any]:
    return {"name": name, "value": "x"}


@pytest.mark.parametrize(
    ("address", "driver"),
    [
        ("postgres://u:p@h:5433/d", "postgresql+psycopg2"),
        ("postgresql://u:p@h:5433/d", "postgresql+psycopg2"),
        ("postgresql+psycopg2://u:p@h:5433/d", "postgresql+psycopg2"),
        ("mysql://u:p@h:5433/d", "mysql+pymysql"),
        ("mysql+pymysql://u:p@h:5433/d", "mysql+pymysql"),
        ("mariadb://u:p@h:5433/d", "mysql+pymysql"),
        ("mariadb+pymysql://u:p@h:5433/d", "mysql+pymysql"),
    ],
)
def test_an_address_gets_the_driver_that_we_install(address: str, driver: str) -> None:
    url = normalise_url(address)
    assert url.drivername == driver
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "u", "p", "h", 5433, "d",
    )  # fmt: skip
    assert open_engine(url).dialect.name == driver.split("+")[0]


def test_the_rest_of_an_address_is_unchanged() -> None:
    url = normalise_url("postgres://us%40er:p%3A%2F%23@h/d?sslmode=require")  # not a secret
    assert (url.username, url.password) == ("us@er", "p:/#")
    assert url.query == {"sslmode": "require"}
    assert normalise_url("mysql://u@h/d").query == {"charset": "utf8mb4"}
    assert normalise_url("mysql://u@h/d?charset=utf8").query == {"charset": "utf8"}
    assert normalise_url("sqlite:////var/lib/hub.db") == sqlite_url(Path("/var/lib/hub.db"))


@pytest.mark.parametrize(
    "address",
    ["", "hub.db", "/var/lib/hub.db", "oracle://u@h/d", "mssql+pyodbc://u@h/d", "http://h/d",
     "postgresql//h/d", "postgresql://h:port/d", "sqlite"],
)  # fmt: skip
def test_another_address_is_refused_with_examples(address: str) -> None:
    with pytest.raises(WrongValue, match="postgresql://user"):
        normalise_url(address)


def test_a_driver_that_is_not_installed_is_refused() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL cannot be used"):
        open_engine(normalise_url("postgresql+psycopg://u@h/d"))


def test_sqlite_creates_its_folder_or_explains_the_failure(tmp_path: Path) -> None:
    open_engine(sqlite_url(tmp_path / "a" / "b" / "hub.db")).connect().close()
    assert (tmp_path / "a" / "b" / "hub.db").exists()
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="set DATA_DIR or DATABASE_URL"):
        open_engine(sqlite_url(tmp_path / "file" / "hub.db"))


def test_sqlite_connections_have_the_safe_pragmas(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as one, sqlite_engine.connect() as two:
        for connection in (one, two):
            rows = {
                pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
                for pragma in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
            }
            assert rows == {
                "journal_mode": "wal", "synchronous": 2, "busy_timeout": 30000, "foreign_keys": 1,
            }  # fmt: skip


def test_a_sqlite_write_transaction_locks_at_once_and_readers_do_not_wait(
    sqlite_engine: Engine,
) -> None:
    with writing(sqlite_engine) as connection:
        raw = connection.connection.driver_connection
        assert raw is not None and raw.in_transaction
        with reading(sqlite_engine) as reader:
            assert reader.scalar(select(func.count()).select_from(meta)) == 0
        impatient = create_engine(sqlite_engine.url, connect_args={"timeout": 0})
        with pytest.raises(Exception, match="locked"), impatient.connect() as other:
            other.exec_driver_sql("BEGIN IMMEDIATE")
        impatient.dispose()


def test_concurrent_writers_wait_for_each_other_and_both_succeed(engine: Engine) -> None:
    # Each reads, thinks and writes what it read plus one, many times.
    with writing(engine) as connection:
        connection.execute(insert(meta), [{"name": "n", "value": "0"}])
    errors: list[BaseException] = []

    def count_up(times: int) -> None:
        query = select(meta.c.value).where(meta.c.name == "n").with_for_update()
        try:
            for _time in range(times):
                with writing(engine) as connection:
                    value = int(connection.execute(query).scalar_one())
                    time.sleep(0.002)
                    connection.execute(meta.update().values(value=str(value + 1)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=count_up, args=(25,)) for _thread in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with reading(engine) as connection:
        assert connection.scalar(select(meta.c.value)) == "50"


def test_a_failed_write_transaction_is_rolled_back(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(insert(meta), [row("a")])
        connection.execute(insert(meta), [row("a")])
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(meta)) == 0


def test_a_read_transaction_sees_a_consistent_snapshot_during_writes(engine: Engine) -> None:
    count = select(func.count()).select_from(meta)
    with reading(engine) as reader:
        assert reader.scalar(count) == 0
        with writing(engine) as writer:
            writer.execute(insert(meta), [row("a")])
        assert reader.scalar(count) == 0
    with reading(engine) as reader:
        assert reader.scalar(count) == 1


def test_text_comparison_is_case_sensitive(engine: Engine) -> None:
    names = ["A1", "a1", "Á1", "ß", "ss", "e\u0301", "\u00e9"]
    with writing(engine) as connection:
        connection.execute(insert(meta), [row(name) for name in names])
    with reading(engine) as connection:
        for name in names:
            rows = connection.scalars(select(meta.c.name).where(meta.c.name == name)).all()
            assert rows == [name]
        assert connection.scalar(select(func.count(meta.c.name.distinct()))) == len(names)
        groups = select(meta.c.name, func.count()).group_by(meta.c.name)
        assert all(count == 1 for _name, count in connection.execute(groups))
        assert connection.scalars(select(meta.c.name).order_by(meta.c.name)).first() == "A1"


def test_mariadb_by_either_name_compares_case_sensitively(mariadb_server: DatabaseServer) -> None:
    url = mariadb_server.create()
    for name in ("mysql", "mariadb"):
        address = url.set(drivername=name).render_as_string(hide_password=False)
        engine = open_engine(normalise_url(address))
        migrate.upgrade(engine)
        with writing(engine) as connection:
            connection.execute(delete(meta))
            connection.execute(insert(meta), [row("A1"), row("a1")])
        engine.dispose()
    mariadb_server.drop(url)


def test_too_long_values_are_refused_instead_of_truncated(
    mariadb_server: DatabaseServer, mariadb_engine: Engine
) -> None:
    lenient = create_engine(mariadb_server.url, isolation_level="AUTOCOMMIT")
    with lenient.connect() as connection:
        before = connection.scalar(text("SELECT @@GLOBAL.sql_mode"))
        connection.execute(text("SET GLOBAL sql_mode = ''"))
    try:
        mariadb_engine.dispose()
        with pytest.raises(DataError), writing(mariadb_engine) as connection:
            connection.execute(insert(meta), [row("x" * 65)])
    finally:
        with lenient.connect() as connection:
            connection.execute(text("SET GLOBAL sql_mode = :mode"), {"mode": before})
        lenient.dispose()


def test_a_process_start_keeps_its_fractions(engine: Engine) -> None:
    started = 1_795_334_400.123456
    with writing(engine) as connection:
        connection.execute(insert(leases), [{"name": "n", "process_started": started}])
    with reading(engine) as connection:
        assert connection.scalar(select(leases.c.process_started)) == started


def test_a_lost_connection_is_replaced(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    other = create_engine(postgres_engine.url, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    other.dispose()
    with postgres_engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_takes_the_call_and_says_nothing_counts_as_away(scheme: str) -> None:
    """The drivers by themselves would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        engine = open_engine(normalise_url(f"{scheme}://hub:x@127.0.0.1:{port}/hub"), away_after=2)
        with pytest.raises(OperationalError):
            engine.connect()


def test_a_statement_may_take_longer_than_connecting(mariadb_engine: Engine) -> None:
    limited = open_engine(mariadb_engine.url, away_after=120)
    with reading(limited) as connection:
        connection.execute(text("SELECT 1"))
        used: Any = connection.connection.dbapi_connection
        assert used._sock.gettimeout() is None
        tcp = partial(used._sock.getsockopt, socket.IPPROTO_TCP)
        assert tcp(socket.TCP_USER_TIMEOUT) == 120_000
        assert (tcp(socket.TCP_KEEPIDLE), tcp(socket.TCP_KEEPINTVL)) == (120, 1)
    limited.dispose()


def test_postgresql_is_told_when_a_silent_host_counts_as_away(postgres_engine: Engine) -> None:
    def connection_options(address: URL, away_after: int | None = None) -> dict[str, str]:
        engine = open_engine(address, away_after=away_after)
        with engine.connect() as connection:
            used: Any = connection.connection.dbapi_connection
            options: dict[str, str] = used.info.dsn_parameters
        engine.dispose()
        return {name: options[name] for name in sorted(options) if name in named}

    named = {"connect_timeout", "keepalives_idle", "keepalives_interval", "tcp_user_timeout"}
    address = postgres_engine.url
    patient = connection_options(address)
    assert connection_options(address, 120) == patient | {
        "connect_timeout": "120", "keepalives_idle": "120", "keepalives_interval": "1",
        "tcp_user_timeout": "120000",
    }  # fmt: skip
    own = address.update_query_dict({"connect_timeout": "90", "tcp_user_timeout": "90000"})
    limited = connection_options(own, 120)
    assert (limited["connect_timeout"], limited["tcp_user_timeout"]) == ("90", "90000")


# On a machine of its own, whose network goes while one statement waits for its answer and another
# connection is unused. Without a limit of ours TCP would wait for hours, and for 15 minutes.
SILENCE = """
import json, subprocess, sys, threading
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from db.engine import open_engine
from tests.support import servers

def network(state):
    subprocess.run(["ip", "link", "set", "lo", state], check=True)

def ask(connection, statement):
    try:
        connection.execute(text(statement))
    except OperationalError as error:
        failed.append(str(error.orig))

failed = []
network("up")
start, endless, asleep = json.loads(sys.argv[1])
with getattr(servers, start)() as server:
    engine, other = open_engine(server.url, away_after=2), open_engine(server.url)
    waiting, unused = engine.connect(), engine.connect()
    unused.close()
    asking = threading.Thread(target=ask, args=(waiting, endless))
    asking.start()
    with other.connect() as watching:
        while not watching.scalar(text(asleep)):
            watching.commit()
    other.dispose()
    network("down")
    try:
        engine.connect()
    except OperationalError as error:
        failed.append(str(error.orig))
    asking.join()
    network("up")
    print(json.dumps(failed))
"""
APART = "--net --pid --fork --kill-child".split()
"""No server outlives a test that fails."""


@pytest.mark.full
@pytest.mark.skipif(not has_namespaces(), reason="needs root, unshare (util-linux), ip (iproute2)")
@pytest.mark.parametrize(
    ("start", "endless", "asleep"),
    [
        ("postgres", "SELECT pg_sleep(86400)",
         "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"),
        ("mariadb", "SELECT sleep(86400)",
         "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'"),
    ],
)  # fmt: skip
def test_a_host_that_vanishes_is_noticed_by_connections_that_stand(
    start: str, endless: str, asleep: str
) -> None:
    done = subprocess.run(
        ["unshare", *APART, sys.executable, "-c", SILENCE, json.dumps([start, endless, asleep])],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 2


def test_a_printed_url_hides_its_password() -> None:
    url: URL = normalise_url("postgres://u:hunter2@h/d")
    assert "hunter2" not in str(url)
    assert "hunter2" not in repr(open_engine(url))
