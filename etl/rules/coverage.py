"""Coverage findings: where sources that manage the same machine disagree. A source misses the
machine or has it twice, or they give different sites or names, or only one of them calls it spare.

Only records that their source manages are compared, in order of precedence. The first record of
those that disagree is one side of the finding, each record that differs from it the other side.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from etl.rules.evidence import MAX_SAME_SERIAL, host_key, names_contradict, real_serial

NO_SITE = 0
"""The site id of records whose source names no site; they are never a site mismatch."""

MISSING = {
    "ninja": ("ninja_without_threatlocker", ("threatlocker",)),
    "threatlocker": ("threatlocker_without_ninja", ("ninja",)),
    "agent": ("agent_only", ("ninja", "threatlocker")),
}
"""Source of a record -> the kind of the finding if none of these sources has the machine."""

COMPUTERS = ("server", "workstation")


class Record(NamedTuple):
    """A record that its source manages. `organization` is the source's own id of the site."""

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
    first_seen: date


def precedence(
    record: Record, source_order: Sequence[str], guest_classes: Collection[str]
) -> tuple[int, bool, int, int]:
    """A sort key: the record that speaks for the machine comes first (docs/rules.md, rule 4). By
    source; in a source the guests last, then the record first seen last, as the re-enrolled one."""
    known = record.source in source_order
    place = source_order.index(record.source) if known else len(source_order)
    is_guest = record.node_class in guest_classes
    return place, is_guest, -record.first_seen.toordinal(), -record.device_id


class Finding(NamedTuple):
    """One finding about machine `asset_id`. `facts`, as pairs in a fixed order, end an acceptance
    when they change."""

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
    """The findings about one machine.

    Args:
        records: all its managed records in order of precedence.
        expected: site id -> the sources that the site should have.
        guest_classes: node classes that are spare by themselves.
    """
    yield from _gaps(records, expected)
    if len(records) > 1:
        yield from _duplicates(records)
        yield from _spare_mismatches(records, guest_classes)
        yield from _site_mismatches(records)
        yield from _name_mismatches(records)


def same_hostname_findings(records: Sequence[Record]) -> Iterator[Finding]:
    """Duplicates among the records of one source at one site that have the same hostname but belong
    to different machines, unless their domains or types say that they are two."""
    ordered = sorted(records, key=_device_id)
    if ordered[0].site_id == NO_SITE:
        return
    facts = (("same", "hostname"), ("hostname", host_key(ordered[0].hostname)))
    for number, other in enumerate(ordered):
        alike = (first for first in ordered[:number] if not names_contradict(first, other))
        first = next(alike, None)
        if first is not None and other.asset_id != first.asset_id:
            yield _pair("duplicate", first, other, facts)


def same_serial_findings(records: Sequence[Record]) -> Iterator[Finding]:
    """Site mismatches among records with the same real serial number that belong to different
    machines at different sites. If one source has more of them than a machine can have, the number
    is a maker's placeholder, and there is no finding."""
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
    has_finding = False
    for record in records:
        kind, missing = MISSING.get(record.source, ("", ()))
        if any(source in present for source in missing):
            continue
        if record.source == "ninja" and (
            record.billing_status != "billable" or record.device_type not in COMPUTERS
        ):
            continue
        # ThreatLocker's licences are paid for each record, the other sources' for each machine.
        if (has_finding and record.source != "threatlocker") or not any(
            source in expected(record.site_id) for source in missing
        ):
            continue
        has_finding = True
        facts = (("organization", record.organization),)
        yield Finding(kind, record.asset_id, record.device_id, None, facts)


def _duplicates(records: Sequence[Record]) -> Iterator[Finding]:
    for source in {record.source: None for record in records}:
        first, *rest = sorted((r for r in records if r.source == source), key=_device_id)
        for other in rest:
            yield _pair("duplicate", first, other, (("same", "machine"),))


def _spare_mismatches(
    records: Sequence[Record], guest_classes: Collection[str]
) -> Iterator[Finding]:
    comparable = [
        record
        for record in records
        if record.billing_status == "billable"
        or (record.billing_status == "spare" and record.node_class not in guest_classes)
    ]
    for other in comparable[1:]:
        if other.billing_status != comparable[0].billing_status:
            spare = comparable[0] if comparable[0].billing_status == "spare" else other
            yield _pair("spare_mismatch", comparable[0], other, (("spare", spare.source),))


def _site_mismatches(records: Sequence[Record]) -> Iterator[Finding]:
    placed = [record for record in records if record.site_id != NO_SITE]
    for other in placed[1:]:
        if other.site_id != placed[0].site_id:
            organizations = (placed[0].organization, other.organization)
            yield _pair("site_mismatch", placed[0], other, (("organizations", organizations),))


def _name_mismatches(records: Sequence[Record]) -> Iterator[Finding]:
    named = [(record, name) for record in records if (name := own_name(record))]
    for other, name in named[1:]:
        first, first_name = named[0]
        if name != first_name:
            yield _pair("name_mismatch", first, other, (("names", (first_name, name)),))


def own_name(record: Record) -> str | None:
    """The display name in comparable form; None if it only repeats the hostname."""
    name = record.display_name or ""
    if record.source == "threatlocker":
        name = name.split("|")[0]
    words = name.split()
    # A single word may be the hostname with or without its domain.
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
