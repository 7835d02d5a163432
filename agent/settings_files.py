"""Reads and writes settings files: ini, and .env in the server's dialect."""

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

SECTION = "agent"
PREFIX = "INVENTORY_HUB_"


def read_ini(path: Path) -> Mapping[str, str]:
    """The settings in an ini file, by their full names: "url" is INVENTORY_HUB_URL.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no ini file with our section.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
        section = parser[SECTION]
    except (configparser.Error, KeyError) as error:
        raise ValueError(str(error)) from error
    return {PREFIX + key.upper(): value for key, value in section.items()}


def format_ini(settings: Mapping[str, str]) -> str:
    """The text that `read_ini` reads."""
    lines = (f"{name.removeprefix(PREFIX).lower()} = {value}" for name, value in settings.items())
    return "\n".join((f"[{SECTION}]", *lines, ""))


def read_dotenv(path: Path) -> Mapping[str, str]:
    """The variables in a file of lines NAME=value; {} when there is no file.

    Raises:
        OSError, UnicodeDecodeError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    variables = {}
    for line in lines:
        match = re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*", line)
        if match:
            variables[match[1]] = _unquoted(match[2])
    return variables


def format_dotenv(settings: Mapping[str, str]) -> str:
    """The text that `read_dotenv` and systemd read."""
    escaped = {name: re.sub(r'(["\\$`])', r"\\\1", value) for name, value in settings.items()}
    return "".join(f'{name}="{value}"\n' for name, value in escaped.items())


def write_private(path: Path, text: str) -> None:
    """Replace a file atomically; only its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    if len(value) > 1 and value[0] == value[-1] == '"':
        return re.sub(r'\\(["\\$`])', r"\1", value[1:-1])
    return value
