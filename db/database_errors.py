"""Why the database refuses, and which settings to look at: sentences for whoever runs commands."""

import sqlite3
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from db.settings import Settings


class Cause(StrEnum):
    """What keeps a statement from being carried out."""

    AWAY = "away"
    """No server answers at the address."""
    STARTING = "starting"
    """The server is starting or stopping."""
    PASSWORD = "password"
    """The server knows no such user, or not this password."""
    NO_DATABASE = "no_database"
    """The server has no database of the name."""
    NO_RIGHT = "no_right"
    """The user may not do this."""
    FILE = "file"
    """The SQLite file cannot be opened, or not be written."""
    OTHER = "other"


# What PostgreSQL and MariaDB call it: SQLSTATE, error number.
_CODES: dict[object, Cause] = {
    "28P01": Cause.PASSWORD, "28000": Cause.PASSWORD, 1045: Cause.PASSWORD, 1698: Cause.PASSWORD,
    "3D000": Cause.NO_DATABASE, 1049: Cause.NO_DATABASE,
    "42501": Cause.NO_RIGHT, 1044: Cause.NO_RIGHT, 1142: Cause.NO_RIGHT, 1143: Cause.NO_RIGHT,
    1227: Cause.NO_RIGHT, 1370: Cause.NO_RIGHT,
    "57P03": Cause.STARTING, "57P01": Cause.STARTING, 1053: Cause.STARTING,
    2002: Cause.AWAY, 2003: Cause.AWAY, 2006: Cause.AWAY, 2013: Cause.AWAY,
}  # fmt: skip
_SQLITE = ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_FULL",
           "SQLITE_IOERR", "SQLITE_PERM")  # fmt: skip
# Of a connection that fails libpq gives no SQLSTATE, only the server's words. What is in another
# language than these gets the general advice.
_WORDS = (
    ("password authentication failed", Cause.PASSWORD),
    ("no password supplied", Cause.PASSWORD),
    ("no pg_hba.conf entry", Cause.PASSWORD),
    ('role "', Cause.PASSWORD),
    ("permission denied", Cause.NO_RIGHT),
    ('FATAL:  database "', Cause.NO_DATABASE),
    ("the database system is", Cause.STARTING),
    ("terminating connection", Cause.STARTING),
    ("connection to server", Cause.AWAY),
    ("could not translate host name", Cause.AWAY),
    ("server closed the connection", Cause.AWAY),
)


def cause_of(error: SQLAlchemyError) -> Cause:
    """What is the matter with the database."""
    original = getattr(error, "orig", None)
    if isinstance(original, sqlite3.Error):
        name = str(getattr(original, "sqlite_errorname", ""))
        return Cause.FILE if name.startswith(_SQLITE) else Cause.OTHER
    args = getattr(original, "args", ())
    code = getattr(original, "pgcode", None) or (args[0] if args else None)
    if code in _CODES:
        return _CODES[code]
    words = str(original)
    return next((cause for phrase, cause in _WORDS if phrase in words), Cause.OTHER)


def advice(error: SQLAlchemyError, settings: Settings) -> str:
    """What the database says and what to do about it, with the variables that are in use."""
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return f"The database refused: {reason.rstrip('.')}. {_advice(cause_of(error), settings)}"


def _advice(cause: Cause, settings: Settings) -> str:
    url = settings.database
    if cause == Cause.AWAY:
        return (
            f"Start the database server of {url.host}, or correct "
            f"{_variables(settings, 'db_host', 'db_port')}."
        )
    if cause == Cause.STARTING:
        return "The database server is starting or stopping: try again in a moment."
    if cause == Cause.PASSWORD:
        return (
            f"The server does not let {url.username!r} in with this password: correct "
            f"{_variables(settings, 'db_user', 'db_password')}."
        )
    if cause == Cause.NO_DATABASE:
        return (
            f"Create the database {url.database!r} with {url.username!r} as its owner, or correct "
            f"{_variables(settings, 'db_name')}."
        )
    if cause == Cause.NO_RIGHT:
        return (
            f"The password is right, but {url.username!r} may not do this: make it the owner of "
            f"{url.database!r}, or let the owner run the statements that inventory-hub grants "
            f"prints, or correct {_variables(settings, 'db_user')}."
        )
    if cause == Cause.FILE:
        return (
            f"Let this user read and write {url.database} and its folder, see that the disk has "
            f"room, or correct {_variables(settings)}."
        )
    return f"Check {_variables(settings, 'db_host', 'db_port')} and that it is running."


def _variables(settings: Settings, *parts: str) -> str:
    """The variables that name the database, of the `DB_` ones those of `parts`."""
    set_by = settings.set_by
    if settings.database_url is not None:
        return set_by.get("database_url", "DATABASE_URL")
    if settings.database.get_backend_name() != "sqlite":
        return " and ".join(set_by.get(part, part.upper()) for part in parts)
    if settings.tatuscan_db_dir is not None:
        return "TATUSCAN_DB_DIR"
    return set_by.get("data_dir", "DATA_DIR or DATABASE_URL")
