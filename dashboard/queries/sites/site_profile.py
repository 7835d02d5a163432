"""One site: what it is called by whom, its locations, its count in each source."""

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, exists, func, select

from dashboard.base.params import LARGEST_ID, SOURCES, Filters
from dashboard.queries import entities
from dashboard.queries.counts import device_counts
from dashboard.queries.entities import NO_SITE
from dashboard.queries.moment import Moment
from dashboard.queries.own_sites import sees
from db.tables import NO_SITE_ID, device_snapshots, site_aliases, sites


class Alias(NamedTuple):
    """What one source calls the site, and the last day on which it did."""

    source: str
    alias_key: str
    name: str
    last_seen: date


class Location(NamedTuple):
    """A place inside the site (None: none is named) and how many counted devices it has."""

    name: str | None
    n: int


@dataclass(frozen=True)
class Profile:
    """The site itself. `needs_review`: nobody has confirmed yet that it is one of its own.
    `merged_into`: the site that its aliases answer to since a decision. `expected`: the sources
    that it is expected to have; None: those that the rules name."""

    site_id: int
    name: str
    needs_review: bool
    internal: bool
    aliases: tuple[Alias, ...]
    merged_into: int | None = None
    expected: tuple[str, ...] | None = None


def find(connection: Connection, text: str | None) -> Profile | None:
    """The site whose id `text` is, in decimal; None when it is none's, or not for its reader."""
    if not text or not re.fullmatch("[0-9]{1,19}", text) or int(text) > LARGEST_ID:
        return None
    return profile(connection, int(text)) if sees(connection, int(text)) else None


def name_of(connection: Connection, text: str) -> str | None:
    """The name of the site whose id `text` is."""
    found = find(connection, text)
    return found.name if found else None


def profile(connection: Connection, site_id: int) -> Profile | None:
    """The site of that id; None when there is none. "(no site)" is one if it ever had a device."""
    if site_id == NO_SITE_ID:
        ever = select(exists().where(device_snapshots.c.site_id == NO_SITE_ID))
        return Profile(site_id, NO_SITE, False, False, ()) if connection.scalar(ever) else None
    site = connection.execute(select(sites).where(sites.c.site_id == site_id)).one_or_none()
    if site is None:
        return None
    c = site_aliases.c
    rows = connection.execute(
        select(c.source, c.alias_key, c.name, c.last_seen)
        .where(c.site_id == site_id)
        .order_by(c.name, c.alias_key)
    )
    aliases = sorted(
        (Alias(*alias) for alias in rows), key=lambda alias: SOURCES.index(alias.source)
    )
    return Profile(
        site_id, site.name, site.needs_review, site.internal, tuple(aliases), site.merged_into,
        parse_sources(site.expected_sources),
    )  # fmt: skip


def parse_sources(text: str | None) -> tuple[str, ...] | None:
    """The sources that a site's own setting names; None when it has none."""
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def locations(connection: Connection, moment: Moment, filters: Filters) -> list[Location]:
    """The counted devices by location, the largest first. They add up to the count."""
    if moment.now.day is None:
        return []
    columns = ("location", *entities.filter_columns(filters))
    view = entities.rows_on(
        moment.now.day, filters.basis, moment.rules, columns, site_ids=filters.sites
    )
    rows = connection.execute(
        select(view.c.location, func.count())
        .where(entities.matches(view, filters))
        .group_by(view.c.location)
    )
    places = [Location(name, int(n)) for name, n in rows]
    return sorted(places, key=lambda place: (-place.n, place.name is None, place.name or ""))


def records_by_source(connection: Connection, moment: Moment, filters: Filters) -> dict[str, int]:
    """How many records each source has of what the filters count; those without any left out."""
    counts = {}
    for source in SOURCES:
        rows = device_counts(
            connection, moment, moment.now, filters.having(basis=source, sources=())
        )
        counts[source] = sum(row.n for row in rows or ())
    return {source: n for source, n in counts.items() if n}
