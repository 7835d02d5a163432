"""Schema migrations with Alembic, which is configured here in code."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from db.setting_types import SettingsError


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    # Alembic's settings come from an ini file, where % has a meaning.
    folder = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    config.set_main_option("path_separator", "os")
    if connection is not None:
        config.attributes["connection"] = connection
    return config


@cache
def head() -> str:
    """The newest revision of this version of the product."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "the product has at least one revision"
    return revision


def current(engine: Engine) -> str | None:
    """The database's revision; None before its first migration."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_current(connection: Connection) -> bool:
    """Whether the database has this version's tables."""
    return MigrationContext.configure(connection).get_current_revision() == head()


class WrongRevision(SettingsError):
    """The database's tables are not those of this version; the text says what to do."""


def check_revision(engine: Engine) -> None:
    """Check that the database has this version's tables.

    Raises:
        WrongRevision: it has older tables, or newer ones, or none yet.
    """
    revision = current(engine)
    if revision != head():
        check_not_newer(revision)
        raise WrongRevision(
            f"The database is at revision {revision or 'none'}, this version needs {head()}: "
            "run inventory-hub migrate (after a backup)."
        )


def check_not_newer(revision: str | None) -> None:
    """Check that this version knows `revision`.

    Raises:
        WrongRevision: a newer version has migrated the database.
    """
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise WrongRevision(
            f"The database is at revision {revision}, which a newer version has made; this version "
            f"knows revisions up to {head()}: install the newer version again, or restore the "
            "backup from before its migration."
        )


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply the missing revisions up to `revision`. Of several processes that call this at the same
    time one migrates; the others wait, and then have nothing to do.

    Raises:
        WrongRevision: a newer version has migrated the database.
    """
    check_not_newer(current(engine))
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
