"""Every site as the settings know it: what sources call it, what it was merged into, what it is
expected to have, how many records it has now."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from dashboard.base.params import SOURCES
from dashboard.base.settings_params import SiteFilters
from dashboard.queries.sites.site_profile import Alias, parse_sources
from db.search import fold
from db.tables import OPEN_END, device_snapshots, site_aliases
from db.tables import sites as stored

_EVERY_SITE = SiteFilters()


@dataclass(frozen=True)
class SiteEntry:
    """One site. `into` is the name of what it was merged into, `merged` are those that were merged
    into it."""

    site_id: int
    name: str
    needs_review: bool
    internal: bool
    merged_into: int | None
    into: str | None
    merged: tuple[str, ...]
    expected: tuple[str, ...] | None
    aliases: tuple[Alias, ...]
    records: int


def list_sites(connection: Connection, filters: SiteFilters = _EVERY_SITE) -> list[SiteEntry]:
    """The sites that match, by name."""
    rows = connection.execute(select(stored)).all()
    names = {row.site_id: row.name for row in rows}
    merged: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        if row.merged_into is not None:
            merged[row.merged_into].append(row.name)
    aliases, records = _aliases(connection), record_counts(connection)
    entries = [
        SiteEntry(
            row.site_id, row.name, row.needs_review, row.internal, row.merged_into,
            names.get(row.merged_into), tuple(sorted(merged[row.site_id])),
            parse_sources(row.expected_sources), aliases.get(row.site_id, ()),
            records.get(row.site_id, 0),
        )
        for row in rows
    ]  # fmt: skip
    entries = [row for row in entries if _matches(row, filters)]
    return sorted(entries, key=lambda row: (row.name.casefold(), row.site_id))


def record_counts(
    connection: Connection, site_ids: Collection[int] | None = None
) -> dict[int, int]:
    """How many records each site has now, whatever they count as."""
    stretch = device_snapshots.c
    statement = (
        select(stretch.site_id, func.count())
        .where(stretch.valid_to == OPEN_END)
        .group_by(stretch.site_id)
    )
    if site_ids is not None:
        statement = statement.where(stretch.site_id.in_(sorted(site_ids)))
    return {site: int(n) for site, n in connection.execute(statement)}


def _aliases(connection: Connection) -> dict[int, tuple[Alias, ...]]:
    c = site_aliases.c
    by_site: dict[int, list[Alias]] = defaultdict(list)
    for row in connection.execute(
        select(c.site_id, c.source, c.alias_key, c.name, c.last_seen).order_by(c.name)
    ):
        by_site[row.site_id].append(Alias(row.source, row.alias_key, row.name, row.last_seen))
    return {
        site: tuple(sorted(rows, key=lambda alias: SOURCES.index(alias.source)))
        for site, rows in by_site.items()
    }


def _matches(row: SiteEntry, filters: SiteFilters) -> bool:
    if filters.text:
        text = fold(filters.text)
        names = (row.name, row.into or "", *row.merged, *(alias.name for alias in row.aliases))
        if not any(text in fold(name) for name in names):
            return False
    return {
        "review": row.needs_review and row.merged_into is None,
        "internal": row.internal,
        "merged": row.merged_into is not None,
        "expects": row.expected is not None,
    }.get(filters.state or "", True)
