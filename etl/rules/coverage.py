"""What the sources that manage one machine do not agree on: one of them misses it, one has it
twice, or they tell another site, another name, or that it is spare.

Only records that their source manages are looked at. Of what disagrees, the record that speaks
first for the machine stands for one side, and each that disagrees with it for the other.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

from etl.rules.evidence import MAX_SAME_SERIAL, host_key, real_serial

NO_SITE = 0
"""The site of records whose source names none: they disagree with nobody about it."""

MISSING = {
    "ninja": ("ninja_without_threatlocker", ("threatlocker",)),
    "threatlocker": ("threatlocker_without_ninja", ("ninja",)),
    "agent": ("agent_only", ("ninja", "threatlocker")),
}
"""Of a source's record: the finding, and which sources it then is not in."""

COMPUTERS = ("server", "workstation")


class Record(NamedTuple):
    """What one source says of a device that it manages. `organization`: its own id of the site."""

    device_id: int
    asset_id: int
    source: str
    site_id: int
    organization: str | None
    hostname: str | None
    display_name: str | None
    device_type: str
    billing_status: str
    node_class: str | None
    serial: str | None


class Finding(NamedTuple):
    """One thing to look at, about machine `asset_id`. `facts`: what ends an acceptance when it
    changes; pairs, in a fixed order."""

    kind: str
    asset_id: int
    device_id: int
    other_device_id: int | None
    facts: tuple[tuple[str, Any], ...]


def machine_findings(
    records: Sequence[Record],
    expected: Callable[[int], Collection[str]],
    guest_classes: Collection[str],
) -> Iterator[Finding]:
    """The findings of one machine alone.

    Args:
        records: all of it, who speaks first comes first.
        expected: which sources a site should have.
        guest_classes: node classes that are spare by themselves.
    """
    yield from _gaps(records, expected)
    if len(records) > 1:
        yield from _twice(records)
        yield from _spares(records, guest_classes)
        yield from _sites(records)
        yield from _names(records)


def same_hostname_findings(records: Sequence[Record]) -> Iterator[Finding]:
    """Of the records of one source at one site with one hostname: those of other machines than
    the first one's."""
    first, *rest = sorted(records, key=_device_id)
    facts = (("same", "hostname"), ("hostname", host_key(first.hostname)))
    for other in rest:
        if first.site_id != NO_SITE and other.asset_id != first.asset_id:
            yield _pair("duplicate", first, other, facts)


def same_serial_findings(records: Sequence[Record]) -> Iterator[Finding]:
    """Of the records with one real serial number: those of another machine at another site. More
    in one source than a machine has are a maker's placeholder, and say nothing."""
    placed = sorted((record for record in records if record.site_id != NO_SITE), key=_device_id)
    sources = [record.source for record in records]
    if not placed or any(sources.count(source) > MAX_SAME_SERIAL for source in set(sources)):
        return
    first = placed[0]
    for other in placed[1:]:
        if other.asset_id != first.asset_id and other.site_id != first.site_id:
            organizations = (first.organization, other.organization)
            facts = (("organizations", organizations), ("serial", real_serial(first.serial)))
            yield _pair("site_mismatch", first, other, facts)


def _gaps(
    records: Sequence[Record], expected: Callable[[int], Collection[str]]
) -> Iterator[Finding]:
    present = {record.source for record in records}
    machine_told = False
    for record in records:
        kind, missing = MISSING.get(record.source, ("", ()))
        if any(source in present for source in missing):
            continue
        if record.source == "ninja" and (
            record.billing_status != "billable" or record.device_type not in COMPUTERS
        ):
            continue
        # A licence of ThreatLocker is paid for each record; else it is the machine that counts.
        if (machine_told and record.source != "threatlocker") or not any(
            source in expected(record.site_id) for source in missing
        ):
            continue
        machine_told = True
        facts = (("organization", record.organization),)
        yield Finding(kind, record.asset_id, record.device_id, None, facts)


def _twice(records: Sequence[Record]) -> Iterator[Finding]:
    for source in {record.source: None for record in records}:
        first, *rest = sorted((r for r in records if r.source == source), key=_device_id)
        for other in rest:
            yield _pair("duplicate", first, other, (("same", "machine"),))


def _spares(records: Sequence[Record], guest_classes: Collection[str]) -> Iterator[Finding]:
    told = [
        record
        for record in records
        if record.billing_status == "billable"
        or (record.billing_status == "spare" and record.node_class not in guest_classes)
    ]
    for other in told[1:]:
        if other.billing_status != told[0].billing_status:
            spare = told[0] if told[0].billing_status == "spare" else other
            yield _pair("spare_mismatch", told[0], other, (("spare", spare.source),))


def _sites(records: Sequence[Record]) -> Iterator[Finding]:
    placed = [record for record in records if record.site_id != NO_SITE]
    for other in placed[1:]:
        if other.site_id != placed[0].site_id:
            organizations = (placed[0].organization, other.organization)
            yield _pair("site_mismatch", placed[0], other, (("organizations", organizations),))


def _names(records: Sequence[Record]) -> Iterator[Finding]:
    named = [(record, name) for record in records if (name := own_name(record))]
    for other, name in named[1:]:
        first, its_name = named[0]
        if name != its_name:
            yield _pair("name_mismatch", first, other, (("names", (its_name, name)),))


def own_name(record: Record) -> str | None:
    """The display name as compared, when somebody gave one: not the hostname again."""
    name = record.display_name or ""
    if record.source == "threatlocker":
        name = name.split("|")[0]
    words = name.split()
    # One word may be the hostname with or without its domain; several are a name.
    if len(words) == 1 and "|" not in name and host_key(name) == host_key(record.hostname):
        return None
    squeezed = _squeezed(name)
    return None if squeezed == _squeezed(record.hostname or "") else squeezed or None


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def _pair(kind: str, first: Record, other: Record, facts: tuple[tuple[str, Any], ...]) -> Finding:
    return Finding(kind, first.asset_id, first.device_id, other.device_id, facts)


def _device_id(record: Record) -> int:
    return record.device_id
