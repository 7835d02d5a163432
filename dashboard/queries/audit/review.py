"""What waits for a person: sites to review, records that may be one machine, and how many of each
there are."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, select

from dashboard.base.params import SOURCES
from dashboard.queries.sites.directory import record_counts
from dashboard.queries.sites.one_site import Alias
from db.tables import (
    OPEN_END,
    device_latest,
    device_snapshots,
    kept_apart,
    site_aliases,
    sites,
    suggestions,
)

MOST_LIKELY = 3
"""Sites that are suggested for one, the likeliest first."""


@dataclass(frozen=True)
class Match:
    """A site that another may be; `score`: how alike, 0 to 100, and why."""

    site_id: int
    name: str
    score: int
    evidence: str
    records: int


@dataclass(frozen=True)
class NewSite:
    """A site that a source named and nobody has confirmed yet."""

    site_id: int
    name: str
    created_at: datetime
    records: int
    aliases: tuple[Alias, ...]
    likely: tuple[Match, ...]


@dataclass(frozen=True)
class Half:
    """One record of a pair, with what tells which machine it is. `machine` are the sources of all
    records of its machine."""

    device_id: int
    asset_id: int
    source: str
    said: dict[str, Any]
    machine: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """Two records that may be one machine, and why no rule says so."""

    one: Half
    other: Half
    score: int
    evidence: str
    since: date


TOLD = ("hostname", "display_name", "serial", "macs", "os", "site", "location", "last_contact")
"""What a `Half` says of its record."""


def count_sites(connection: Connection, *, likely: bool) -> int:
    """How many sites wait: those that may be another, or those that are called like no other."""
    statement = select(func.count()).select_from(sites).where(*_waiting(likely))
    return connection.scalar(statement) or 0


def new_sites(connection: Connection, limit: int, *, likely: bool) -> list[NewSite]:
    """These sites, the one with the most records first."""
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
    found: dict[int, list[Alias]] = defaultdict(list)
    rows = connection.execute(
        select(c.site_id, c.source, c.alias_key, c.name, c.last_seen)
        .where(c.site_id.in_(ids))
        .order_by(c.name, c.alias_key)
    )
    for row in rows:
        found[row.site_id].append(Alias(row.source, row.alias_key, row.name, row.last_seen))
    return found


def _likely(connection: Connection, ids: Collection[int]) -> dict[int, list[Match]]:
    c = suggestions.c
    rows = connection.execute(
        select(c.subject_id, c.other_id, sites.c.name, c.score, c.evidence)
        .join(sites, sites.c.site_id == c.other_id)
        .where(c.kind == "site", c.subject_id.in_(ids), sites.c.merged_into.is_(None))
        .order_by(c.score.desc(), sites.c.name)
    ).all()
    records = record_counts(connection, {row.other_id for row in rows}) if rows else {}
    found: dict[int, list[Match]] = defaultdict(list)
    for row in rows:
        if len(found[row.subject_id]) < MOST_LIKELY:
            found[row.subject_id].append(
                Match(row.other_id, row.name, row.score, row.evidence, records.get(row.other_id, 0))
            )
    return found


def count_pairs(connection: Connection) -> int:
    """How many pairs wait."""
    waiting = _pairs().subquery("waiting")
    return connection.scalar(select(func.count()).select_from(waiting)) or 0


def pairs(connection: Connection, limit: int) -> list[Pair]:
    """The pairs that wait, the most alike first."""
    c = suggestions.c
    ordered = _pairs().order_by(c.score.desc(), c.subject_id, c.other_id).limit(limit)
    rows = connection.execute(ordered).all()
    halves = _halves(connection, {i for row in rows for i in (row.subject_id, row.other_id)})
    return [
        Pair(halves[row.subject_id], halves[row.other_id], row.score, row.evidence, row.since)
        for row in rows
    ]


def _pairs() -> Select[Any]:
    """Pairs that still are two machines, and of which nobody has said that they stay so."""
    c, apart = suggestions.c, kept_apart.c
    one, other = device_snapshots.alias("one"), device_snapshots.alias("other")
    decided = exists().where(
        apart.device_id.in_((c.subject_id, c.other_id)),
        apart.other_device_id.in_((c.subject_id, c.other_id)),
    )
    return (
        select(c.subject_id, c.other_id, c.score, c.evidence, c.since)
        .join(one, and_(one.c.device_id == c.subject_id, one.c.valid_to == OPEN_END))
        .join(other, and_(other.c.device_id == c.other_id, other.c.valid_to == OPEN_END))
        .where(c.kind == "link", one.c.asset_id != other.c.asset_id, ~decided)
    )


def _halves(connection: Connection, ids: Collection[int]) -> dict[int, Half]:
    said, latest = device_snapshots.c, device_latest.c
    rows = connection.execute(
        select(
            said.device_id, said.asset_id, said.source, said.hostname, said.display_name,
            said.serial, said.os, said.location, latest.macs, latest.last_contact,
            sites.c.name.label("site"),
        )
        .outerjoin(device_latest, latest.device_id == said.device_id)
        .outerjoin(sites, sites.c.site_id == said.site_id)
        .where(said.device_id.in_(ids), said.valid_to == OPEN_END)
    ).all()  # fmt: skip
    machines = _machines(connection, {row.asset_id for row in rows})
    return {
        row.device_id: Half(
            row.device_id, row.asset_id, row.source, {name: row._mapping[name] for name in TOLD},
            tuple(source for source in SOURCES if source in machines[row.asset_id]),
        )
        for row in rows
    }  # fmt: skip


def _machines(connection: Connection, asset_ids: Collection[int]) -> dict[int, set[str]]:
    said = device_snapshots.c
    found: dict[int, set[str]] = defaultdict(set)
    rows = connection.execute(
        select(said.asset_id, said.source)
        .where(said.asset_id.in_(asset_ids), said.valid_to == OPEN_END)
        .distinct()
    )
    for asset_id, source in rows:
        found[asset_id].add(source)
    return found
