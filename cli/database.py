"""`migrate`, and `open_database` for the other commands."""

import click
from sqlalchemy import Engine

from db import migrate
from db.engine import database_url, open_engine
from db.settings import Environment, SettingsError


def open_database(environ: Environment | None = None) -> Engine:
    """The engine of the configured database; a new database gets its tables.

    Raises:
        SettingsError: the database has another revision than this version.
    """
    engine = open_engine(database_url(environ))
    revision = migrate.current(engine)
    if revision is None:
        migrate.upgrade(engine)
    elif revision != migrate.head():
        raise SettingsError(
            f"The database is at revision {revision}, this version needs {migrate.head()}: "
            "run inventory-hub migrate (after a backup)."
        )
    return engine


@click.command("migrate")
def migrate_command() -> None:
    """Bring the database to this version's tables."""
    engine = open_engine(database_url())
    before = migrate.current(engine)
    migrate.upgrade(engine)
    after = migrate.current(engine)
    click.echo(
        "Nothing to do." if before == after else f"Migrated from {before or 'nothing'} to {after}."
    )
