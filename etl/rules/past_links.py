"""Whether the evidence of a link that the rules made earlier is evidence by the rules of now."""

import re
from typing import NamedTuple

from etl.rules.evidence import (
    Named,
    domain_of,
    identifying_host,
    kinds_contradict,
    names_contradict,
    prefix_key,
    real_serial,
)
from etl.rules.macs import split_macs

_PLACE = r" (?:at the same site|of no other machine in the fleet|enrolled again)"
_FORMS = {
    "serial": re.compile(rf"serial (?P<key>.+){_PLACE}"),
    "mac": re.compile(rf"mac (?P<key>.+){_PLACE}"),
    "hostname": re.compile(rf"hostname (?P<key>.+?)(?: of a guest and of its own record)?{_PLACE}"),
    "prefix": re.compile(rf"prefix (?P<key>.+?) of .+{_PLACE}"),
}
"""How `etl.rules.linking_rules` writes the evidence of each method."""


class NamedRecord(NamedTuple):
    """One of the two records, as it was when the link was made."""

    hostname: str | None
    device_type: str | None


class PastLink(NamedTuple):
    """A link that the rules made. `record` and `other`: None if they are not known any more.
    `macs`, `other_macs`: the hardware addresses that the two have now, as they are stored."""

    method: str
    evidence: str
    record: NamedRecord | None = None
    other: NamedRecord | None = None
    macs: str | None = None
    other_macs: str | None = None


def why_unfounded(link: PastLink) -> str | None:
    """Why the evidence of a link is none, in words; None if it still is.

    Names without a common word are no reason: a link by serial number that was made before stands.
    """
    evidence = _FORMS[link.method].fullmatch(link.evidence) if link.method in _FORMS else None
    if evidence is None:
        return None
    key = evidence["key"]
    if link.method == "serial":
        return None if real_serial(key) else f"{key} is a placeholder, not a serial number"
    if link.method == "mac":
        return _why_no_macs(link, key)
    if identifying_host(key) is None:
        return f"other machines may have the name {key} too"
    key_of = prefix_key if link.method == "prefix" else identifying_host
    # Only what the link was made of: the records may have had other names on that day.
    if link.record is None or link.other is None:
        return None
    if not key_of(link.record.hostname) == key_of(link.other.hostname) == key:
        return None
    if names_contradict(link.record, link.other):
        return contradiction(link.record, link.other)
    return None


def contradiction(record: Named, other: Named) -> str:
    """Why equal names say nothing of two records whose names contradict, in words."""
    if kinds_contradict(record, other):
        return f"one is a {record.device_type}, the other a {other.device_type} device"
    domains = sorted((domain_of(record.hostname) or "", domain_of(other.hostname) or ""))
    return f"the domains {' and '.join(domains)} differ"


def _why_no_macs(link: PastLink, key: str) -> str | None:
    listed = key.split(", ")
    usable = split_macs(",".join(listed))
    if len(usable) == len(listed) or len(usable) > 1:
        return None
    if usable and split_macs(link.macs) == split_macs(link.other_macs):
        return None
    shared = ", ".join(sorted(set(listed) - usable))
    return f"drivers give the hardware address {shared} to every machine"
