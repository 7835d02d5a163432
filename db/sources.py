"""The registry of sources: what each one is called, how it looks and when it is collected.

A source's own file declares its `SourceFacts` (a file in etl/sources, or an installed package);
`cli` registers all of them before anything else is imported. `db` and `dashboard` know sources
from here alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time

from db.setting_types import SourceSettings, Variable, variables

BASES_OF_ALL = ("assets", "records")
"""The bases that count several sources; every source is a basis of its own beside them."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,15}")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True)
class SourceFacts:
    """What the product knows of a source without collecting it.

    Raises:
        ValueError: the name, the badge or the colour has a form that cannot be used.
    """

    name: str
    """In tables, addresses, commands and API fields (`<name>_devices`): 1 to 16 of a-z, 0-9, _."""
    label: str
    """What people read, e.g. the vendor's product name."""
    badge: str
    """One or two letters that stand for the source where there is little room."""
    colour: str
    """Of the badge, as #RRGGBB."""
    collect_at: time
    """When the worker collects it while COLLECT_AT is not set, in TIMEZONE."""
    order: int = 50
    """Its place among the sources, on pages and in deciding which record represents a machine
    (lowest first); a saved version of the rules may have another order."""
    expected: bool = False
    """Whether every site is expected to have it, until a version of the rules says otherwise."""
    self_reporting: bool = False
    """Whether its machines report themselves to this server; no vendor is queried for them."""
    settings: type[SourceSettings] = SourceSettings
    """What its collection reads; without those that have no default it is not configured."""
    address: str | None = None
    """The field of `settings` that holds the vendor's base URL; None for a source without a
    vendor."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in BASES_OF_ALL:
            raise ValueError(f"{self.name!r} cannot name a source: use 1 to 16 of a-z, 0-9 and _.")
        if not 1 <= len(self.badge) <= 2:
            raise ValueError(f"The badge of {self.name} is {self.badge!r}: use 1 or 2 letters.")
        if not _COLOUR.fullmatch(self.colour):
            raise ValueError(f"The colour of {self.name} is {self.colour!r}: use #RRGGBB.")

    @property
    def required(self) -> tuple[Variable, ...]:
        """What must be set before it can be collected."""
        return tuple(each for each in variables(self.settings) if each.info.is_required())


_registered: dict[str, SourceFacts] = {}


def register_sources(sources: Iterable[SourceFacts]) -> None:
    """Make `sources` the ones that this process knows, in place of any before."""
    ordered = sorted(sources, key=lambda source: (source.order, source.name))
    _registered.clear()
    _registered.update((source.name, source) for source in ordered)


def registered_sources() -> tuple[SourceFacts, ...]:
    """Every source in its order.

    Raises:
        RuntimeError: none is registered yet.
    """
    if not _registered:
        raise RuntimeError("No source is registered: call etl.sources.register_discovered() first.")
    return tuple(_registered.values())


def source_names() -> tuple[str, ...]:
    """The names of the registered sources, in their order."""
    return tuple(source.name for source in registered_sources())


def expected_sources() -> tuple[str, ...]:
    """The names of those that every site is expected to have by default."""
    return tuple(source.name for source in registered_sources() if source.expected)


def default_collect_at() -> str:
    """What COLLECT_AT would say if it were set to the sources' own times."""
    return ",".join(f"{each.name}={each.collect_at:%H:%M}" for each in registered_sources())


def source_labels() -> dict[str, str]:
    """What people read, by name, in the order of the sources."""
    return {source.name: source.label for source in registered_sources()}


def source_label(name: str) -> str:
    """What people read for the source `name`; the name itself where tables hold rows of a source
    that is not installed any more."""
    source = _registered.get(name)
    return source.label if source else name


def source_badge_letters(name: str) -> str:
    """The letters on the badge of the source `name`, registered or not."""
    source = _registered.get(name)
    return source.badge if source else name[:1].upper()
