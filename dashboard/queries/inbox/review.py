"""Suggestions that wait for a person: new sites to review, and pairs of records that may be one
machine. Each question is listed once."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, select

from dashboard.base.params import SOURCES
from dashboard.queries.sites.directory import record_counts
from dashboard.queries.sites.site_profile import Alias
from db.tables import (
    OPEN_END,
    device_latest,
    device_snapshots,
    kept_apart,
    site_aliases,
    sites,
    suggestions,
)

MAX_MATCHES = 3
"""Similar sites that are suggested for a new one."""


@dataclass(frozen=True)
class Match:
    """A site that resembles a new one. `score` is the similarity, 0 to 100; `evidence` says why."""

    site_id: int
    name: str
    score: int
    evidence: str
    records: int


@dataclass(frozen=True)
class NewSite:
    """A site that waits for review; `likely` are those that it resembles, the most alike first."""

    site_id: int
    name: str
    created_at: datetime
    records: int
    aliases: tuple[Alias, ...]
    likely: tuple[Match, ...]


@dataclass(frozen=True)
class PairRecord:
    """One record of a pair: the values of `COMPARED`, and the sources of its whole machine."""

    device_id: int
    asset_id: int
    source: str
    values: dict[str, Any]
    machine_sources: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """Two records that may be one machine, with the evidence for it."""

    first: PairRecord
    other: PairRecord
    score: int
    evidence: str
    since: date


COMPARED = ("hostname", "display_name", "serial", "macs", "os", "site", "location", "last_contact")


@dataclass(frozen=True)
class SiteQuestion:
    """Whether a new site is the one that it resembles most.

    Attributes:
        site: the new one; its `likely` begins with the other.
        settled: the sites that are customers of their own if it is not: the new one, and the other
            if the same question is all that it waits for.
    """

    site: NewSite
    settled: tuple[int, ...]


@dataclass(frozen=True)
class SiteReview:
    """The ids of the sites that wait.

    Attributes:
        similar: a new site that resembles another, with the sites that its question settles; the
            most similar first. Two new sites that resemble each other most are one question, about
            the newer one.
        unlike: new sites that resemble no other, in the order of their names.
    """

    similar: tuple[tuple[int, tuple[int, ...]], ...]
    unlike: tuple[int, ...]


def sites_to_review(connection: Connection) -> SiteReview:
    """Which sites wait, and which of them are one question."""
    c, other = suggestions.c, sites.alias("other")
    waits = connection.scalars(select(sites.c.site_id).where(*_WAITS).order_by(sites.c.name)).all()
    rows = connection.execute(
        select(c.subject_id, c.other_id)
        .join(sites, sites.c.site_id == c.subject_id)
        .join(other, other.c.site_id == c.other_id)
        .where(c.kind == "site", other.c.merged_into.is_(None), *_WAITS)
        .order_by(c.score.desc(), c.subject_id.desc(), other.c.name)
    )
    best: dict[int, int] = {}
    for subject_id, other_id in rows:
        best.setdefault(subject_id, other_id)
    similar, asked = [], set()
    for subject_id, other_id in best.items():
        pair = frozenset((subject_id, other_id))
        if pair in asked:
            continue
        asked.add(pair)
        both = best.get(other_id) == subject_id
        similar.append((subject_id, (subject_id, other_id) if both else (subject_id,)))
    return SiteReview(tuple(similar), tuple(site_id for site_id in waits if site_id not in best))


_WAITS = (sites.c.needs_review.is_(True), sites.c.merged_into.is_(None))


def site_questions(
    connection: Connection, asked: Collection[tuple[int, tuple[int, ...]]]
) -> list[SiteQuestion]:
    """The questions about similar sites, in the given order."""
    by_id = {site.site_id: site for site in new_sites(connection, [site for site, _ in asked])}
    return [SiteQuestion(by_id[site_id], settled) for site_id, settled in asked]


def new_sites(connection: Connection, ids: Collection[int]) -> list[NewSite]:
    """New sites with what sources call them and what they resemble, by name."""
    rows = connection.execute(
        select(sites).where(sites.c.site_id.in_(ids)).order_by(sites.c.name)
    ).all()
    records = record_counts(connection, ids) if rows else {}
    aliases, matches = _aliases(connection, ids), _likely(connection, ids)
    return [
        NewSite(
            row.site_id, row.name, row.created_at, records.get(row.site_id, 0),
            tuple(aliases[row.site_id]), tuple(matches[row.site_id]),
        )
        for row in rows
    ]  # fmt: skip


def _aliases(connection: Connection, ids: Collection[int]) -> dict[int, list[Alias]]:
    c = site_aliases.c
    by_site: dict[int, list[Alias]] = defaultdict(list)
    rows = connection.execute(
        select(c.site_id, c.source, c.alias_key, c.name, c.last_seen)
        .where(c.site_id.in_(ids))
        .order_by(c.name, c.alias_key)
    )
    for row in rows:
        by_site[row.site_id].append(Alias(row.source, row.alias_key, row.name, row.last_seen))
    return by_site


def _likely(connection: Connection, ids: Collection[int]) -> dict[int, list[Match]]:
    c = suggestions.c
    rows = connection.execute(
        select(c.subject_id, c.other_id, sites.c.name, c.score, c.evidence)
        .join(sites, sites.c.site_id == c.other_id)
        .where(c.kind == "site", c.subject_id.in_(ids), sites.c.merged_into.is_(None))
        .order_by(c.score.desc(), sites.c.name)
    ).all()
    records = record_counts(connection, {row.other_id for row in rows}) if rows else {}
    by_site: dict[int, list[Match]] = defaultdict(list)
    for row in rows:
        if len(by_site[row.subject_id]) < MAX_MATCHES:
            by_site[row.subject_id].append(
                Match(row.other_id, row.name, row.score, row.evidence, records.get(row.other_id, 0))
            )
    return by_site


def count_pairs(connection: Connection) -> int:
    """The number of pairs that wait."""
    return len(_waiting_pairs(connection))


def pairs(connection: Connection, limit: int) -> list[Pair]:
    """The pairs that wait, the most similar first."""
    rows = _waiting_pairs(connection)[:limit]
    records = _pair_records(connection, {i for row in rows for i in (row.subject_id, row.other_id)})
    return [
        Pair(records[row.subject_id], records[row.other_id], row.score, row.evidence, row.since)
        for row in rows
    ]


def _waiting_pairs(connection: Connection) -> list[Any]:
    """Suggested pairs of two machines that are not kept apart, the most similar first; of the pairs
    of records of the same two machines only the first."""
    c = suggestions.c
    subject, other = device_snapshots.alias("subject"), device_snapshots.alias("other")
    rows = connection.execute(
        select(
            c.subject_id, c.other_id, c.score, c.evidence, c.since,
            subject.c.asset_id, other.c.asset_id.label("other_asset_id"),
        )
        .join(subject, and_(subject.c.device_id == c.subject_id, subject.c.valid_to == OPEN_END))
        .join(other, and_(other.c.device_id == c.other_id, other.c.valid_to == OPEN_END))
        .where(c.kind == "link", subject.c.asset_id != other.c.asset_id)
        .order_by(c.score.desc(), c.subject_id, c.other_id)
    )  # fmt: skip
    seen = _kept_apart(connection)
    waiting = []
    for row in rows:
        machines = frozenset((row.asset_id, row.other_asset_id))
        if machines not in seen:
            seen.add(machines)
            waiting.append(row)
    return waiting


def _kept_apart(connection: Connection) -> set[frozenset[int]]:
    """The pairs of machines that somebody has kept apart."""
    apart = kept_apart.c
    pairs = connection.execute(select(apart.device_id, apart.other_device_id)).all()
    if not pairs:
        return set()
    # In two steps: asked to join them with all devices twice, SQLite begins with the devices, whose
    # pairs are the square of their number: seconds at 20,000.
    c = device_snapshots.c
    decided = select(apart.device_id).union(select(apart.other_device_id))
    rows = connection.execute(
        select(c.device_id, c.asset_id).where(c.valid_to == OPEN_END, c.device_id.in_(decided))
    )
    machines = {row.device_id: row.asset_id for row in rows}
    return {
        frozenset((machines[one], machines[other]))
        for one, other in pairs
        if one in machines and other in machines
    }


def _pair_records(connection: Connection, ids: Collection[int]) -> dict[int, PairRecord]:
    c, latest = device_snapshots.c, device_latest.c
    rows = connection.execute(
        select(
            c.device_id, c.asset_id, c.source, c.hostname, c.display_name,
            c.serial, c.os, c.location, latest.macs, latest.last_contact,
            sites.c.name.label("site"),
        )
        .outerjoin(device_latest, latest.device_id == c.device_id)
        .outerjoin(sites, sites.c.site_id == c.site_id)
        .where(c.device_id.in_(ids), c.valid_to == OPEN_END)
    ).all()  # fmt: skip
    machines = _machines(connection, {row.asset_id for row in rows})
    return {
        row.device_id: PairRecord(
            row.device_id,
            row.asset_id,
            row.source,
            {name: row._mapping[name] for name in COMPARED},
            tuple(source for source in SOURCES if source in machines[row.asset_id]),
        )
        for row in rows
    }  # fmt: skip


def _machines(connection: Connection, asset_ids: Collection[int]) -> dict[int, set[str]]:
    c = device_snapshots.c
    sources_by_asset: dict[int, set[str]] = defaultdict(set)
    rows = connection.execute(
        select(c.asset_id, c.source)
        .where(c.asset_id.in_(asset_ids), c.valid_to == OPEN_END)
        .distinct()
    )
    for asset_id, source in rows:
        sources_by_asset[asset_id].add(source)
    return sources_by_asset
