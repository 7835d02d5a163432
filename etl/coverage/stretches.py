"""From what stood on which days to what was found on which days: unbroken stretches of both."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from etl.rules.coverage import (
    NO_SITE,
    Finding,
    Record,
    machine_findings,
    same_hostname_findings,
    same_serial_findings,
)
from etl.rules.evidence import host_key, real_serial

Span = tuple[date, date, Record]
"""From a day up to, not with, another: what a source said of a device that it manages."""

FindingStretches = dict[Finding, list[tuple[date, date]]]
"""Each finding with the stretches of days on which it held, in order."""

Judge = Callable[[Sequence[Record]], Iterable[Finding]]


@dataclass(frozen=True)
class Expectations:
    """Which sources a site should have: what it says itself, else what all should. From each day
    of `collected` on, those sources are there to be expected."""

    usual: frozenset[str]
    of_site: Mapping[int, frozenset[str]]
    collected: Sequence[tuple[date, frozenset[str]]]

    @property
    def changes(self) -> list[date]:
        """The days from which on others are expected."""
        return [day for day, _ in self.collected]

    def expected_on(self, day: date) -> Callable[[int], Collection[str]]:
        """What tells of a site which sources it should have on `day`."""
        there = [sources for since, sources in self.collected if since <= day]
        known = there[-1] if there else frozenset()
        usual = self.usual & known
        return lambda site: self.of_site[site] & known if site in self.of_site else usual


def findings_per_machine(
    spans: Iterable[Span],
    expectations: Expectations,
    source_order: Sequence[str],
    guest_classes: Collection[str],
) -> Iterator[tuple[Finding, date, date]]:
    """What is found of each machine alone."""
    turn = {source: number for number, source in enumerate(source_order)}
    by_asset: dict[int, list[Span]] = defaultdict(list)
    for span in spans:
        by_asset[span[2].asset_id].append(span)
    asked = {day: expectations.expected_on(day) for day in expectations.changes}
    days = sorted(asked)
    nothing = expectations.expected_on(date.min)
    for said in by_asset.values():
        said.sort(key=lambda span: (turn.get(span[2].source, len(turn)), span[2].device_id))
        for first, until, records in _segments(said, days):
            expected = nothing
            for day in days:
                if day <= first:
                    expected = asked[day]
            for finding in machine_findings(records, expected, guest_classes):
                yield finding, first, until


def sharing_groups(
    spans: Iterable[Span],
) -> tuple[dict[object, list[Span]], dict[object, list[Span]]]:
    """The spans that share a hostname in one source and site, and those that share a serial
    number, wherever; of both only where that is worth a look."""
    hosts: dict[object, list[Span]] = defaultdict(list)
    serials: dict[object, list[Span]] = defaultdict(list)
    for span in spans:
        record = span[2]
        if record.site_id != NO_SITE and (host := host_key(record.hostname)):
            hosts[record.source, record.site_id, host].append(span)
        if serial := real_serial(record.serial):
            serials[serial].append(span)
    return _shared(hosts), _shared(serials)


def findings_between_machines(spans: Iterable[Span]) -> Iterator[tuple[Finding, date, date]]:
    """What is found of machines that share a hostname or a serial number."""
    hosts, serials = sharing_groups(spans)
    for judge, found in ((same_hostname_findings, hosts), (same_serial_findings, serials)):
        for said in found.values():
            for first, until, records in _segments(said, ()):
                for finding in judge(records):
                    yield finding, first, until


def merge_stretches(found: Iterable[tuple[Finding, date, date]]) -> FindingStretches:
    """Stretches that follow each other as one."""
    stretches: FindingStretches = defaultdict(list)
    for finding, first, until in found:
        stretches[finding].append((first, until))
    for finding, parts in stretches.items():
        if len(parts) > 1:
            stretches[finding] = _merged(sorted(parts))
    return stretches


def _merged(parts: Iterable[tuple[date, date]]) -> list[tuple[date, date]]:
    merged: list[tuple[date, date]] = []
    for first, until in parts:
        if merged and merged[-1][1] == first:
            merged[-1] = (merged[-1][0], until)
        else:
            merged.append((first, until))
    return merged


def _shared(found: Mapping[object, list[Span]]) -> dict[object, list[Span]]:
    return {
        key: said
        for key, said in found.items()
        if len(said) > 1 and len({record.asset_id for _, _, record in said}) > 1
    }


def _segments(
    said: Sequence[Span], changes: Sequence[date]
) -> Iterator[tuple[date, date, list[Record]]]:
    """Each run of days on which the same stood, with what did; oldest first."""
    edges = {first for first, _, _ in said} | {until for _, until, _ in said}
    if changes:
        least, most = min(edges), max(edges)
        edges.update(day for day in changes if least < day < most)
    days = sorted(edges)
    for first, until in zip(days, days[1:], strict=False):
        records = [record for begin, end, record in said if begin <= first < end]
        if records:
            yield first, until, records
