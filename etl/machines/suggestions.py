"""Suggestions for people: pairs that may be the same although no rule says so, with the reasons for
and against. Sites to be reviewed with sites of similar names; records of one site with records that
may be the same machine.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import chain, combinations
from typing import NamedTuple

from rapidfuzz import fuzz, process
from sqlalchemy import Connection, delete, select

from db.bulk import chunks, upsert
from db.tables import sites, suggestions
from etl.machines.identities import IS_OPEN, distinct_pairs, load_identities
from etl.rules.evidence import (
    AGENT,
    NO_SITE,
    Identity,
    both_active,
    host_key,
    identifying_host,
    names_contradict,
    names_share_no_word,
    prefix_key,
    real_serial,
    serials_contradict,
)
from etl.rules.linking_state import is_placeholder
from etl.rules.macs import split_macs
from etl.rules.past_links import contradiction

SITE, LINK = "site", "link"
MIN_SITE_SCORE, MAX_SITES = 70, 5
MIN_NAME_SCORE, MAX_LINKS = 88, 3
MAX_PAIRED = 30
"""What more records of a site share suggests nothing."""


class Suggestion(NamedTuple):
    """A pair, its similarity (0 to 100) and the reasons: the columns of the table."""

    kind: str
    subject_id: int
    other_id: int
    score: int
    evidence: str


def refresh_suggestions(connection: Connection, day: date) -> None:
    """Update the table; known suggestions keep their first day."""
    s = suggestions.c
    suggested = {
        (suggestion.kind, suggestion.subject_id, suggestion.other_id): suggestion
        for suggestion in (*suggest_sites(connection), *suggest_links(connection))
    }
    known = {
        (row.kind, row.subject_id, row.other_id): row
        for row in connection.execute(select(suggestions))
    }
    for kind in (SITE, LINK):
        gone = [key[1:] for key in known.keys() - suggested.keys() if key[0] == kind]
        for subject_id, other_id in gone:
            connection.execute(
                delete(suggestions).where(
                    s.kind == kind, s.subject_id == subject_id, s.other_id == other_id
                )
            )
    rows = [
        suggestion._asdict() | {"since": known[key].since if key in known else day}
        for key, suggestion in suggested.items()
        if key not in known or (known[key].score, known[key].evidence) != suggestion[3:]
    ]
    for chunk in chunks(rows):
        upsert(connection, suggestions, chunk)


def suggest_sites(connection: Connection) -> Iterator[Suggestion]:
    """For each site to be reviewed the sites with the most similar names."""
    rows = connection.execute(
        select(sites.c.site_id, sites.c.name, sites.c.match_name, sites.c.needs_review).where(
            sites.c.merged_into.is_(None)
        )
    ).all()
    names = {row.site_id: row.match_name for row in rows}
    site_names = {row.site_id: row.name for row in rows}
    for row in rows:
        if not row.needs_review:
            continue
        similar = process.extract(
            row.match_name,
            names,
            scorer=fuzz.WRatio,
            score_cutoff=MIN_SITE_SCORE,
            limit=MAX_SITES + 1,
        )
        others = [(other_id, score) for _, score, other_id in similar if other_id != row.site_id]
        for other_id, score in others[:MAX_SITES]:
            evidence = f"“{site_names[row.site_id]}” is spelt like “{site_names[other_id]}”"
            yield Suggestion(SITE, row.site_id, other_id, round(score), evidence[:400])


def suggest_links(connection: Connection) -> list[Suggestion]:
    """Pairs of records of one site, or with one record without a site, that have something in
    common and that no rule links; at most `MAX_LINKS` for each record, the most similar first."""
    records = load_identities(connection, IS_OPEN)
    machines: dict[int, list[int]] = {}
    for identity in records:
        machines.setdefault(identity.asset_id, []).append(identity.device_id)
    unlinked = [identity for identity in records if len(machines[identity.asset_id]) == 1]
    distinct = distinct_pairs(connection)
    best: dict[tuple[int, int], Suggestion] = {}
    for suggestion in chain(
        _serials(records, unlinked),
        _macs(records, unlinked),
        _hosts(records, unlinked),
        _prefixes(records, unlinked),
        _near_names(unlinked),
    ):
        key = suggestion[1:3]
        if key not in best or best[key].score < suggestion.score:
            best[key] = suggestion
    asset_of = {identity.device_id: identity.asset_id for identity in records}
    count_of: dict[int, int] = {}
    chosen = []
    for suggestion in sorted(best.values(), key=lambda pair: (-pair.score, pair[1:3])):
        first, second = (machines[asset_of[device_id]] for device_id in suggestion[1:3])
        if any((a, b) in distinct for a in first for b in second):
            continue
        if all(count_of.get(device_id, 0) < MAX_LINKS for device_id in suggestion[1:3]):
            chosen.append(suggestion)
            for device_id in suggestion[1:3]:
                count_of[device_id] = count_of.get(device_id, 0) + 1
    return chosen


def _pairs(
    records: Iterable[Identity],
    unlinked: Iterable[Identity],
    keys_of: Callable[[Identity], Iterable[str | None]],
) -> Iterator[tuple[str, list[Identity], Identity, Identity]]:
    """Pairs of records of one site that share a key and belong to different machines, at least one
    of them unlinked. Yields the key, all records of the fleet with it, and the pair."""
    unlinked_ids = {identity.device_id for identity in unlinked}
    holders: dict[str, list[Identity]] = {
        key: [] for identity in unlinked for key in keys_of(identity) if key is not None
    }
    for identity in records:
        for key in keys_of(identity):
            if key in holders:
                holders[key].append(identity)
    for key, group in holders.items():
        by_site: dict[int, list[Identity]] = {}
        for identity in group:
            by_site.setdefault(identity.site_id, []).append(identity)
        without_site = by_site.pop(NO_SITE, [])
        for at_site in by_site.values() or [[]]:
            candidates = [*at_site, *without_site]
            if len(candidates) > MAX_PAIRED:
                continue
            for record, other in combinations(sorted(candidates), 2):
                same_machine = record.asset_id == other.asset_id
                if not same_machine and {record.device_id, other.device_id} & unlinked_ids:
                    yield key, group, record, other


def _suggest(record: Identity, other: Identity, score: float, alike: str, but: str) -> Suggestion:
    first, second = sorted((record.device_id, other.device_id))
    return Suggestion(LINK, first, second, round(score), f"{alike}; but {but}"[:400])


def _serials(records: list[Identity], unlinked: list[Identity]) -> Iterator[Suggestion]:
    for serial, group, record, other in _pairs(
        records, unlinked, lambda i: (real_serial(i.serial),)
    ):
        if is_placeholder(group, set()):
            continue
        but = "more than one machine bears it"
        if record.source == other.source and both_active(record, other):
            but = f"{_both_names(record, other)} both report"
        elif record.source != other.source and names_share_no_word(record, other):
            but = f"the names {_both_names(record, other)} have no word in common"
        yield _suggest(record, other, 80, f"serial number {serial} is equal", but)


def _macs(records: list[Identity], unlinked: list[Identity]) -> Iterator[Suggestion]:
    for mac, _, record, other in _pairs(records, unlinked, lambda i: split_macs(i.macs)):
        shared = split_macs(record.macs) & split_macs(other.macs)
        enough = len(shared) > 1 or record.macs == other.macs
        if not enough or AGENT not in (record.source, other.source) or mac != min(shared):
            continue
        but = f"the names {record.hostname} and {other.hostname} say otherwise"
        if serials_contradict(record, other):
            but = f"the serial numbers {record.serial} and {other.serial} differ"
        elif (host := identifying_host(record.hostname)) == identifying_host(
            other.hostname
        ) and host:
            but = "another record bears it too"
        yield _suggest(
            record, other, 75, f"hardware address {', '.join(sorted(shared))} is equal", but
        )


def _hosts(records: list[Identity], unlinked: list[Identity]) -> Iterator[Suggestion]:
    for host, _, record, other in _pairs(records, unlinked, lambda i: (host_key(i.hostname),)):
        but, score = "more than one machine has that name", 70
        if serials_contradict(record, other):
            but, score = f"the serial numbers {record.serial} and {other.serial} differ", 55
        elif record.source == other.source:
            but, score = "nothing else says that one replaced the other", 50
        elif identifying_host(record.hostname) is None:
            but, score = "other machines may have that name too", 40
        elif names_contradict(record, other):
            but, score = contradiction(record, other), 55
        yield _suggest(record, other, score, f"hostname {host} is equal", but)


def _prefixes(records: list[Identity], unlinked: list[Identity]) -> Iterator[Suggestion]:
    for prefix, _, record, other in _pairs(records, unlinked, lambda i: (prefix_key(i.hostname),)):
        hosts = {host_key(record.hostname), host_key(other.hostname)}
        if record.source == other.source or prefix not in hosts or len(hosts) != 2:
            continue
        but = "more than one machine has a name that begins so"
        if serials_contradict(record, other):
            but = f"the serial numbers {record.serial} and {other.serial} differ"
        elif names_contradict(record, other):
            but = contradiction(record, other)
        yield _suggest(record, other, 60, f"{prefix} may be {max(hosts, key=str)} cut short", but)


def _both_names(record: Identity, other: Identity) -> str:
    return " and ".join(sorted((record.hostname or "", other.hostname or "")))


def _near_names(unlinked: list[Identity]) -> Iterator[Suggestion]:
    """Hostnames that differ in a letter or two, but not in a digit: digits number machines. Where
    even equal names would say nothing, similar ones suggest nothing."""
    groups: dict[tuple[int, str], list[tuple[str, Identity]]] = {}
    for identity in unlinked:
        host = identifying_host(identity.hostname)
        if host is not None and identity.site_id != NO_SITE:
            digits = re.sub(r"\D+", " ", host)
            groups.setdefault((identity.site_id, digits), []).append((host, identity))
    for group in groups.values():
        if len({identity.source for _, identity in group}) < 2:
            continue
        for (first, record), (second, other) in combinations(group, 2):
            if (
                record.source == other.source
                or first == second
                or serials_contradict(record, other)
                or names_contradict(record, other)
            ):
                continue
            score = fuzz.ratio(first, second, score_cutoff=MIN_NAME_SCORE)
            if score:
                yield _suggest(
                    record, other, score, f"{first} is spelt like {second}", "the names differ"
                )
