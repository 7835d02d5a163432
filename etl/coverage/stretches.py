"""From stretches of records to stretches of findings.

The days are cut where one of the compared records begins or ends; in between the same records are
present, so that the rules are applied once for each such segment. Adjacent stretches with the same
finding are merged.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from etl.rules.coverage import (
    NO_SITE,
    Finding,
    Record,
    machine_findings,
    precedence,
    same_hostname_findings,
    same_serial_findings,
)
from etl.rules.evidence import identifying_host, real_serial

Span = tuple[date, date, Record]
"""First day, day after the last one, and the managed record in these days."""

FindingStretches = dict[Finding, list[tuple[date, date]]]
"""Each finding with its stretches of days (first, day after the last), in order."""

FindingRule = Callable[[Sequence[Record]], Iterable[Finding]]


@dataclass(frozen=True)
class Expectations:
    """Which sources a site should have: its own list (`of_site`), else the `usual` ones; of these
    only sources that are collected. `collected`: days with the sources that are collected from then
    on."""

    usual: frozenset[str]
    of_site: Mapping[int, frozenset[str]]
    collected: Sequence[tuple[date, frozenset[str]]]

    @property
    def changes(self) -> list[date]:
        """The days on which the expected sources may change."""
        return [day for day, _ in self.collected]

    def expected_on(self, day: date) -> Callable[[int], Collection[str]]:
        """A function from a site id to the sources that the site should have on `day`."""
        collected = [sources for since, sources in self.collected if since <= day]
        available = collected[-1] if collected else frozenset()
        usual = self.usual & available
        return lambda site: self.of_site[site] & available if site in self.of_site else usual


def findings_per_machine(
    spans: Iterable[Span],
    expectations: Expectations,
    source_order: Sequence[str],
    guest_classes: Collection[str],
) -> Iterator[tuple[Finding, date, date]]:
    """The findings about single machines, as (finding, first day, day after the last)."""
    by_asset: dict[int, list[Span]] = defaultdict(list)
    for span in spans:
        by_asset[span[2].asset_id].append(span)
    expected_from = {day: expectations.expected_on(day) for day in expectations.changes}
    days = sorted(expected_from)
    none_expected = expectations.expected_on(date.min)
    for spans_of_machine in by_asset.values():
        if len(spans_of_machine) > 1:
            spans_of_machine.sort(key=lambda s: precedence(s[2], source_order, guest_classes))
        for first, until, records in _segments(spans_of_machine, days):
            expected = none_expected
            for day in days:
                if day <= first:
                    expected = expected_from[day]
            for finding in machine_findings(records, expected, guest_classes):
                yield finding, first, until


def sharing_groups(
    spans: Iterable[Span],
) -> tuple[dict[object, list[Span]], dict[object, list[Span]]]:
    """Spans by shared hostname (within one source and site) and by shared serial number (anywhere);
    only groups of at least two machines."""
    hosts: dict[object, list[Span]] = defaultdict(list)
    serials: dict[object, list[Span]] = defaultdict(list)
    for span in spans:
        record = span[2]
        if record.site_id != NO_SITE and (host := identifying_host(record.hostname)):
            hosts[record.source, record.site_id, host].append(span)
        if serial := real_serial(record.serial):
            serials[serial].append(span)
    return _shared(hosts), _shared(serials)


def findings_between_machines(spans: Iterable[Span]) -> Iterator[tuple[Finding, date, date]]:
    """The findings about pairs of machines that share a hostname or a serial number."""
    hosts, serials = sharing_groups(spans)
    for rule, groups in ((same_hostname_findings, hosts), (same_serial_findings, serials)):
        for group in groups.values():
            for first, until, records in _segments(group, ()):
                for finding in rule(records):
                    yield finding, first, until


def merge_stretches(findings: Iterable[tuple[Finding, date, date]]) -> FindingStretches:
    """Collect the stretches of each finding; adjacent ones become one."""
    stretches: FindingStretches = defaultdict(list)
    for finding, first, until in findings:
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


def _shared(groups: Mapping[object, list[Span]]) -> dict[object, list[Span]]:
    return {
        key: group
        for key, group in groups.items()
        if len(group) > 1 and len({record.asset_id for _, _, record in group}) > 1
    }


def _segments(
    spans: Sequence[Span], changes: Sequence[date]
) -> Iterator[tuple[date, date, list[Record]]]:
    """The days cut into segments in which the same records are present, with these records; oldest
    first. Also cut on the days `changes`."""
    edges = {first for first, _, _ in spans} | {until for _, until, _ in spans}
    if changes:
        least, most = min(edges), max(edges)
        edges.update(day for day in changes if least < day < most)
    days = sorted(edges)
    for first, until in zip(days, days[1:], strict=False):
        records = [record for begin, end, record in spans if begin <= first < end]
        if records:
            yield first, until, records
