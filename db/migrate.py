"""Bring a database to the newest revision. Alembic is configured here, in code."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision that this version of the product knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "the product has at least one revision"
    return revision


def current(engine: Engine) -> str | None:
    """The database's revision; None for a database that was never migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply every revision up to `revision` that the database lacks. Of several who start this at
    the same time one does it; the others wait, and find nothing to do."""
    with _alone(engine), engine.connect().execution_options(write=True) as connection:
        if engine.dialect.name == "sqlite":
            # Alembic commits each revision unless it finds a transaction; in between another
            # process would begin the next one too.
            connection.begin()
        command.upgrade(_config(connection), revision)
        connection.commit()


def downgrade(engine: Engine, revision: str) -> None:
    """Take back every revision after `revision` ('base' for all)."""
    with engine.connect().execution_options(write=True) as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()


_LOCKS = {
    "postgresql": ("SELECT pg_advisory_lock(7214)", "SELECT pg_advisory_unlock(7214)"),
    "mysql": ("SELECT GET_LOCK('inventory_hub_migrate', 600)",
              "SELECT RELEASE_LOCK('inventory_hub_migrate')"),
}  # fmt: skip


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Keep others from migrating. SQLite's write transaction does that by itself."""
    if engine.dialect.name not in _LOCKS:
        yield
        return
    take, leave = _LOCKS[engine.dialect.name]
    with engine.connect() as connection:
        connection.execute(text(take))
        try:
            yield
        finally:
            connection.execute(text(leave))


def check(engine: Engine) -> None:
    """Raise when the tables as declared and the migrated database differ."""
    with engine.connect() as connection:
        command.check(_config(connection))
