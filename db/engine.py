"""The engine for a database address, and its transactions."""

import logging
import math
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from db.setting_types import SettingsError, WrongValue

log = logging.getLogger(__name__)

# SQLAlchemy 2.1 maps these names to psycopg 3 and mysqlclient, which we do not install. It treats
# "mariadb" as a dialect of its own, which would ignore our tables' mysql_collate.
DRIVERS = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
}


RenewedAddress = Callable[[], URL]
"""Reads the database's address as it is configured now."""

DatabaseError = SQLAlchemyError
"""What every statement raises when the database cannot be reached, read or written: for modules
that import no SQLAlchemy."""


def sqlite_url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def normalise_url(text: str) -> URL:
    """A database address with the drivers that we install.

    Raises:
        WrongValue: it is not a database address, or the database is not supported.
    """
    fix = (
        "set it to an address like postgresql://user:password@host/name, "
        "mysql://user:password@host/name or sqlite:///path/file.db"
    )
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise WrongValue(fix, "is not a database address") from error
    url = url.set(drivername=DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() not in ("sqlite", "postgresql", "mysql"):
        raise WrongValue(fix, f"names {url.drivername!r}, which is not supported")
    if url.get_backend_name() == "mysql" and "charset" not in url.query:
        url = url.update_query_dict({"charset": "utf8mb4"})
    return url


def open_engine(
    url: URL, renewed: RenewedAddress | None = None, *, away_after: int | None = None
) -> Engine:
    """An engine for `url`. For SQLite, creates the file's folder, and configures each connection
    for one writer and many concurrent readers.

    Args:
        renewed: reads the address again when the server admits no connection: the password may
            have been changed since.
        away_after: after how many seconds in which a connection is not answered, or the server's
            host takes nothing any more of one that stands, the server counts as away, where the
            address does not say; None for the driver's own patience. A statement may take longer.
    """
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url)
    if away_after is not None:
        url = url.set(query={**_patience(backend, away_after), **url.query})
    options: dict[str, Any] = {"pool_pre_ping": True}
    if backend == "postgresql":
        # psycopg2's default sends the rows of an upsert one by one.
        options["executemany_mode"] = "values_plus_batch"
    if backend == "mysql":
        # No gap locks: whatever needs a consistent snapshot uses `reading`.
        options["isolation_level"] = "READ COMMITTED"
        # Otherwise a server may be configured to truncate too long values silently.
        options["connect_args"] = {"init_command": "SET SESSION sql_mode = 'TRADITIONAL'"}
    limits_greeting = (
        backend == "mysql" and away_after is not None and "read_timeout" not in url.query
    )
    if limits_greeting:
        # PyMySQL's connect_timeout ends with TCP: it would wait for ever for a server's greeting.
        options["connect_args"]["read_timeout"] = away_after
    try:
        engine = create_engine(url, **options)
    except (SQLAlchemyError, ImportError) as error:
        raise SettingsError(
            f"DATABASE_URL cannot be used: {error}. Correct the address."
        ) from error
    if limits_greeting and away_after is not None:
        event.listen(engine, "connect", _established(away_after), insert=True)
    if renewed is not None:
        event.listen(engine, "do_connect", _with_renewed_password(url, renewed))
    return engine


# A host that vanishes does not say so: TCP goes on sending for a quarter of an hour, and waits for
# an answer for ever. Its own timers tell that apart from a statement that takes long.
PROBE_SECONDS = 1


def _patience(backend: str, seconds: int) -> dict[str, str]:
    """The parameters of an address by which its server counts as away after `seconds`."""
    limits = {"connect_timeout": str(seconds)}
    if backend == "postgresql":
        limits |= {
            "tcp_user_timeout": str(seconds * 1000),
            "keepalives_idle": str(seconds),
            "keepalives_interval": str(PROBE_SECONDS),
        }
    return limits


def _established(away_after: int) -> Callable[[Any, object], None]:
    """What a PyMySQL connection that stands is given, which has no public name for it: statements
    may take their time, but a host that vanished is noticed as PostgreSQL's driver does."""
    limits = {
        "TCP_USER_TIMEOUT": away_after * 1000,
        "TCP_KEEPIDLE": away_after,
        "TCP_KEEPINTVL": PROBE_SECONDS,
    }

    def configure(connection: Any, _record: object) -> None:
        connection._read_timeout = None
        if connection._sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        for name, value in limits.items():
            if (option := getattr(socket, name, None)) is not None:  # not on every system
                connection._sock.setsockopt(socket.IPPROTO_TCP, option, value)

    return configure


READ_AGAIN_SECONDS = 10
"""Between two readings of the address while the server cannot be reached."""


def _with_renewed_password(url: URL, renewed: RenewedAddress) -> Callable[..., Any]:
    """Connects, and where that fails once more with the password as it is now."""
    read_at = -math.inf
    login: dict[str, str | None] = {}  # Once it differs from `url`.

    def login_now() -> dict[str, str | None]:
        """User and password; those in use, if they cannot be read or are another database's."""
        nonlocal read_at
        if time.monotonic() < read_at + READ_AGAIN_SECONDS:
            return login
        read_at = time.monotonic()
        try:
            now = renewed()
        except SettingsError as error:
            log.error("the database's password cannot be read again: %s", error)
            return login
        same = (now.host, now.port, now.database) == (url.host, url.port, url.database)
        return {"user": now.username, "password": now.password} if same else login

    def connect(
        dialect: Dialect, _record: object, arguments: list[Any], parameters: dict[str, Any]
    ) -> Any:
        nonlocal login
        used = parameters | login
        try:
            return dialect.connect(*arguments, **used)
        except dialect.loaded_dbapi.Error:
            now = login_now()
            if now.items() <= used.items():
                raise
            connection = dialect.connect(*arguments, **used | now)
            login = now
            return connection

    return connect


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"The folder of {url.database} cannot be made ({error}): "
                "set DATA_DIR or DATABASE_URL to a place this user may write."
            ) from error
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        # sqlite3's own transaction handling begins too late and breaks savepoints and DDL.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-65536")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("write", False)
        # Lock at once for writing: upgrading a read transaction fails without waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A write transaction, committed at the end or rolled back on an error."""
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A read transaction in which every statement sees the same data."""
    options: dict[str, Any] = {}
    if engine.dialect.name != "sqlite":
        options["isolation_level"] = "REPEATABLE READ"
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def is_conflict(error: SQLAlchemyError) -> bool:
    """Whether a transaction failed because of a concurrent one (same key, serialization failure,
    deadlock, lock timeout) and may succeed when it is repeated."""
    if isinstance(error, IntegrityError):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else None
    mysql = cause.args[:1] if cause is not None else ()
    return getattr(cause, "pgcode", None) in ("40001", "40P01") or mysql in ((1205,), (1213,))
