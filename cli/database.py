"""`migrate`, and `open_database` for the other commands."""

import click
from sqlalchemy import Engine

from cli.settings import pass_settings
from db import migrate
from db.engine import open_engine
from db.settings import Settings


def open_database(settings: Settings) -> Engine:
    """The engine of the configured database; a new database gets its tables.

    Raises:
        WrongRevision: the database has another revision than this version.
    """
    engine = open_engine(settings.database)
    if migrate.current(engine) is None:
        migrate.upgrade(engine)
    migrate.check_revision(engine)
    return engine


@click.command("migrate")
@pass_settings
def migrate_command(settings: Settings) -> None:
    """Bring the database to this version's tables."""
    engine = open_engine(settings.database)
    before = migrate.current(engine)
    migrate.upgrade(engine)
    after = migrate.current(engine)
    click.echo(
        "Nothing to do." if before == after else f"Migrated from {before or 'nothing'} to {after}."
    )
