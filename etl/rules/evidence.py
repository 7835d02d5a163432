"""The evidence of which machine a record is: serial number, hostname, hardware addresses; in the
form in which it is compared."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

NO_SITE = 0
"""The site id of a record whose source names no site."""

AGENT = "agent"
GUEST_CLASSES = frozenset({"VMWARE_VM_GUEST", "HYPERV_VMM_GUEST"})
"""Node classes of what a host reports of its guests; a guest may also have a record of its own."""

MAX_SAME_SERIAL = 3
"""How many records of one source may share a real serial number. More are a maker's placeholder."""

ACTIVE_WITHIN = timedelta(hours=24)
"""Two records whose last contacts are at most this far apart are both active."""

PREFIX_LENGTH = 15
"""NetBIOS cuts hostnames to this length."""

# Placeholders that makers leave in the field, without spaces and punctuation.
_JUNK_SERIALS = frozenset(
    "none null unknown default defaultstring tobefilledbyoem systemserialnumber serialnumber "
    "chassisserialnumber baseboardserialnumber notspecified notapplicable notavailable notpresent "
    "invalid oem na x xxxxxxxx 123456789 1234567890 0123456789 0123456789abcdef".split()
)


class Identity(NamedTuple):
    """A record as matching sees it: where it is, which machine it belongs to, and its evidence.
    `macs` as written by `etl.rules.macs.canonical_macs`."""

    device_id: int
    asset_id: int
    source: str
    site_id: int
    hostname: str | None
    serial: str | None
    node_class: str | None = None
    macs: str | None = None
    last_contact: datetime | None = None

    @property
    def is_guest(self) -> bool:
        """Whether the record is what a host reports of a virtual machine."""
        return self.node_class in GUEST_CLASSES


@lru_cache(maxsize=1 << 17)
def real_serial(serial: str | None) -> str | None:
    """The serial number in comparable form; None if it is a placeholder."""
    if not serial:
        return None
    text = re.sub(r"[^0-9a-z]", "", serial.casefold())
    if len(text) < 4 or text in _JUNK_SERIALS or text.startswith("vmware") or len(set(text)) == 1:
        return None
    return text


@lru_cache(maxsize=1 << 17)
def host_key(hostname: str | None) -> str | None:
    """The hostname in comparable form: up to `|` or the first dot, trimmed, case folded."""
    if not hostname:
        return None
    text = hostname.split("|")[0].strip().split(".")[0].strip().casefold()
    return text or None


@lru_cache(maxsize=1 << 17)
def prefix_key(hostname: str | None) -> str | None:
    """The first 15 characters of a comparable hostname; None if it is shorter."""
    host = host_key(hostname)
    return host[:PREFIX_LENGTH] if host is not None and len(host) >= PREFIX_LENGTH else None


def serials_contradict(record: Identity, other: Identity) -> bool:
    """Whether both have a real serial number, and different ones: then they are two machines."""
    first, second = real_serial(record.serial), real_serial(other.serial)
    return first is not None and second is not None and first != second


def hostnames_differ(record: Identity, other: Identity) -> bool:
    """Whether both have a hostname, and different ones."""
    first, second = host_key(record.hostname), host_key(other.hostname)
    return first is not None and second is not None and first != second


def both_active(record: Identity, other: Identity) -> bool:
    """Whether two records with different hostnames were in contact within a day of each other. If
    they share a serial number, they are two machines, not one that was enrolled again."""
    if (
        not hostnames_differ(record, other)
        or record.last_contact is None
        or other.last_contact is None
    ):
        return False
    return abs(record.last_contact - other.last_contact) <= ACTIVE_WITHIN


def contradicting_links(own: Iterable[Identity], others: Iterable[Identity]) -> list[int]:
    """The device ids of records in `own` that are linked to another record's machine although real
    serial numbers contradict. If two of `own` contradict each other, the lesser id stays linked."""
    linked: list[Identity] = []
    unlinked: list[Identity] = []
    for identity in own:
        (linked if identity.asset_id != identity.device_id else unlinked).append(identity)
    members: dict[int, list[Identity]] = {identity.asset_id: [] for identity in linked}
    for group in (others, unlinked):
        for identity in group:
            if identity.asset_id in members:
                members[identity.asset_id].append(identity)
    contradicting = []
    for identity in sorted(linked):
        if any(serials_contradict(identity, other) for other in members[identity.asset_id]):
            contradicting.append(identity.device_id)
        else:
            members[identity.asset_id].append(identity)
    return contradicting
