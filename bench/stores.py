"""Databases to measure on: of each kind one with our tables and one with the floor's."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from bench import seed_layout
from db import migrate
from db.engine import open_engine, sqlite_url

if TYPE_CHECKING:
    from tests.support.servers import DatabaseServer

KINDS = ("sqlite", "postgresql")


class Unavailable(Exception):
    """A kind of database cannot be started; the text says why and what to do."""


@dataclass(frozen=True)
class Store:
    """A pair of databases of one kind, initially empty."""

    kind: str
    ours: Engine
    floor: Engine

    def run_maintenance(self) -> None:
        """Run now what would otherwise fall into the measured seconds: PostgreSQL's checkpoint, and
        the statistics that autovacuum gathers a minute after a load."""
        if self.kind == "postgresql":
            for engine in (self.ours, self.floor):
                with engine.connect() as connection:
                    connection.execute(text("CHECKPOINT"))
                    connection.execute(text("ANALYZE"))
                    connection.commit()

    def megabytes(self) -> tuple[float, float]:
        """The disk sizes of ours and the floor's, with indexes."""
        return _megabytes(self.ours), _megabytes(self.floor)


OpenStores = Callable[[], AbstractContextManager[list[Store]]]


@contextmanager
def stores(kinds: tuple[str, ...]) -> Iterator[OpenStores]:
    """What opens a store of each kind, in temporary folders; PostgreSQL starts once, when it is
    first needed.

    Raises:
        Unavailable: by what is yielded; PostgreSQL is among the kinds, but not installed.
    """
    with ExitStack() as running:
        make = {"sqlite": _sqlite}

        @contextmanager
        def opened() -> Iterator[list[Store]]:
            if "postgresql" in kinds and "postgresql" not in make:
                make["postgresql"] = partial(_postgresql, running.enter_context(_server()))
            with ExitStack() as stack:
                yield [stack.enter_context(make[kind]()) for kind in kinds]

        yield opened


@contextmanager
def _sqlite() -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        ours, floor = (open_engine(sqlite_url(Path(folder) / f"{n}.db")) for n in ("ours", "floor"))
        yield from _prepared("sqlite", ours, floor)


@contextmanager
def _server() -> Iterator["DatabaseServer"]:
    try:
        # The tests start it from its wheel; they may not be installed.
        from tests.support import servers
    except ImportError as error:
        raise Unavailable(
            f"PostgreSQL is measured with what the tests install ({error}): "
            "pip install -e '.[test]', or choose --databases sqlite."
        ) from error
    try:
        with servers.postgres(durable=True) as server:
            yield server
    except servers.Missing as error:
        raise Unavailable(f"{error} Or choose --databases sqlite.") from error


@contextmanager
def _postgresql(server: "DatabaseServer") -> Iterator[Store]:
    ours, floor = (open_engine(server.create()) for _ in range(2))
    yield from _prepared("postgresql", ours, floor)
    for engine in (ours, floor):
        server.drop(engine.url)


def _prepared(kind: str, ours: Engine, floor: Engine) -> Iterator[Store]:
    migrate.upgrade(ours)
    seed_layout.create(floor)
    yield Store(kind, ours, floor)
    ours.dispose()
    floor.dispose()


def _megabytes(engine: Engine) -> float:
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.commit()
        raw = engine.raw_connection()
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        return Path(str(engine.url.database)).stat().st_size / 1e6
    with engine.connect() as connection:
        size = connection.scalar(
            text(
                "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE c.relkind = 'r' AND n.nspname = 'public'"
            )
        )
    return float(size or 0) / 1e6
