"""Settings: declared once, read strictly, from the process environment.

A setting is data (name, help, default), so that the documentation can be tested against the code.
The `env_*` functions read values; a wrong one raises `SettingsError`, whose text names the variable
and says what to do.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Environment = Mapping[str, str]


class SettingsError(Exception):
    """A setting is missing or wrong; the text names the variable and the fix."""


@dataclass(frozen=True)
class Setting:
    """One environment variable that the product reads."""

    name: str
    help: str
    default: str | None = None
    secret: bool = False
    aliases: tuple[str, ...] = ()
    aliases_win: bool = False
    """Whether a value under an alias wins over one under the name."""


DATABASE_URL = Setting(
    "DATABASE_URL",
    "Database address, e.g. postgresql://user:password@host/name; default SQLite in DATA_DIR",
    secret=True,
    aliases=("SQLALCHEMY_DATABASE_URI",),
)
DB_HOST = Setting("DB_HOST", "PostgreSQL host, when DATABASE_URL is not set", "localhost")
DB_PORT = Setting("DB_PORT", "PostgreSQL port", "5432")
DB_NAME = Setting("DB_NAME", "PostgreSQL database", "es_inventory_db")
DB_USER = Setting("DB_USER", "PostgreSQL user", "es_inventory_user")
DB_PASSWORD = Setting(
    "DB_PASSWORD", "PostgreSQL password, needed once one DB_ setting is set", secret=True
)
TATUSCAN_DB_DIR = Setting("TATUSCAN_DB_DIR", "Folder of the SQLite file (TatuScan's name for it)")
TATUSCAN_DB_FILE = Setting(
    "TATUSCAN_DB_FILE", "SQLite file in TATUSCAN_DB_DIR (TatuScan's name for it)"
)
DATA_DIR = Setting("DATA_DIR", "Folder for the SQLite file and rotated vendor tokens", "./data")
TIMEZONE = Setting("TIMEZONE", "Zone that decides the business day, e.g. America/Chicago", "UTC")
SECRET_KEY = Setting("SECRET_KEY", "Signs the session cookie, 32 characters or more", secret=True)
# TATUSCAN_PORT is the more specific name and wins, as it does in the seeds.
PORT = Setting(
    "PORT", "Port of the dashboard", "8050", aliases=("TATUSCAN_PORT",), aliases_win=True
)
HOST = Setting("HOST", "Address the dashboard listens on", "127.0.0.1")
AUTH = Setting(
    "AUTH", "How people sign in: password, none (loopback only), proxy, oidc", "password"
)
INGEST_AUTH = Setting(
    "INGEST_AUTH",
    "Who may report a machine: token (an enrolment token or its own key), or open (anybody: for "
    "TatuScan's clients, which have none)",
    "token",
)
INGEST_ADDRESS_RATE = Setting(
    "INGEST_ADDRESS_RATE", "Reports a minute that one address may send; no limit when not set"
)
# Its default is what each source declares (db/sources.py).
COLLECT_AT = Setting("COLLECT_AT", "When the worker collects each source, in TIMEZONE")
RETENTION_DAYS = Setting("RETENTION_DAYS", "Days of which every day is kept", "65")
MONTH_END_RETENTION_MONTHS = Setting(
    "MONTH_END_RETENTION_MONTHS", "Months of which the last day is kept", "24"
)
MONTH_CLOSE_DAYS = Setting(
    "MONTH_CLOSE_DAYS", "Days after its end from which a complete month closes by itself", "3"
)
SPARE_WORDS = Setting(
    "SPARE_WORDS", "Words in a display name or location that make a device spare", "spare"
)
SPARE_NODE_CLASSES = Setting(
    "SPARE_NODE_CLASSES", "Ninja node classes that make a device spare", "VMWARE_VM_GUEST"
)
INTERNAL_SITES = Setting(
    "INTERNAL_SITES", "Names of our own sites, whose devices are excluded, separated by ;", ""
)
LOG_LEVEL = Setting("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO")

SETTINGS: tuple[Setting, ...] = (
    DATABASE_URL, DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD, TATUSCAN_DB_DIR,
    TATUSCAN_DB_FILE, DATA_DIR, TIMEZONE, SECRET_KEY, PORT, HOST, AUTH, INGEST_AUTH,
    INGEST_ADDRESS_RATE, COLLECT_AT, RETENTION_DAYS, MONTH_END_RETENTION_MONTHS,
    MONTH_CLOSE_DAYS, SPARE_WORDS, SPARE_NODE_CLASSES, INTERNAL_SITES, LOG_LEVEL,
)  # fmt: skip
"""Every setting that belongs to no single source; a source declares its own beside its code."""


def env(setting: Setting, environ: Environment | None = None) -> str | None:
    """The value of `setting`, trimmed; its default when unset or empty."""
    environ = os.environ if environ is None else environ
    names = (setting.name, *setting.aliases)
    if setting.aliases_win:
        names = (*setting.aliases, setting.name)
    for name in names:
        value = env_secret_file(name, environ) if setting.secret else environ.get(name)
        if value is not None and value.strip():
            return value.strip()
    return setting.default


def is_set(setting: Setting, environ: Environment | None = None) -> bool:
    """Whether the environment sets `setting`, even to its default."""
    environ = os.environ if environ is None else environ
    names = (setting.name, f"{setting.name}_FILE") if setting.secret else (setting.name,)
    return any(environ.get(name, "").strip() for name in names)


def env_secret_file(name: str, environ: Environment) -> str | None:
    """`name`, or the content of the file that `NAME_FILE` points to."""
    value = environ.get(name)
    if value is not None and value.strip():
        return value
    path = environ.get(f"{name}_FILE", "").strip()
    if not path:
        return None
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{name}_FILE points to {path}, which cannot be read ({error}): "
            "make the file readable or unset the variable."
        ) from error
    if not content:
        raise SettingsError(f"{name}_FILE points to {path}, which is empty: put the secret in it.")
    return content


def env_required(setting: Setting, environ: Environment | None = None) -> str:
    """The value of `setting`.

    Raises:
        SettingsError: it is not set; the text says how to set it.
    """
    value = env(setting, environ)
    if value is None or value == "":
        file = f" or {setting.name}_FILE" if setting.secret else ""
        raise SettingsError(
            f"{setting.name} is not set: set {setting.name}{file} ({setting.help})."
        )
    return value


def env_int(
    setting: Setting, environ: Environment | None = None, *, least: int = 0, most: int = 10**6
) -> int:
    """The whole number in `setting`, between `least` and `most`."""
    value = env_required(setting, environ)
    # int() would also accept "1_000" and digits of other scripts, and is slow on very long texts.
    number = int(value) if re.fullmatch(r"-?[0-9]{1,12}", value) else None
    if number is None or not least <= number <= most:
        raise SettingsError(
            f"{setting.name} is {value!r}: set it to a whole number from {least} to {most}."
        )
    return number


def env_choice(
    setting: Setting, choices: tuple[str, ...], environ: Environment | None = None
) -> str:
    """The value of `setting`, which must be one of `choices`."""
    value = env_required(setting, environ)
    if value not in choices:
        raise SettingsError(f"{setting.name} is {value!r}: set it to one of {', '.join(choices)}.")
    return value


def env_list(
    setting: Setting, environ: Environment | None = None, separator: str = ","
) -> tuple[str, ...]:
    """The separated parts of `setting`, trimmed, without empty ones."""
    parts = (env(setting, environ) or "").split(separator)
    return tuple(part.strip() for part in parts if part.strip())


def timezone(environ: Environment | None = None) -> tzinfo:
    """The time zone of `TIMEZONE`; its `str()` is the name to store."""
    name = env_required(TIMEZONE, environ)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"TIMEZONE is {name!r}, which is no known zone: set it to a name like America/Chicago."
        ) from error


def data_dir(environ: Environment | None = None) -> Path:
    """The folder for the product's own files; it may not exist yet."""
    return Path(env_required(DATA_DIR, environ)).expanduser()
