"""What a source delivers: records, and counts of what it fetched."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db.tables import NameFields, SystemFields
from etl.rules.device_type import RoleFacts

Raw = dict[str, Any]
"""One row as fetched: the vendor's JSON, with joined rows beside it."""


class BadRecord(Exception):
    """A row cannot be read as a device: it is quarantined, and the others are used."""

    def __init__(self, reason: str, source_key: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.source_key = source_key


class UnreadableId(BadRecord):
    """A row's own id cannot be read: its device is unknown, which makes the run suspicious."""


@dataclass(frozen=True, slots=True)
class Record(NameFields, SystemFields):
    """One device as its source describes it, cleaned; the rules have not been applied.

    Optional text is None, never "". `payload` is the vendor's whole row, volatile keys included,
    exactly as received. `unmanaged` says why the source does not manage the device now
    ("approval status is PENDING"), None when it does. `added_by_hand`: True of a machine that a
    person added and on which no agent runs, else None. `role`: what the source knows of its role
    beside class and system. `repaired` lists what was changed to
    store the row ("hostname: 2 NUL characters replaced"). `macs`: its hardware
    addresses as written by `etl.rules.macs.canonical_macs`. `user`: who logged in last.
    """

    source_key: str
    alias_key: str | None
    alias_name: str | None
    payload: Raw
    unmanaged: str | None = None
    added_by_hand: bool | None = None
    role: RoleFacts | None = None
    last_contact: datetime | None = None
    online: bool | None = None
    ip: str | None = None
    repaired: str | None = None
    macs: str | None = None
    user: str | None = None


@dataclass
class FetchStats:
    """Counts of one fetch. `on_page` is called after each page, for progress and for the run's
    heartbeat."""

    pages: int = 0
    rows: int = 0
    organizations: int | None = None
    locations: int | None = None
    promised: int | None = None
    warnings: list[str] = field(default_factory=list)
    on_page: Callable[["FetchStats"], None] = lambda stats: None

    def count_page(self, rows: int) -> None:
        """Count one page with `rows` device rows, 0 for a page of another list."""
        self.pages += 1
        self.rows += rows
        self.on_page(self)
