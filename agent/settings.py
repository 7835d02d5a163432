"""The agent's settings, read strictly from the environment, an ini file and .env."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from agent.paths import ini_file, state_folder
from agent.settings_files import PREFIX, SECTION, read_dotenv, read_ini

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingsError(Exception):
    """A setting is missing or wrong. The text names it and says what to do."""


@dataclass(frozen=True)
class Setting:
    """One variable; `alias` is TatuScan's name for it."""

    name: str
    help: str
    default: str | None = None
    alias: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, self.alias) if self.alias else (self.name,)


URL = Setting("INVENTORY_HUB_URL", "Address of the server", None, "TATUSCAN_URL")
TOKEN = Setting("INVENTORY_HUB_TOKEN", "Enrolment token of the site (or INVENTORY_HUB_TOKEN_FILE)")
INTERVAL = Setting("INVENTORY_HUB_INTERVAL", "Between two reports", "60s", "TATUSCAN_INTERVAL")
SITE = Setting("INVENTORY_HUB_SITE", "The customer's name, as it should be counted")
LOG_LEVEL = Setting(
    "INVENTORY_HUB_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", "INFO", "TATUSCAN_LOG_LEVEL"
)
STATE_DIR = Setting("INVENTORY_HUB_STATE_DIR", "Folder of the machine's id, its key and its spool")
CA_FILE = Setting("INVENTORY_HUB_CA_FILE", "Certificates to trust instead of the usual ones")
ALLOW_HTTP = Setting("INVENTORY_HUB_ALLOW_HTTP", "1 sends credentials without TLS", "0")
SPOOL_MB = Setting("INVENTORY_HUB_SPOOL_MB", "Most megabytes of undelivered reports", "10")
SPOOL_DAYS = Setting("INVENTORY_HUB_SPOOL_DAYS", "Most days of undelivered reports", "30")

SETTINGS = (
    URL, TOKEN, INTERVAL, SITE, LOG_LEVEL, STATE_DIR, CA_FILE, ALLOW_HTTP, SPOOL_MB, SPOOL_DAYS,
)  # fmt: skip
CONFIG = "INVENTORY_HUB_CONFIG"
"""Path of an ini file to read instead of the system's own."""


@dataclass(frozen=True)
class Settings:
    """Validated agent configuration."""

    url: str | None
    token: str | None
    interval: float
    site: str | None
    log_level: str
    state_dir: Path
    ca_file: Path | None
    allow_http: bool
    spool_bytes: int
    spool_days: int
    explicit: Mapping[str, str]
    """The settings that were set, by name; an installed service gets the same."""

    @property
    def server(self) -> str:
        """The server's address.

        Raises:
            SettingsError: it is not set.
        """
        if self.url is None:
            raise SettingsError(
                f"{URL.name} is not set: set it to the server's address, "
                "for example https://inventory.example.com."
            )
        return self.url

    @property
    def on_loopback(self) -> bool:
        """Whether the server is this machine."""
        return _is_loopback(urlsplit(self.server).hostname or "")

    @property
    def is_unencrypted(self) -> bool:
        """Whether reports go over a network without TLS."""
        return self.server.startswith("http:") and not self.on_loopback


def load(environ: Mapping[str, str], folder: Path) -> Settings:
    """Read the settings from `environ`, the ini file and `folder`/.env.

    Raises:
        SettingsError: one is wrong.
    """
    # Precedence: the environment under either name, the ini file, .env.
    layers = (environ, _ini_layer(environ), _dotenv_layer(folder / ".env"))
    explicit = {
        setting.name: value
        for setting in SETTINGS
        if (value := _value(setting, layers)) is not None
    }
    token = explicit.get(TOKEN.name) or _token_file(layers)
    if token is not None:
        explicit[TOKEN.name] = token
    values = {
        setting.name: explicit.get(setting.name, setting.default or "") for setting in SETTINGS
    }
    for name, value in explicit.items():
        if not value.isprintable():
            raise SettingsError(
                f"{name} holds a line break or another control character: remove it."
            )
    paths: dict[str, Path | None] = {}
    for setting in (CA_FILE, STATE_DIR):
        path = explicit.get(setting.name)
        paths[setting.name] = absolute = Path(path).expanduser().absolute() if path else None
        if absolute is not None:
            # A service starts in another folder.
            explicit[setting.name] = str(absolute)
    ca_file = paths[CA_FILE.name]
    if ca_file is not None and not ca_file.is_file():
        raise SettingsError(f"{CA_FILE.name} is {ca_file}, which is no file: correct the path.")
    return Settings(
        url=_parse_url(values[URL.name]),
        token=_check_token(token),
        interval=parse_duration(values[INTERVAL.name]),
        site=values[SITE.name] or None,
        log_level=_parse_level(values[LOG_LEVEL.name]),
        state_dir=paths[STATE_DIR.name] or state_folder(),
        ca_file=ca_file,
        allow_http=_parse_flag(values[ALLOW_HTTP.name]),
        spool_bytes=_parse_int(SPOOL_MB, values[SPOOL_MB.name], 1, 1000) * 1_000_000,
        spool_days=_parse_int(SPOOL_DAYS, values[SPOOL_DAYS.name], 1, 365),
        explicit=explicit,
    )


