"""Schema migrations with Alembic, which is configured here in code."""

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
    """The newest revision of this version of the product."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "the product has at least one revision"
    return revision


def current(engine: Engine) -> str | None:
    """The database's revision; None before its first migration."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply the missing revisions up to `revision`. Of several processes that call this at the same
    time one migrates; the others wait, and then have nothing to do."""
    with _locked(engine), engine.connect().execution_options(write=True) as connection:
        if engine.dialect.name == "sqlite":
            # Without an open transaction Alembic commits after each revision, and another process
            # could start the next one too.
            connection.begin()
        command.upgrade(_config(connection), revision)
        connection.commit()


def downgrade(engine: Engine, revision: str) -> None:
    """Revert every revision after `revision` ('base' for all)."""
    with engine.connect().execution_options(write=True) as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()


_LOCKS = {
    "postgresql": ("SELECT pg_advisory_lock(7214)", "SELECT pg_advisory_unlock(7214)"),
    "mysql": (
        "SELECT GET_LOCK('inventory_hub_migrate', 600)",
        "SELECT RELEASE_LOCK('inventory_hub_migrate')",
    ),
}


@contextmanager
def _locked(engine: Engine) -> Iterator[None]:
    """Hold the migration lock. SQLite needs none: a write transaction excludes other writers."""
    if engine.dialect.name not in _LOCKS:
        yield
        return
    lock, unlock = _LOCKS[engine.dialect.name]
    with engine.connect() as connection:
        connection.execute(text(lock))
        try:
            yield
        finally:
            connection.execute(text(unlock))


def check(engine: Engine) -> None:
    """Raise if the migrated database differs from the declared tables."""
    with engine.connect() as connection:
        command.check(_config(connection))
