"""Assigning sites to aliases, i.e. to what a source calls a site (docs/rules.md, 13).

Known aliases keep their site. A new alias joins a site of equal normalised name that has no live
alias of the same source; of several the one that is spelt exactly so. Otherwise it gets a new site,
to be reviewed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update

from db.bulk import rows_where_in, upsert
from db.names import site_roots
from db.rules import Rules
from db.search import fold
from db.site_names import NamedSite, match_name, sites_to_join
from db.tables import (
    MATCH_NAME_LENGTH,
    NAME_LENGTH,
    NO_SITE_ID,
    device_snapshots,
    site_aliases,
    sites,
)


@dataclass(frozen=True)
class SitePlan:
    """The site of each alias of one source.

    `own`: known aliases with the site that is stored for them; `known`: the same with merged sites
    followed to the remaining one; `joins`: new aliases with an existing site; `new`: new aliases
    with the name of the site that will be created.
    """

    source: str
    own: dict[str, int]
    known: dict[str, int]
    joins: dict[str, int]
    new: dict[str, str]

    def site_of(self, alias_key: str | None) -> int | None:
        """The site's id; None if the site is yet to be created."""
        if alias_key is None:
            return NO_SITE_ID
        return self.known.get(alias_key, self.joins.get(alias_key))


def plan_sites(
    connection: Connection,
    source: str,
    day: date,
    names: Mapping[str, str | None],
    keep: Collection[int],
) -> SitePlan:
    """Plan the sites of the aliases in a run of `day`.

    A site that has a live alias of the source is taken: two organizations of one source are two
    customers, whatever their names. An alias is live while a device of it stands.

    Args:
        names: alias key -> the vendor's name, None if it has none; of the devices in the run.
        keep: devices whose row could not be read. They stay as they were before `day`.
    """
    live = {*names, *_aliases_before(connection, day, keep)}
    rows = connection.execute(
        select(site_aliases.c.alias_key, site_aliases.c.site_id).where(
            site_aliases.c.source == source
        )
    )
    own = {key: site_id for key, site_id in rows}
    roots = site_roots(connection)
    known = {key: roots.get(site_id, site_id) for key, site_id in own.items()}
    unknown = {key: name for key, name in names.items() if key not in known}
    joins: dict[str, int] = {}
    new: dict[str, str] = {}
    if unknown:
        called = {key: name[:NAME_LENGTH] for key, name in unknown.items() if name}
        named = [
            NamedSite(site_id, roots.get(site_id, site_id), name)
            for site_id, name in connection.execute(select(sites.c.site_id, sites.c.name))
        ]
        joins = sites_to_join(called, named, {known[key] for key in live if key in known})
        for key, name in sorted(unknown.items()):
            if key not in joins:
                new[key] = (name or f"{source} organization {key}")[:NAME_LENGTH]
    return SitePlan(source, own, known, joins, new)


def _aliases_before(connection: Connection, day: date, device_ids: Collection[int]) -> set[str]:
    """The aliases that these devices had before `day`, also if `day` is published already."""
    c = device_snapshots.c
    standing = select(c.alias_key).where(
        c.alias_key.is_not(None), c.valid_from < day, c.valid_to >= day
    )
    return {key for (key,) in rows_where_in(connection, standing, c.device_id, device_ids)}


def apply_site_plan(
    connection: Connection,
    plan: SitePlan,
    names: Mapping[str, str | None],
    rules: Rules,
    day: date,
    now: datetime,
) -> dict[str, int]:
    """Create the plan's new sites and store the aliases. Returns the site of every alias."""
    site_of = {**plan.known, **plan.joins}
    internal = {match_name(name) for name in rules.internal_sites}
    for key, name in plan.new.items():
        match = match_name(name)
        values = {
            "name": name,
            "match_name": match[:MATCH_NAME_LENGTH],
            "needs_review": True,
            "internal": match in internal,
            "created_at": now,
            "search_text": fold(name),
        }
        result = connection.execute(insert(sites).values(values))
        inserted = result.inserted_primary_key
        assert inserted is not None, "a site's id comes from the database"
        site_of[key] = inserted[0]
    stored = {
        key: (name, seen)
        for key, name, seen in connection.execute(
            select(site_aliases.c.alias_key, site_aliases.c.name, site_aliases.c.last_seen).where(
                site_aliases.c.source == plan.source
            )
        )
    }
    rows = []
    for key, name_now in names.items():
        # A missing name is no renaming.
        known_name = stored[key][0] if key in stored else plan.new.get(key, key)
        name = (name_now or known_name)[:NAME_LENGTH]
        if stored.get(key) != (name, day):
            rows.append(
                {
                    "source": plan.source,
                    "alias_key": key,
                    "site_id": plan.own.get(key, site_of[key]),
                    "name": name,
                    "last_seen": day,
                }
            )
    upsert(connection, site_aliases, rows)
    _refresh_match_names(connection)
    mark_internal(connection, rules)
    return site_of


def _refresh_match_names(connection: Connection) -> None:
    """Store the normalised names again where an earlier version of the program normalised
    otherwise."""
    c = sites.c
    for site_id, name, stored in connection.execute(select(c.site_id, c.name, c.match_name)).all():
        match = match_name(name)[:MATCH_NAME_LENGTH]
        if match != stored:
            of_site = update(sites).where(c.site_id == site_id)
            connection.execute(of_site.values(match_name=match))


def internal_aliases(connection: Connection, plan: SitePlan, rules: Rules) -> dict[str | None, str]:
    """The aliases whose site is internal under `rules`: alias key -> the site's name. What counts
    is the name of the site, which a source may call otherwise."""
    internal = {match_name(name) for name in rules.internal_sites}
    if not internal:
        return {}
    site_names = {
        site: name for site, name in connection.execute(select(sites.c.site_id, sites.c.name))
    }
    existing = {key: site_names[site_id] for key, site_id in {**plan.known, **plan.joins}.items()}
    names = {**existing, **plan.new}
    return {key: name for key, name in names.items() if match_name(name) in internal}


def mark_internal(connection: Connection, rules: Rules) -> None:
    """Set `sites.internal` according to `rules`."""
    internal = [match_name(name)[:MATCH_NAME_LENGTH] for name in rules.internal_sites]
    for value, condition in (
        (True, sites.c.match_name.in_(internal)),
        (False, sites.c.match_name.not_in(internal)),
    ):
        connection.execute(
            update(sites).where(condition, sites.c.internal.is_not(value)).values(internal=value)
        )
