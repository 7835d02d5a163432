"""ADD A SOURCE HERE: one file for each vendor, found because it is in this folder. A source may
also come as an installed package: its entry point in the group `inventory_hub.sources` names a
module like those here.

A source file has, top to bottom: a docstring (the vendor's API, what is taken from it), its
settings, FACTS (name, label, badge, colour, default time, order), VOLATILE, fetch (chooses a shared
pager, yields raw rows), to_record (pure). No SQL, no sleep, no page loop, no os.environ in it.
"""

import importlib
import ipaddress
import pkgutil
import time
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any, Protocol
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine

from db import machines
from db.settings import Environment, Setting, SettingsError, data_dir, env, env_required
from db.sources import SourceFacts, register_sources
from etl.records.record import FetchStats, Raw, Record
from etl.vendor.http import Session

ENTRY_POINT_GROUP = "inventory_hub.sources"


class Source(Protocol):
    """What a source module offers."""

    FACTS: SourceFacts
    VOLATILE: tuple[str, ...]
    """Dotted paths of payload keys that change hourly ("os.lastBootTime",
    "volumes[].freeSpace"): kept with their latest value only, never compared."""

    def fetch(self, session: Session) -> Iterator[Raw]:
        """Every device of the source as raw rows.

        Counts organizations, locations, pages and promised rows in `session.stats`.

        Raises:
            CollectionError: the source could not be read completely, for whatever reason.
        """

    def to_record(self, raw: Raw) -> Record:
        """One raw row as a record. Pure.

        Raises:
            BadRecord: the row cannot be read as a device.
            UnreadableId: its id cannot be read.
        """


def discover() -> dict[str, Source]:
    """Every source of this folder and of the installed packages, by its name and in that order.

    Raises:
        SettingsError: an installed source cannot be loaded, or its name is taken.
    """
    sources: dict[str, Source] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        sources[module.FACTS.name] = module
    for point in entry_points(group=ENTRY_POINT_GROUP):
        installed = _installed(point)
        if installed.FACTS.name in sources:
            raise SettingsError(
                f"There are two sources {installed.FACTS.name!r}: uninstall the package that "
                f"provides {point.value}."
            )
        sources[installed.FACTS.name] = installed
    return dict(sorted(sources.items()))


def register_discovered() -> None:
    """Make the discovered sources known to `db.sources`, before anything reads them there.

    Raises:
        SettingsError: as `discover` does.
    """
    register_sources(source.FACTS for source in discover().values())


def _installed(point: Any) -> Source:
    try:
        source: Source = point.load()
        missing = [name for name in _OFFERED if not hasattr(source, name)]
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise SettingsError(
            f"The source {point.name!r} ({point.value}) cannot be loaded ({error}): "
            "repair or uninstall its package."
        ) from error
    if missing:
        raise SettingsError(
            f"The source {point.name!r} ({point.value}) has no {' and no '.join(missing)}: "
            "repair or uninstall its package."
        )
    return source


_OFFERED = ("FACTS", "VOLATILE", "fetch", "to_record")


def configured(source: Source, environ: Environment | None = None) -> bool:
    """Whether all required settings of `source` are set.

    Raises:
        SettingsError: some are set and some are not.
    """
    missing = [setting for setting in source.FACTS.required if not env(setting, environ)]
    if not missing:
        return True
    if len(missing) < len(source.FACTS.required):
        env_required(missing[0], environ)
    return False


def settings_for(source: Source, environ: Environment | None = None) -> dict[str, str | None]:
    """The values of the settings of `source` by name; its address is checked and has no trailing
    slash.

    Raises:
        SettingsError: one is missing or wrong.
    """
    for setting in source.FACTS.required:
        env_required(setting, environ)
    values = {setting.name: env(setting, environ) for setting in source.FACTS.settings}
    for name, value in values.items():
        # They are sent in headers and addresses, where a line break or a curly quote would cause
        # errors that do not point to the copied key.
        if value is not None and not (value.isascii() and value.isprintable()):
            raise SettingsError(
                f"{name} holds a line break or a character that is not plain ASCII: copy it again."
            )
    if source.FACTS.address is not None:
        values[source.FACTS.address.name] = _base_url(source.FACTS.address, environ)
    return values


def open_session(
    source: Source,
    environ: Environment | None = None,
    stats: FetchStats | None = None,
    sleep: Callable[[float], None] = time.sleep,
    engine: Engine | None = None,
) -> Session:
    """A session for `source.fetch`. No request is sent yet.

    Args:
        sleep: waits between two attempts, in seconds.
        engine: our own database, for a source that reads what machines reported to us.

    Raises:
        SettingsError: a setting is missing or wrong.
    """
    values = settings_for(source, environ)
    address = source.FACTS.address
    return Session(
        source.FACTS.label,
        (values[address.name] if address else None) or "",
        values,
        stats or FetchStats(),
        data_dir(environ),
        address_name=address.name if address else "",
        sleep=sleep,
        engine=engine,
    )


def awaits_first_report(connection: Connection, source: Source) -> bool:
    """Whether no machine has reported yet to a source whose machines report themselves, and none
    was added by hand: such a source is not collected, which is no failure."""
    return source.FACTS.self_reporting and not machines.ever_had_machines(connection)


def _base_url(setting: Setting, environ: Environment | None) -> str:
    """The checked address in `setting`: https, or http on loopback; without a trailing slash."""
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
