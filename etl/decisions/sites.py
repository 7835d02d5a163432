"""What people decide about sites: which aliases are one customer (PRODUCT.md rule 13)."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, Row, insert, select, update

from db import jobs
from db.engine import writing
from db.names import site_roots
from db.tables import MATCH_NAME_LENGTH, NO_SITE_ID, site_aliases, sites
from etl.coverage import findings as coverage
from etl.decisions.machines import devices_of_sites
from etl.decisions.restate import restate
from etl.decisions.runs import Decider
from etl.rules.site_names import match_name
from etl.snapshots.apply_decisions import restatement_start
from etl.snapshots.publish import PublishRefused


def merge_sites(by: Decider, site_id: int, into: int) -> int:
    """Let site `into` answer for all aliases of `site_id`; the entry's id. The merged site's id
    still answers for its own days, on and before the border.

    Raises:
        Refused: one of them is not there, or they are one already.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        site, other = one_site(connection, site_id), one_site(connection, into)
        for merged in (site, other):
            if merged.merged_into is not None:
                raise PublishRefused(
                    f"{merged.name} is merged into another site already. Choose that one, or undo "
                    "that decision first."
                )
        if site_id == into:
            raise PublishRefused("A site cannot be merged into itself. Choose another one.")
        entry = by.note(
            connection, jobs.MERGE_SITES, f"{site.name} into {other.name}"[:255],
            site_id=str(site_id), into=str(into),
            before={"site": site.name, "needs_review": bool(site.needs_review)},
            after={"site": other.name, "needs_review": False},
        )  # fmt: skip
        connection.execute(
            update(sites)
            .where(sites.c.site_id == site_id)
            .values(merged_into=into, needs_review=False)
        )
        restate_sites(by, connection, entry, (site_id, into))
    return entry


def move_alias(by: Decider, source: str, alias_key: str, site_id: int | None) -> int:
    """Let what one source calls a site belong to site `site_id`, or to a new one of its own name
    when None; the entry's id.

    Raises:
        Refused: the alias or the site is not there, or it belongs there already.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        mine = (site_aliases.c.source == source, site_aliases.c.alias_key == alias_key)
        alias = connection.execute(select(site_aliases).where(*mine)).one_or_none()
        if alias is None:
            raise PublishRefused(f"{source} has no organization {alias_key}.")
        was = one_site(connection, site_roots(connection).get(alias.site_id, alias.site_id))
        target = _new_site(by, connection, alias.name) if site_id is None else site_id
        now = one_site(connection, target)
        if now.merged_into is not None:
            raise PublishRefused(f"{now.name} is merged into another site. Choose that one.")
        if now.site_id == was.site_id:
            raise PublishRefused(f"{alias.name} belongs to {now.name} already.")
        entry = by.note(
            connection, jobs.MOVE_ALIAS, f"{alias.name} ({source}) to {now.name}"[:255],
            source=source, alias_key=alias_key, site_id=str(target),
            site_id_was=str(alias.site_id), before={"site": was.name}, after={"site": now.name},
        )  # fmt: skip
        connection.execute(update(site_aliases).where(*mine).values(site_id=target))
        restate_sites(by, connection, entry, (was.site_id, target))
    return entry


def confirm_site(by: Decider, site_id: int) -> int:
    """Write down that a site that waits for review is a customer of its own; the entry's id.

    Raises:
        Refused: it does not wait.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        site = one_site(connection, site_id)
        if not site.needs_review:
            raise PublishRefused(
                f"{site.name} does not wait for review: somebody has decided already."
            )
        entry = by.note(
            connection, jobs.CONFIRM_SITE, site.name, site_id=str(site_id),
            before={"needs_review": True}, after={"needs_review": False},
        )  # fmt: skip
        review(connection, site_id, waits=False)
    return entry


def expect_sources(by: Decider, site_id: int, sources: Iterable[str] | None) -> int:
    """Set which sources a site is expected to have (None: those that the rules name); the entry's
    id.

    Raises:
        Refused: the site is not there.
    """
    with writing(by.engine) as connection:
        by.lease.hold(connection)
        site = one_site(connection, site_id)
        text = None if sources is None else ", ".join(sources)
        entry = by.note(
            connection, jobs.EXPECT_SOURCES, site.name, site_id=str(site_id),
            before={"expected_sources": site.expected_sources}, after={"expected_sources": text},
        )  # fmt: skip
        expect(connection, site_id, text)
    return entry


def review(connection: Connection, site_id: int, *, waits: bool) -> None:
    """Set whether a site waits for review."""
    connection.execute(update(sites).where(sites.c.site_id == site_id).values(needs_review=waits))


def expect(connection: Connection, site_id: int, sources: str | None) -> None:
    """Set the sources that a site is expected to have, on every day after the border."""
    mine = sites.c.site_id == site_id
    connection.execute(update(sites).where(mine).values(expected_sources=sources))
    first = restatement_start(connection)
    if first is not None:
        coverage.refresh_findings(
            connection, first, coverage.machines_at(connection, site_id, first)
        )


def one_site(connection: Connection, site_id: int) -> Row[*tuple[object, ...]]:
    """A site, all of its columns.

    Raises:
        Refused: there is none of that id.
    """
    if site_id == NO_SITE_ID:
        raise PublishRefused(
            "(no site) is no customer: give the machines a site where they report."
        )
    found = connection.execute(select(sites).where(sites.c.site_id == site_id)).one_or_none()
    if found is None:
        raise PublishRefused(f"There is no site {site_id}.")
    return found


def restate_sites(
    by: Decider,
    connection: Connection,
    entry: int,
    site_ids: Collection[int],
    *,
    match: bool = True,
) -> None:
    """Restate every device that was at one of these sites on a day after the border."""
    first = restatement_start(connection)
    if first is None:
        return
    ids = devices_of_sites(connection, first, site_ids)
    restate(connection, entry, by.clock(), ids, match=match)


def _new_site(by: Decider, connection: Connection, name: str) -> int:
    result = connection.execute(
        insert(sites).values(
            name=name,
            match_name=match_name(name)[:MATCH_NAME_LENGTH],
            needs_review=False,
            internal=False,
            created_at=by.clock(),
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a site's id comes from the database"
    site_id: int = inserted[0]
    return site_id
