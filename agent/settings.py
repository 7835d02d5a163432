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
    layers = (_Layer(environ), _ini_layer(environ), _dotenv_layer(folder / ".env"))
    found = {each.name: value for each in SETTINGS if (value := _find(each.names, layers))}
    if TOKEN.name not in found and (token := _token_file(layers)):
        found[TOKEN.name] = token
    for value in found.values():
        if not value.text.isprintable():
            raise SettingsError(
                f"{value.subject} holds a line break or another control character: remove it."
            )
    explicit = {name: value.text for name, value in found.items()}
    paths: dict[str, Path | None] = {}
    for setting in (CA_FILE, STATE_DIR):
        path = explicit.get(setting.name)
        paths[setting.name] = absolute = Path(path).expanduser().absolute() if path else None
        if absolute is not None:
            # A service starts in another folder.
            explicit[setting.name] = str(absolute)
    ca_file = paths[CA_FILE.name]
    if ca_file is not None and not ca_file.is_file():
        raise SettingsError(
            f"{found[CA_FILE.name].subject} is {ca_file}, which is no file: correct the path."
        )

    def of(setting: Setting) -> _Value:
        return found.get(setting.name) or _Value(setting.default or "", setting.name)

    return Settings(
        url=_parse_url(of(URL)),
        token=_check_token(found.get(TOKEN.name)),
        interval=_parse_interval(of(INTERVAL)),
        site=explicit.get(SITE.name),
        log_level=_parse_level(of(LOG_LEVEL)),
        state_dir=paths[STATE_DIR.name] or state_folder(),
        ca_file=ca_file,
        allow_http=_parse_flag(of(ALLOW_HTTP)),
        spool_bytes=_parse_int(of(SPOOL_MB), 1, 1000) * 1_000_000,
        spool_days=_parse_int(of(SPOOL_DAYS), 1, 365),
        explicit=explicit,
    )


@dataclass(frozen=True)
class _Layer:
    """Variables from one place: the process environment, or a file."""

    variables: Mapping[str, str]
    file: Path | None = None
    is_ini: bool = False

    def subject(self, name: str) -> str:
        """What a sentence about the variable begins with: as its author wrote it, and where."""
        written = name.removeprefix(PREFIX).lower() if self.is_ini else name
        return written if self.file is None else f"{written} in {self.file}"


@dataclass(frozen=True)
class _Value:
    """A value, and the variable that holds it."""

    text: str
    subject: str


def parse_duration(text: str) -> float | None:
    """The seconds of "60s", "2m", "1h30m", "1.5m" or "60"; None for anything else, and for less
    than a second or more than a day."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    number = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
    if re.fullmatch(number, text):
        total = float(text)
    elif re.fullmatch(rf"(?:{number}(?:ms|s|m|h))+", text):
        parts = re.findall(rf"({number})(ms|s|m|h)", text)
        total = sum(float(count) * units[unit] for count, unit in parts)
    else:
        return None
    return total if 1 <= total <= 86400 else None


def _parse_interval(value: _Value) -> float:
    seconds = parse_duration(value.text)
    if seconds is None:
        raise SettingsError(
            f"{value.subject} is {value.text!r}: set it to a time from 1s to 24h, for example 60s "
            "or 2m."
        )
    return seconds


def _find(names: tuple[str, ...], layers: tuple[_Layer, ...]) -> _Value | None:
    for layer in layers:
        for name in names:
            if text := layer.variables.get(name, "").strip():
                return _Value(text, layer.subject(name))
    return None


def _ini_layer(environ: Mapping[str, str]) -> _Layer:
    named = environ.get(CONFIG, "").strip()
    path = Path(named).expanduser() if named else ini_file()
    try:
        values = read_ini(path)
    except (FileNotFoundError, PermissionError) as error:
        if not named:
            return _Layer({})
        raise SettingsError(
            f"{CONFIG} is {path}, which cannot be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(_NOT_UTF8.format(path)) from error
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
    return _Layer(values, path, is_ini=True)


def _dotenv_layer(path: Path) -> _Layer:
    try:
        variables = read_dotenv(path)
    except UnicodeDecodeError as error:
        raise SettingsError(_NOT_UTF8.format(path)) from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}): make it readable or remove it."
        ) from error
    # What is UTF-16 without a mark can be read as UTF-8, with a NUL beside every letter.
    if variables and b"\0" in path.read_bytes():
        raise SettingsError(_NOT_UTF8.format(path))
    return _Layer(variables, path)


_NOT_UTF8 = "{} is not UTF-8: save it again with the encoding UTF-8."


def _token_file(layers: tuple[_Layer, ...]) -> _Value | None:
    path = _find((f"{TOKEN.name}_FILE",), layers)
    if path is None:
        return None
    try:
        content = Path(path.text).expanduser().read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path.subject} is {path.text}, which cannot be read: make it readable."
        ) from error
    if not content:
        raise SettingsError(f"{path.subject} is {path.text}, which is empty: put the token in it.")
    return _Value(content, f"{path.subject} names a file that")


def _check_token(token: _Value | None) -> str | None:
    if token is None:
        return None
    # It is sent as a header.
    if not re.fullmatch(r"[!-~]+", token.text):
        raise SettingsError(
            f"{token.subject} holds more than a token: copy it again, without spaces."
        )
    return token.text


def _parse_url(value: _Value) -> str | None:
    if not value.text:
        return None
    try:
        parts = urlsplit(value.text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username is not None or parts.query or parts.fragment:
        raise SettingsError(
            f"{value.subject} is not an address like https://inventory.example.com: correct it "
            "(without user, ? or #)."
        )
    return value.text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _parse_level(value: _Value) -> str:
    upper = value.text.upper()
    # TatuScan's names.
    level = {"WARN": "WARNING", "FATAL": "ERROR"}.get(upper, upper)
    if level not in LEVELS:
        raise SettingsError(
            f"{value.subject} is {value.text!r}: set it to one of {', '.join(LEVELS)}."
        )
    return level


def _parse_flag(value: _Value) -> bool:
    if value.text not in ("0", "1"):
        raise SettingsError(f"{value.subject} is {value.text!r}: set it to 1 or 0.")
    return value.text == "1"


def _parse_int(value: _Value, minimum: int, maximum: int) -> int:
    number = int(value.text) if re.fullmatch(r"[0-9]{1,6}", value.text) else -1
    if not minimum <= number <= maximum:
        raise SettingsError(
            f"{value.subject} is {value.text!r}: "
            f"set it to a whole number from {minimum} to {maximum}."
        )
    return number


def load_from_process() -> Settings:
    """`load` for this process."""
    return load(os.environ, Path.cwd())
