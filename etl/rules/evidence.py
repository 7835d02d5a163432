"""The evidence of which machine a record is: serial number, hostname, hardware addresses; in the
form in which it is compared, and when it is none."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol

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

VERSION = 2
"""The version of these rules. Links that were made under an earlier one are examined again, see
`etl.decisions.unfounded_links`."""

COUNTING_DIGITS = 6
"""From how many digits on that count up or down behind letters a serial number is a placeholder:
"MB-1234567890" is, "SN-1234" may be the 1234th of its maker."""

COUNTING_RUN = 8
"""From how many digits on that count up or down a serial number is a placeholder, whatever else is
in it: "1234567890ABCDEF", "MB12345678X"."""

_COUNTING = "0123456789" * 14
_HEXADECIMAL = "0123456789abcdef"
_TO_BE_FILLED = "tobefilled"
_VIRTUAL = "vmware"
"""VMware writes an id of the virtual machine there, which its copies share."""

# An IPv4 address at the beginning of a name, also as Windows and cloud providers write it.
_IPV4 = re.compile(
    r"(?:ip-)?(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)[.\-_]){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\d)"
)
_IPV6 = re.compile(r"[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:%\w+)?", re.IGNORECASE)

# What systems call every machine until somebody gives it a name, without spaces and punctuation;
# devices of Apple get a number where their network has one of that name already.
_GIVEN_BY_SYSTEM = re.compile(
    r"(?:iphone|ipad|ipodtouch|ipod|macbook|macbookpro|macbookair|imac|imacpro|macmini|macpro"
    r"|macstudio|appletv|homepod)\d{0,2}"
    r"|mac"
    r"|android|androidtv|googletv|chromebook|chromecast"
    r"|localhost|localhost[46]|localdomain|hostname|unknown|none|null"
    r"|raspberrypi|orangepi|raspbian|ubuntu|ubuntuserver|ubuntudesktop|debian|linux|linuxmint|mint"
    r"|fedora|centos|rocky|rockylinux|almalinux|rhel|redhat|opensuse|suse|archlinux|manjaro|kali"
    r"|alpine|nixos|freebsd|openbsd|photonmachine"
    r"|openwrt|pfsense|opnsense|mikrotik|unifi|diskstation|rackstation|truenas|freenas"
    r"|openmediavault|homeassistant|octopi|libreelec"
)

_KINDS = {
    "mobile": "mobile",
    "network": "network",
    "server": "computer",
    "workstation": "computer",
    "vm_guest": "computer",
}


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
    device_type: str | None = None

    @property
    def is_guest(self) -> bool:
        """Whether the record is what a host reports of a virtual machine."""
        return self.node_class in GUEST_CLASSES


@lru_cache(maxsize=1 << 17)
def real_serial(serial: str | None) -> str | None:
    """The serial number in comparable form, without case, spaces and punctuation; None if its form
    says that it is a placeholder, which many machines have."""
    if not serial:
        return None
    text = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", serial).casefold())
    return None if _is_placeholder(text) else text


def _is_placeholder(serial: str) -> bool:
    if (
        len(serial) < 4
        or len(set(serial)) == 1
        or not any(map(str.isdigit, serial))
        or _TO_BE_FILLED in serial
        or serial.startswith(_VIRTUAL)
        or serial in _HEXADECIMAL
        or any(map(_counts, re.findall(rf"(?=(\d{{{COUNTING_RUN}}}))", serial)))
    ):
        return True
    prefix = serial.rstrip("0123456789")
    digits = serial[len(prefix) :]
    if prefix and (len(digits) < COUNTING_DIGITS or not prefix.isalpha()):
        return False
    return _counts(digits) or len(set(digits)) == 1


def _counts(digits: str) -> bool:
    """Whether each digit follows the one before, up or down."""
    return digits in _COUNTING or digits[::-1] in _COUNTING


@lru_cache(maxsize=1 << 17)
def host_key(hostname: str | None) -> str | None:
    """The hostname in comparable form: up to `|` or the first dot, trimmed, case folded. A name
    that begins with an address is compared whole."""
    if not hostname:
        return None
    text = hostname.split("|")[0].strip().casefold()
    if not begins_with_address(text):
        text = text.split(".")[0].strip()
    return text or None


@lru_cache(maxsize=1 << 17)
def identifying_host(hostname: str | None) -> str | None:
    """The hostname in comparable form; None if its form says that other machines may have it too:
    an address, which may be another machine's tomorrow, a number, or what a system calls every
    machine."""
    host = host_key(hostname)
    if host is None or host.isdecimal() or begins_with_address(host):
        return None
    return None if _GIVEN_BY_SYSTEM.fullmatch(re.sub(r"[\W_]+", "", host)) else host


def begins_with_address(name: str) -> bool:
    """Whether a name is an IP address, or begins with an IPv4 address."""
    return _IPV4.match(name) is not None or _IPV6.fullmatch(name) is not None


@lru_cache(maxsize=1 << 17)
def prefix_key(hostname: str | None) -> str | None:
    """The first 15 characters of an identifying hostname; None if it is shorter."""
    host = identifying_host(hostname)
    return host[:PREFIX_LENGTH] if host is not None and len(host) >= PREFIX_LENGTH else None


@lru_cache(maxsize=1 << 17)
def domain_of(hostname: str | None) -> str | None:
    """The domain of a full hostname in comparable form: what follows its first dot."""
    name, _, domain = (hostname or "").split("|")[0].strip().casefold().partition(".")
    return domain.strip(".") or None if name else None


@lru_cache(maxsize=1 << 17)
def name_words(hostname: str | None) -> frozenset[str]:
    """The words of a comparable hostname, split at what is no letter or digit."""
    return frozenset(re.split(r"[\W_]+", host_key(hostname) or "")) - {""}


class Named(Protocol):
    """What a hostname is judged with."""

    @property
    def hostname(self) -> str | None: ...
    @property
    def device_type(self) -> str | None: ...


def kind_of(device_type: str | None) -> str | None:
    """Computer, mobile or network; None if the type does not say."""
    return _KINDS.get(device_type or "")


def kinds_contradict(record: Named, other: Named) -> bool:
    """Whether one is a computer and the other a mobile or a network device."""
    kind, other_kind = kind_of(record.device_type), kind_of(other.device_type)
    if kind is None or other_kind is None or kind == other_kind:
        return False
    return "computer" in (kind, other_kind)


def names_contradict(record: Named, other: Named) -> bool:
    """Whether equal names say nothing of these two: both are full names, of different domains, or
    their types contradict."""
    domain, other_domain = domain_of(record.hostname), domain_of(other.hostname)
    if domain is not None and other_domain is not None and domain != other_domain:
        return True
    return kinds_contradict(record, other)


def names_share_no_word(record: Named, other: Named) -> bool:
    """Whether both have a hostname, and no word of one is in the other."""
    first, second = name_words(record.hostname), name_words(other.hostname)
    return bool(first and second) and first.isdisjoint(second)


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
