"""`migrate`, and `open_database` for the other commands."""

import sqlite3

import click
from sqlalchemy import URL, Engine

from cli.settings import pass_settings, renewed_database
from db import migrate
from db.engine import open_engine
from db.settings import Settings, SettingsError
from db.tatuscan import is_tatuscan


def open_database(settings: Settings) -> Engine:
    """The engine of the configured database; a new database gets its tables.

    Raises:
        WrongRevision: the database has another revision than this version.
        SettingsError: it is TatuScan's.
    """
    engine = open_own(settings)
    if migrate.current(engine) is None:
        migrate.upgrade(engine)
    migrate.check_revision(engine)
    return engine


def open_own(settings: Settings) -> Engine:
    """The engine of the configured database, whatever its revision.

    Raises:
        SettingsError: it is TatuScan's.
    """
    url = settings.database
    try:
        theirs = is_tatuscan(url)
    except sqlite3.Error:
        theirs = False  # Whoever opens it as ours says what is wrong with it.
    if theirs:
        raise SettingsError(
            f"This is a TatuScan database: run inventory-hub import-tatuscan {_place(url)} --yes "
            f"after you have set {_new_place(settings)}. TatuScan's own stays as it is."
        )
    return open_engine(url, renewed_database)


def _place(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return url.render_as_string(hide_password=True)


def _new_place(settings: Settings) -> str:
    """What to set for a database of our own."""
    if settings.database_url is None and settings.tatuscan_db_dir and not settings.db_password:
        return "TATUSCAN_DB_FILE to a new name, such as inventory.db"
    if settings.database_url is None and settings.db_password:
        return "DB_NAME to a new, empty database"
    return "DATABASE_URL to a new, empty database"


@click.command("migrate")
@pass_settings
def migrate_command(settings: Settings) -> None:
    """Bring the database to this version's tables."""
    engine = open_own(settings)
    before = migrate.current(engine)
    migrate.upgrade(engine)
    after = migrate.current(engine)
    click.echo(
        "Nothing to do." if before == after else f"Migrated from {before or 'nothing'} to {after}."
    )
