"""The types of settings, and the base of the models that declare them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.fields import FieldInfo

INDIRECT = ("_FILE", "_FROM")
"""Ends of the names of variables that say where a secret is: a file; a place in a store."""


class SettingsError(Exception):
    """A setting, an argument or a file of the user is wrong; the text names it and the fix."""


class WrongValue(ValueError):
    """What is wrong with the value of one variable.

    `fix` is what to do. `state` stands between the variable's name and the fix where "is <value>"
    would not do: for secrets, whose values are never shown.
    """

    def __init__(self, fix: str, state: str | None = None) -> None:
        super().__init__(fix)
        self.fix = fix
        self.state = state


@dataclass(frozen=True)
class Names:
    """Annotates a field that has several variables; the first that is set wins."""

    names: tuple[str, ...]


class SkipServiceLinks:
    """Annotates a field for whose variables Kubernetes may set an address: a service named `x` puts
    X_PORT=tcp://10.43.0.12:80 into every container beside it. Such a value is none of ours."""


class SettingsModel(BaseModel):
    """Settings, as read from variables that are named like the fields, in capitals.

    A field with `repr=False` is a secret: it is never shown, and its value may be in a file that
    the variable NAME_FILE names, or in a store at the place that NAME_FROM names. Its docstring
    completes "NAME is not set: set NAME (...)". With `exclude=True` a field is not set by a
    variable.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)


class SourceSettings(SettingsModel):
    """The settings of one source. It is configured when those without a default are set."""


@dataclass(frozen=True)
class Variable:
    """How one field of a model is set."""

    field: str
    names: tuple[str, ...]
    """Of the variables, the first that is set wins."""
    secret: bool
    skips_service_links: bool
    info: FieldInfo

    @property
    def name(self) -> str:
        """The product's own name; the others are those of the seeds."""
        return self.field.upper()

    @property
    def all_names(self) -> list[str]:
        """Every variable that sets it: of a secret also those that say where it is."""
        indirect = (f"{name}{end}" for name in self.names for end in INDIRECT if self.secret)
        return [*self.names, *indirect]

    def is_set(self, environ: Mapping[str, str]) -> bool:
        """Whether `environ` sets it, by any name."""
        return any(environ.get(name, "").strip() for name in self.all_names)


class NotSet(ValueError):
    """A variable is not set, but has to be; the text says how."""

    def __init__(self, variable: Variable) -> None:
        name = variable.name
        file = f" or {name}_FILE" if variable.secret else ""
        meaning = " ".join((variable.info.description or "").split())
        super().__init__(f"{name} is not set: set {name}{file} ({meaning}).")
        self.variable = variable


@cache
def variables(model: type[SettingsModel]) -> tuple[Variable, ...]:
    """The variables that set the fields of `model`, in its order."""
    return tuple(
        Variable(
            field,
            next(
                (each.names for each in info.metadata if isinstance(each, Names)), (field.upper(),)
            ),
            secret=not info.repr,
            skips_service_links=any(isinstance(each, SkipServiceLinks) for each in info.metadata),
            info=info,
        )
        for field, info in model.model_fields.items()
        if not info.exclude
    )


def variable(model: type[SettingsModel], field: str) -> Variable:
    """The variables of one field."""
    return next(each for each in variables(model) if each.field == field)


def whole(least: int, most: int) -> BeforeValidator:
    """Accepts the whole numbers from `least` to `most`."""

    def parse(text: str) -> int:
        # int() would also accept "1_000" and digits of other scripts, and is slow on long texts.
        number = int(text) if re.fullmatch(r"-?[0-9]{1,12}", text) else None
        if number is None or not least <= number <= most:
            raise WrongValue(f"set it to a whole number from {least} to {most}")
        return number

    return BeforeValidator(parse)


def listed(separator: str) -> BeforeValidator:
    """Accepts parts between `separator`; empty ones are dropped."""
    return BeforeValidator(
        lambda text: tuple(part.strip() for part in text.split(separator) if part.strip())
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongValue(
            "set it to a name like America/Chicago", f"is {name!r}, which is no known zone"
        ) from None


def _for_header(text: str) -> str:
    # It is sent in headers and addresses, where a line break or a curly quote would cause errors
    # that do not point to the copied key.
    if not (text.isascii() and text.isprintable()):
        raise WrongValue(
            "copy it again", "holds a line break or a character that is not plain ASCII"
        )
    return text


def vendor_address(text: str) -> str:
    """`text` without its trailing slash, if a secret may be sent there.

    Raises:
        WrongValue: it is no address, or neither https nor on loopback.
    """
    text = _for_header(text)
    example = "set it to an address like https://host"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise WrongValue(example, "is no address") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise WrongValue("leave out user, password, ? and #", "must hold an address only")
    if not host or parts.scheme not in ("https", "http"):
        raise WrongValue(example)
    if parts.scheme == "http" and not is_loopback(host):
        raise WrongValue("set it to https, or everybody on the way reads the key")
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


Port = Annotated[int, whole(1, 65535), SkipServiceLinks()]
Folder = Annotated[Path, BeforeValidator(lambda text: Path(text).expanduser())]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
"""A time zone; its `str()` is the name to store."""
HeaderText = Annotated[str, BeforeValidator(_for_header)]
"""What a request carries in its headers or its address."""
VendorAddress = Annotated[str, BeforeValidator(vendor_address)]
"""https, or http on loopback; without a trailing slash."""
