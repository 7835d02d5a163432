"""Names of sites, devices and aliases by their id."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from dashboard.queries.entities import NO_SITE
from dashboard.queries.own_sites import own_sites
from db.bulk import chunks
from db.search import contains
from db.tables import NO_SITE_ID, OPEN_END, device_snapshots, devices, site_aliases, sites


@dataclass(frozen=True)
class DeviceName:
    """A device as people call it; `site_id` and `asset_id` as of its newest stretch, `present`
    while its source has it."""

    device_id: int
    source: str
    name: str
    site_id: int
    asset_id: int
    present: bool


def site_names(connection: Connection, site_ids: Iterable[int] | None = None) -> dict[int, str]:
    """The names of these sites, or of all; that of "no site" too."""
    statement = select(sites.c.site_id, sites.c.name)
    if site_ids is not None:
        statement = statement.where(sites.c.site_id.in_(sorted(site_ids)))
    return {NO_SITE_ID: NO_SITE, **{row.site_id: row.name for row in connection.execute(statement)}}


def sites_with(
    connection: Connection, text: str, of: Collection[int], limit: int
) -> list[tuple[int, str]]:
    """The first sites, by name, that `text` finds, with their ids.

    Args:
        of: only these; all of them if it is empty.
    """
    found = select(sites.c.site_id, sites.c.name).where(
        contains(sites.c.search_text, text), sites.c.merged_into.is_(None)
    )
    if of:
        found = found.where(sites.c.site_id.in_(of))
    return [tuple(row) for row in connection.execute(found.order_by(sites.c.name).limit(limit))]


def device_names(connection: Connection, device_ids: Collection[int]) -> dict[int, DeviceName]:
    """The names of those devices of which a stretch is kept, by id; for somebody who sees only some
    sites as they were last called at one of these."""
    stretch, own = device_snapshots.c, own_sites(connection)
    seen = () if own is None else (stretch.site_id.in_(sorted(own)),)
    names = {}
    for chunk in chunks(sorted(set(device_ids))):
        rows = connection.execute(
            select(
                stretch.device_id, stretch.source, stretch.hostname, stretch.display_name,
                stretch.site_id, stretch.asset_id, stretch.valid_to, devices.c.source_key,
            )
            .join(devices, devices.c.device_id == stretch.device_id)
            .where(stretch.device_id.in_(chunk), *seen)
            .order_by(stretch.valid_from)
        )  # fmt: skip
        for row in rows:
            name = row.hostname or row.display_name or row.source_key
            names[row.device_id] = DeviceName(
                row.device_id, row.source, name, row.site_id, row.asset_id,
                row.valid_to == OPEN_END,
            )  # fmt: skip
    return names


def alias_name(connection: Connection, source: str, alias_key: str) -> str | None:
    """A source's name for the site with this id of its own."""
    alias = site_aliases.c
    return connection.scalar(
        select(alias.name).where(alias.source == source, alias.alias_key == alias_key)
    )