def parse_duration(text: str) -> float:
    """The seconds of "60s", "2m", "1h30m", "1.5m" or "60".

    Raises:
        SettingsError: `text` is none of these, or less than a second, or more than a day.
    """
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    number = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
    if re.fullmatch(number, text):
        total = float(text)
    elif re.fullmatch(rf"(?:{number}(?:ms|s|m|h))+", text):
        parts = re.findall(rf"({number})(ms|s|m|h)", text)
        total = sum(float(count) * units[unit] for count, unit in parts)
    else:
        total = 0.0
    if not 1 <= total <= 86400:
        raise SettingsError(
            f"{INTERVAL.name} is {text!r}: set it to a time from 1s to 24h, for example 60s or 2m."
        )
    return total


def _value(setting: Setting, layers: tuple[Mapping[str, str], ...]) -> str | None:
    for layer in layers:
        for name in setting.names:
            if value := layer.get(name, "").strip():
                return value
    return None


def _ini_layer(environ: Mapping[str, str]) -> Mapping[str, str]:
    named = environ.get(CONFIG, "").strip()
    path = Path(named).expanduser() if named else ini_file()
    try:
        values = read_ini(path)
    except (FileNotFoundError, PermissionError) as error:
        if not named:
            return {}
        raise SettingsError(
            f"{CONFIG} is {path}, which cannot be read: {error.strerror}."
        ) from error
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read: write [{SECTION}] into its first line, "
            "then lines like url = https://inventory.example.com."
        ) from error
    known = {setting.name for setting in SETTINGS} | {f"{TOKEN.name}_FILE"}
    for name in values:
        if name not in known:
            key = name.removeprefix(PREFIX).lower()
            raise SettingsError(f"{path} sets {key!r}, which is no setting: remove or correct it.")
    return values


def _dotenv_layer(path: Path) -> Mapping[str, str]:
    try:
        return read_dotenv(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read ({error}): mend or remove it.") from error


def _token_file(layers: tuple[Mapping[str, str], ...]) -> str | None:
    name = f"{TOKEN.name}_FILE"
    path = _value(Setting(name, ""), layers)
    if path is None:
        return None
    try:
        content = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} is {path}, which cannot be read: make it readable.") from error
    if not content:
        raise SettingsError(f"{name} is {path}, which is empty: put the token in it.")
    return content


def _check_token(token: str | None) -> str | None:
    # It is sent as a header.
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise SettingsError(f"{TOKEN.name} holds more than a token: copy it again, without spaces.")
    return token


def _parse_url(text: str) -> str | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username is not None or parts.query or parts.fragment:
        raise SettingsError(
            f"{URL.name} is not an address like https://inventory.example.com: correct it "
            "(without user, ? or #)."
        )
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _parse_level(text: str) -> str:
    # TatuScan's names.
    level = {"WARN": "WARNING", "FATAL": "ERROR"}.get(text.upper(), text.upper())
    if level not in LEVELS:
        raise SettingsError(f"{LOG_LEVEL.name} is {text!r}: set it to one of {', '.join(LEVELS)}.")
    return level


def _parse_flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise SettingsError(f"{ALLOW_HTTP.name} is {text!r}: set it to 1 or 0.")
    return text == "1"


def _parse_int(setting: Setting, text: str, minimum: int, maximum: int) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,6}", text) else -1
    if not minimum <= number <= maximum:
        raise SettingsError(
            f"{setting.name} is {text!r}: set it to a whole number from {minimum} to {maximum}."
        )
    return number


def load_from_process() -> Settings:
    """`load` for this process."""
    return load(os.environ, Path.cwd())
