"""What records tell about which machine they are, in the form in which it is compared."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

NO_SITE = 0
"""The site of a record whose source names none."""

AGENT = "agent"
GUEST_CLASSES = frozenset({"VMWARE_VM_GUEST", "HYPERV_VMM_GUEST"})
"""Node classes of what a host tells of its guests; a guest may have a record of its own."""

MAX_SAME_SERIAL = 3
"""How many standing records of one source may share a real serial number."""

ACTIVE_WITHIN = timedelta(hours=24)
"""Two records in contact within this of each other are both alive."""

PREFIX_LENGTH = 15
"""What NetBIOS leaves of a longer hostname."""

# What makers leave in the field, without spaces and punctuation.
_JUNK_SERIALS = frozenset(
    "none null unknown default defaultstring tobefilledbyoem systemserialnumber serialnumber "
    "chassisserialnumber baseboardserialnumber notspecified notapplicable notavailable notpresent "
    "invalid oem na x xxxxxxxx 123456789 1234567890 0123456789 0123456789abcdef".split()
)


class Identity(NamedTuple):
    """What a record tells about which machine it is. `macs`: as `etl.rules.macs` writes them."""

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
    def guest(self) -> bool:
        """Whether it is what a host tells of a virtual machine."""
        return self.node_class in GUEST_CLASSES


@lru_cache(maxsize=1 << 17)
def real_serial(serial: str | None) -> str | None:
    """The serial number in comparable form; None for the junk that makers ship."""
    if not serial:
        return None
    text = re.sub(r"[^0-9a-z]", "", serial.casefold())
    if len(text) < 4 or text in _JUNK_SERIALS or text.startswith("vmware") or len(set(text)) == 1:
        return None
    return text


@lru_cache(maxsize=1 << 17)
def host_key(hostname: str | None) -> str | None:
    """A hostname as compared: trimmed, before `|`, before the first dot, case folded."""
    if not hostname:
        return None
    text = hostname.split("|")[0].strip().split(".")[0].strip().casefold()
    return text or None


@lru_cache(maxsize=1 << 17)
def prefix_key(hostname: str | None) -> str | None:
    """The first 15 characters of a hostname as compared; None when it has fewer."""
    host = host_key(hostname)
    return host[:PREFIX_LENGTH] if host is not None and len(host) >= PREFIX_LENGTH else None


def serials_contradict(one: Identity, other: Identity) -> bool:
    """Whether two real serial numbers say that these are two machines."""
    first, second = real_serial(one.serial), real_serial(other.serial)
    return first is not None and second is not None and first != second


def hostnames_differ(one: Identity, other: Identity) -> bool:
    """Whether both have a hostname, and not the same."""
    first, second = host_key(one.hostname), host_key(other.hostname)
    return first is not None and second is not None and first != second


def both_active(one: Identity, other: Identity) -> bool:
    """Whether two records under different names were in contact within a day of each other: two
    machines that share a serial number, not one that was enrolled again."""
    if not hostnames_differ(one, other) or one.last_contact is None or other.last_contact is None:
        return False
    return abs(one.last_contact - other.last_contact) <= ACTIVE_WITHIN


def contradicting_links(mine: Iterable[Identity], others: Iterable[Identity]) -> list[int]:
    """Records of `mine` that answer to another record's machine although two real serial numbers
    say no. Of two of `mine` that contradict each other the one with the lesser id stays."""
    linked: list[Identity] = []
    heads: list[Identity] = []
    for identity in mine:
        (linked if identity.asset_id != identity.device_id else heads).append(identity)
    company: dict[int, list[Identity]] = {identity.asset_id: [] for identity in linked}
    for others_or_heads in (others, heads):
        for identity in others_or_heads:
            if identity.asset_id in company:
                company[identity.asset_id].append(identity)
    ended = []
    for identity in sorted(linked):
        if any(serials_contradict(identity, other) for other in company[identity.asset_id]):
            ended.append(identity.device_id)
        else:
            company[identity.asset_id].append(identity)
    return ended
