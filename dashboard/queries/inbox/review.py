"""Suggestions that wait for a person: new sites to review, and pairs of records that may be one
machine."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, select

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


def count_sites(connection: Connection, *, likely: bool) -> int:
    """The number of new sites: those that resemble another (`likely`), or those that do not."""
    statement = select(func.count()).select_from(sites).where(*_waiting(likely))
    return connection.scalar(statement) or 0


def new_sites(connection: Connection, limit: int, *, likely: bool) -> list[NewSite]:
    """The new sites that resemble another (`likely`) or do not, those with most records first."""
    rows = connection.execute(select(sites).where(*_waiting(likely))).all()
    records = record_counts(connection, [row.site_id for row in rows]) if rows else {}
    rows = sorted(rows, key=lambda row: (-records.get(row.site_id, 0), row.name.casefold()))[:limit]
    ids = [row.site_id for row in rows]
    aliases, matches = _aliases(connection, ids), _likely(connection, ids)
    return [
        NewSite(
            row.site_id, row.name, row.created_at, records.get(row.site_id, 0),
            tuple(aliases[row.site_id]), tuple(matches[row.site_id]),
        )
        for row in rows
    ]  # fmt: skip


def _waiting(likely: bool) -> tuple[ColumnElement[bool], ...]:
    c, other = suggestions.c, sites.alias("other")
    may_be = (
        select(c.subject_id)
        .join(other, other.c.site_id == c.other_id)
        .where(c.kind == "site", other.c.merged_into.is_(None))
    )
    has = sites.c.site_id.in_(may_be)
    return (
        sites.c.needs_review.is_(True), sites.c.merged_into.is_(None), has if likely else ~has,
    )  # fmt: skip


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
    waiting = _pairs().subquery("waiting")
    return connection.scalar(select(func.count()).select_from(waiting)) or 0


def pairs(connection: Connection, limit: int) -> list[Pair]:
    """The pairs that wait, the most similar first."""
    c = suggestions.c
    ordered = _pairs().order_by(c.score.desc(), c.subject_id, c.other_id).limit(limit)
    rows = connection.execute(ordered).all()
    records = _pair_records(connection, {i for row in rows for i in (row.subject_id, row.other_id)})
    return [
        Pair(records[row.subject_id], records[row.other_id], row.score, row.evidence, row.since)
        for row in rows
    ]


def _pairs() -> Select[Any]:
    """Suggested pairs that are two machines and not kept apart."""
    c, apart = suggestions.c, kept_apart.c
    subject, other = device_snapshots.alias("subject"), device_snapshots.alias("other")
    decided = exists().where(
        apart.device_id.in_((c.subject_id, c.other_id)),
        apart.other_device_id.in_((c.subject_id, c.other_id)),
    )
    return (
        select(c.subject_id, c.other_id, c.score, c.evidence, c.since)
        .join(subject, and_(subject.c.device_id == c.subject_id, subject.c.valid_to == OPEN_END))
        .join(other, and_(other.c.device_id == c.other_id, other.c.valid_to == OPEN_END))
        .where(c.kind == "link", subject.c.asset_id != other.c.asset_id, ~decided)
    )


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
