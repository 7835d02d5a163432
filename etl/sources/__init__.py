"""ADD A SOURCE HERE: one file for each vendor, found because it is in this folder. A source may
also come as an installed package: its entry point in the group `inventory_hub.sources` names a
module like those here.

A source file has, top to bottom: a docstring (the vendor's API, what is taken from it), its
settings, FACTS (name, label, badge, colour, default time, order), VOLATILE, fetch (chooses a shared
pager, yields raw rows), to_record (pure). No SQL, no sleep, no page loop, no os.environ in it.
"""

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from db import machines
from db.settings import Settings, SettingsError, active_settings
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


def configured(source: Source, settings: Settings | None = None) -> bool:
    """Whether all settings that `source` requires are set."""
    return source.FACTS.name in active_settings(settings).sources


def open_session(
    source: Source,
    settings: Settings | None = None,
    stats: FetchStats | None = None,
    sleep: Callable[[float], None] = time.sleep,
    engine: Engine | None = None,
) -> Session:
    """A session for `source.fetch`. No request is sent yet.

    Args:
        sleep: waits between two attempts, in seconds.
        engine: our own database, for a source that reads what machines reported to us.

    Raises:
        SettingsError: the source is not configured.
    """
    settings = active_settings(settings)
    facts = source.FACTS
    own = settings.of_source(facts)
    return Session(
        facts.label,
        getattr(own, facts.address) if facts.address else "",
        own,
        stats or FetchStats(),
        settings.data_dir,
        address_name=facts.address.upper() if facts.address else "",
        zone=settings.timezone,
        sleep=sleep,
        engine=engine,
    )


def awaits_first_report(connection: Connection, source: Source) -> bool:
    """Whether no machine has reported yet to a source whose machines report themselves, and none
    was added by hand: such a source is not collected, which is no failure."""
    return source.FACTS.self_reporting and not machines.ever_had_machines(connection)
