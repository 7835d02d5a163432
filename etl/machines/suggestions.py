"""What may be the same and no rule makes one: pairs that a person should look at, with the reasons
for and against. Sites that wait for review and those they are likely to be; records inside one
site that are likely to be one machine."""

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
    prefix_key,
    real_serial,
    serials_contradict,
)
from etl.rules.linking import is_placeholder
from etl.rules.macs import split_macs

SITE, LINK = "site", "link"
LIKELY_SITE, MOST_SITES = 70, 5
LIKELY_NAME, MOST_LINKS = 88, 3
MOST_BEARERS = 30
"""Of what more records of a site share, nobody looks at the pairs."""


class Suggestion(NamedTuple):
    """A pair, how alike (0 to 100), and why; the columns of the table."""

    kind: str
    subject_id: int
    other_id: int
    score: int
    evidence: str


def refresh_suggestions(connection: Connection, day: date) -> None:
    """Make the table say what is likely now; what was there already keeps its first day."""
    s = suggestions.c
    wanted = {
        (found.kind, found.subject_id, found.other_id): found
        for found in (*likely_sites(connection), *likely_links(connection))
    }
    known = {
        (row.kind, row.subject_id, row.other_id): row
        for row in connection.execute(select(suggestions))
    }
    for kind in (SITE, LINK):
        gone = [key[1:] for key in known.keys() - wanted.keys() if key[0] == kind]
        for subject_id, other_id in gone:
            connection.execute(
                delete(suggestions).where(
                    s.kind == kind, s.subject_id == subject_id, s.other_id == other_id
                )
            )
    rows = [
        found._asdict() | {"since": known[key].since if key in known else day}
        for key, found in wanted.items()
        if key not in known or (known[key].score, known[key].evidence) != found[3:]
    ]
    for chunk in chunks(rows):
        upsert(connection, suggestions, chunk)


def likely_sites(connection: Connection) -> Iterator[Suggestion]:
    """For each site that waits for review the others whose names are like its own."""
    rows = connection.execute(
        select(sites.c.site_id, sites.c.name, sites.c.match_name, sites.c.needs_review).where(
            sites.c.merged_into.is_(None)
        )
    ).all()
    names = {row.site_id: row.match_name for row in rows}
    called = {row.site_id: row.name for row in rows}
    for row in rows:
        if not row.needs_review:
            continue
        found = process.extract(
            row.match_name, names, scorer=fuzz.WRatio, score_cutoff=LIKELY_SITE,
            limit=MOST_SITES + 1,
        )  # fmt: skip
        others = [(other_id, score) for _, score, other_id in found if other_id != row.site_id]
        for other_id, score in others[:MOST_SITES]:
            evidence = f"“{called[row.site_id]}” is spelt like “{called[other_id]}”"
            yield Suggestion(SITE, row.site_id, other_id, round(score), evidence[:400])


def likely_links(connection: Connection) -> list[Suggestion]:
    """Pairs of records inside one site, or one of them without a site, that are alike in
    something and no rule links; at most three for each."""
    everybody = load_identities(connection, IS_OPEN)
    machines: dict[int, list[int]] = {}
    for identity in everybody:
        machines.setdefault(identity.asset_id, []).append(identity.device_id)
    alone = [identity for identity in everybody if len(machines[identity.asset_id]) == 1]
    apart = distinct_pairs(connection)
    best: dict[tuple[int, int], Suggestion] = {}
    for found in chain(
        _serials(everybody, alone), _macs(everybody, alone), _hosts(everybody, alone),
        _prefixes(everybody, alone), _near_names(alone),
    ):  # fmt: skip
        key = found[1:3]
        if key not in best or best[key].score < found.score:
            best[key] = found
    asset_of = {identity.device_id: identity.asset_id for identity in everybody}
    n: dict[int, int] = {}
    chosen = []
    for found in sorted(best.values(), key=lambda one: (-one.score, one[1:3])):
        one, other = (machines[asset_of[device_id]] for device_id in found[1:3])
        if any((a, b) in apart for a in one for b in other):
            continue
        if max(n.get(found.subject_id, 0), n.get(found.other_id, 0)) < MOST_LINKS:
            chosen.append(found)
            for device_id in found[1:3]:
                n[device_id] = n.get(device_id, 0) + 1
    return chosen


