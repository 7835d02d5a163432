"""ADD A SOURCE HERE: one file each, found by its being here.

A source file has, top to bottom: a docstring (the vendor's API, what we take), NAME, LABEL,
SETTINGS, NEEDS, ADDRESS, VOLATILE, fetch (chooses a shared pager, yields raw rows), to_record
(pure). No SQL, no sleep, no page loop, no os.environ in it.
"""

import importlib
import ipaddress
import pkgutil
import time
from collections.abc import Callable, Iterator
from typing import Protocol
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine

from db import machines
from db.settings import Environment, Setting, SettingsError, data_dir, env, env_required
from etl.records.record import Raw, Record, Tally
from etl.vendor.http import Session


class Source(Protocol):
    """What a source module offers."""

    NAME: str
    """The source's name in tables, addresses and commands, e.g. "ninja"."""
    LABEL: str
    """What people read, e.g. "NinjaRMM"."""
    SETTINGS: tuple[Setting, ...]
    """The settings it reads; it is configured when its `NEEDS` are set."""
    NEEDS: tuple[Setting, ...]
    ADDRESS: Setting | None
    """The one of them that holds the vendor's base URL; None for a source without a vendor."""
    VOLATILE: tuple[str, ...]
    """Dotted paths of payload keys that change hourly ("os.lastBootTime",
    "volumes[].freeSpace"): kept with their latest value only, never compared."""

    def fetch(self, session: Session) -> Iterator[Raw]:
        """Every device of the source as raw rows.

        Counts organizations, locations, pages and promised rows in `session.tally`.

        Raises:
            CollectionError: the source did not tell the whole truth, for whatever reason.
        """

    def to_record(self, raw: Raw) -> Record:
        """One raw row as a record. Pure.

        Raises:
            BadRecord: the row cannot be read as a device.
            UnreadableId: its id cannot be read.
        """


def discover() -> dict[str, Source]:
    """Every source of this folder by its name."""
    modules = (
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
        if not info.name.startswith("_")
    )
    return {module.NAME: module for module in modules}


def configured(source: Source, environ: Environment | None = None) -> bool:
    """Whether everything that `source` needs is set.

    Raises:
        SettingsError: some of it is set, some is not.
    """
    missing = [need for need in source.NEEDS if not env(need, environ)]
    if not missing:
        return True
    if len(missing) < len(source.NEEDS):
        env_required(missing[0], environ)
    return False


def settings_for(source: Source, environ: Environment | None = None) -> dict[str, str | None]:
    """The settings of `source` by name; the address checked and without a slash at its end.

    Raises:
        SettingsError: one is missing or wrong.
    """
    for need in source.NEEDS:
        env_required(need, environ)
    values = {setting.name: env(setting, environ) for setting in source.SETTINGS}
    for name, value in values.items():
        # They travel in headers and addresses, where a line break or a curly quote breaks things
        # in ways that nobody would trace back to a copied key.
        if value is not None and not (value.isascii() and value.isprintable()):
            raise SettingsError(
                f"{name} holds a line break or a character that is not plain ASCII: copy it again."
            )
    if source.ADDRESS is not None:
        values[source.ADDRESS.name] = _base_url(source.ADDRESS, environ)
    return values


def open_session(
    source: Source,
    environ: Environment | None = None,
    tally: Tally | None = None,
    sleep: Callable[[float], None] = time.sleep,
    engine: Engine | None = None,
) -> Session:
    """A session with the vendor of `source`, as `fetch` takes it. Nothing is sent yet.

    Args:
        sleep: how to wait between two tries, in seconds.
        engine: our own database, for a source that reads what machines reported to us.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    values = settings_for(source, environ)
    address = source.ADDRESS
    return Session(
        source.LABEL,
        (values[address.name] if address else None) or "",
        values,
        tally or Tally(),
        data_dir(environ),
        address_name=address.name if address else "",
        sleep=sleep,
        engine=engine,
    )


def not_begun(connection: Connection, source: Source) -> bool:
    """Whether `source` has nothing to say yet, and that is no failure: machines are to report to
    us, and none ever has."""
    return source.NAME == machines.SOURCE and not machines.ever_reported(connection)


def _base_url(setting: Setting, environ: Environment | None) -> str:
    """A vendor's address: https, or http on this very machine; without a slash at its end."""
    url = env_required(setting, environ)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(
            f"{setting.name} is no address: set it to one like https://host ({setting.help})."
        ) from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            f"{setting.name} must hold an address only: leave out user, password, ? and #."
        )
    if not host or parts.scheme not in ("https", "http"):
        raise SettingsError(
            f"{setting.name} is {url!r}: set it to an address like https://host ({setting.help})."
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise SettingsError(
            f"{setting.name} is {url!r}: set it to https, or everybody on the way reads the key."
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
