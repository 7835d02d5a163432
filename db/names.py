"""Names of sites: the placeholder for none, and which site a merged one belongs to."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from db.tables import sites

NO_SITE = "(no site)"
"""The name shown for a machine without a site."""


def site_roots(connection: Connection) -> dict[int, int]:
    """Each merged site with the site that its days after the border are counted for."""
    merged = select(sites.c.site_id, sites.c.merged_into).where(sites.c.merged_into.is_not(None))
    into = {site_id: target for site_id, target in connection.execute(merged)}
    return {site_id: _end(into, site_id) for site_id in into}


def _end(into: Mapping[int, int], site_id: int) -> int:
    while site_id in into:
        site_id = into[site_id]
    return site_id