def _pairs(
    everybody: Iterable[Identity],
    alone: Iterable[Identity],
    keys_of: Callable[[Identity], Iterable[str | None]],
) -> Iterator[tuple[str, list[Identity], Identity, Identity]]:
    """The pairs that share a key where one may stand: the key, all of the fleet who bear it, and
    the two, of which at least one answers to nobody."""
    seeking = {identity.device_id for identity in alone}
    bearers: dict[str, list[Identity]] = {
        key: [] for identity in alone for key in keys_of(identity) if key is not None
    }
    for identity in everybody:
        for key in keys_of(identity):
            if key in bearers:
                bearers[key].append(identity)
    for key, group in bearers.items():
        places: dict[int, list[Identity]] = {}
        for identity in group:
            places.setdefault(identity.site_id, []).append(identity)
        nowhere = places.pop(NO_SITE, [])
        for here in places.values() or [[]]:
            near = [*here, *nowhere]
            if len(near) > MOST_BEARERS:
                continue
            for one, other in combinations(sorted(near), 2):
                linked = one.asset_id == other.asset_id
                if not linked and {one.device_id, other.device_id} & seeking:
                    yield key, group, one, other


def _suggest(one: Identity, other: Identity, score: float, alike: str, but: str) -> Suggestion:
    first, second = sorted((one.device_id, other.device_id))
    return Suggestion(LINK, first, second, round(score), f"{alike}; but {but}"[:400])


def _serials(everybody: list[Identity], alone: list[Identity]) -> Iterator[Suggestion]:
    for serial, group, one, other in _pairs(everybody, alone, lambda i: (real_serial(i.serial),)):
        if is_placeholder(group, set()):
            continue
        but = "more than one machine bears it"
        if one.source == other.source and both_active(one, other):
            but = " and ".join(sorted((one.hostname or "", other.hostname or ""))) + " both report"
        yield _suggest(one, other, 80, f"serial number {serial} is equal", but)


def _macs(everybody: list[Identity], alone: list[Identity]) -> Iterator[Suggestion]:
    for mac, _, one, other in _pairs(everybody, alone, lambda i: split_macs(i.macs)):
        shared = split_macs(one.macs) & split_macs(other.macs)
        enough = len(shared) > 1 or one.macs == other.macs
        if not enough or AGENT not in (one.source, other.source) or mac != min(shared):
            continue
        but = f"the names {one.hostname} and {other.hostname} say otherwise"
        if serials_contradict(one, other):
            but = f"the serial numbers {one.serial} and {other.serial} differ"
        elif host_key(one.hostname) == host_key(other.hostname):
            but = "another record bears it too"
        yield _suggest(
            one, other, 75, f"hardware address {', '.join(sorted(shared))} is equal", but
        )


def _hosts(everybody: list[Identity], alone: list[Identity]) -> Iterator[Suggestion]:
    for host, _, one, other in _pairs(everybody, alone, lambda i: (host_key(i.hostname),)):
        but, score = "more than one machine has that name", 70
        if serials_contradict(one, other):
            but, score = f"the serial numbers {one.serial} and {other.serial} differ", 55
        elif one.source == other.source:
            but, score = "nothing else says that one replaced the other", 50
        yield _suggest(one, other, score, f"hostname {host} is equal", but)


def _prefixes(everybody: list[Identity], alone: list[Identity]) -> Iterator[Suggestion]:
    for prefix, _, one, other in _pairs(everybody, alone, lambda i: (prefix_key(i.hostname),)):
        hosts = {host_key(one.hostname), host_key(other.hostname)}
        if one.source == other.source or prefix not in hosts or len(hosts) != 2:
            continue
        but = "more than one machine has a name that begins so"
        if serials_contradict(one, other):
            but = f"the serial numbers {one.serial} and {other.serial} differ"
        yield _suggest(one, other, 60, f"{prefix} may be {max(hosts, key=str)} cut short", but)


def _near_names(alone: list[Identity]) -> Iterator[Suggestion]:
    """Names that differ in a letter or two, never in a digit: those number machines."""
    groups: dict[tuple[int, str], list[tuple[str, Identity]]] = {}
    for identity in alone:
        if (host := host_key(identity.hostname)) is not None and identity.site_id != NO_SITE:
            digits = re.sub(r"\D+", " ", host)
            groups.setdefault((identity.site_id, digits), []).append((host, identity))
    for group in groups.values():
        if len({identity.source for _, identity in group}) < 2:
            continue
        for (first, one), (second, other) in combinations(group, 2):
            if one.source == other.source or first == second or serials_contradict(one, other):
                continue
            score = fuzz.ratio(first, second, score_cutoff=LIKELY_NAME)
            if score:
                yield _suggest(
                    one, other, score, f"{first} is spelt like {second}", "the names differ"
                )
