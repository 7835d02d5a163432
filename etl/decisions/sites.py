"""Decisions about sites: which names are one customer (docs/rules.md, 13)."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, Row, insert, select, update

from db.decisions import ConfirmSite, ExpectSources, MergeSites, MoveAlias
from db.engine import writing
from db.names import site_roots
from db.search import fold
from db.site_names import match_name
from db.tables import MATCH_NAME_LENGTH, NO_SITE_ID, site_aliases, sites
from etl.coverage import findings as coverage
from etl.decisions.machines import devices_of_sites, undo_links
from etl.decisions.registry import DecisionContext, DecisionRefused, Reversal, handles, undoes
from etl.decisions.restate import restate
from etl.snapshots.apply_decisions import restatement_start


@handles(MergeSites)
def _merge_sites(context: DecisionContext, decision: MergeSites) -> str:
    merge_sites(context, decision.site_id, decision.into)
    return "The sites are one, from the day after the newest closed month on."


@handles(MoveAlias)
def _move_alias(context: DecisionContext, decision: MoveAlias) -> str:
    move_alias(context, decision.source, decision.alias_key, decision.site_id)
    return "The alias has moved, from the day after the newest closed month on."


@handles(ConfirmSite)
def _confirm_sites(context: DecisionContext, decision: ConfirmSite) -> str:
    count = len(confirm_sites(context, decision.site_ids))
    return "The site is kept as it is." if count == 1 else f"{count} sites are kept as they are."


@handles(ExpectSources)
def _expect_sources(context: DecisionContext, decision: ExpectSources) -> str:
    expect_sources(context, decision.site_id, decision.sources)
    return "The sources that this site is expected to have are set."


def merge_sites(context: DecisionContext, site_id: int, into: int) -> int:
    """Give all names of site `site_id` to site `into`; the entry's id. The merged site keeps
    its own days up to the newest closed month.

    Raises:
        DecisionRefused: one of them does not exist or is merged already.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        site, other = site_by_id(connection, site_id), site_by_id(connection, into)
        for each in (site, other):
            if each.merged_into is not None:
                raise DecisionRefused(
                    f"{each.name} is merged into another site already. Choose that one, or undo "
                    "that decision first."
                )
        if site_id == into:
            raise DecisionRefused("A site cannot be merged into itself. Choose another one.")
        entry = context.write_entry(
            connection,
            MergeSites,
            f"{site.name} into {other.name}"[:255],
            site_id=str(site_id),
            into=str(into),
            before={"site": site.name, "needs_review": bool(site.needs_review)},
            after={"site": other.name, "needs_review": False},
        )
        connection.execute(
            update(sites)
            .where(sites.c.site_id == site_id)
            .values(merged_into=into, needs_review=False)
        )
        _restate_sites(context, connection, entry, (site_id, into))
    return entry


def move_alias(context: DecisionContext, source: str, alias_key: str, site_id: int | None) -> int:
    """Move what one source calls a site to site `site_id`, or to a new one of that name when None;
    the entry's id.

    Raises:
        DecisionRefused: the alias or the site does not exist, or it belongs there already.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        of_alias = (site_aliases.c.source == source, site_aliases.c.alias_key == alias_key)
        alias = connection.execute(select(site_aliases).where(*of_alias)).one_or_none()
        if alias is None:
            raise DecisionRefused(f"{source} has no organization {alias_key}.")
        before = site_by_id(connection, site_roots(connection).get(alias.site_id, alias.site_id))
        target = _new_site(context, connection, alias.name) if site_id is None else site_id
        after = site_by_id(connection, target)
        if after.merged_into is not None:
            raise DecisionRefused(f"{after.name} is merged into another site. Choose that one.")
        if after.site_id == before.site_id:
            raise DecisionRefused(f"{alias.name} belongs to {after.name} already.")
        entry = context.write_entry(
            connection,
            MoveAlias,
            f"{alias.name} ({source}) to {after.name}"[:255],
            source=source,
            alias_key=alias_key,
            site_id=str(target),
            site_id_was=str(alias.site_id),
            before={"site": before.name},
            after={"site": after.name},
        )
        connection.execute(update(site_aliases).where(*of_alias).values(site_id=target))
        _restate_sites(context, connection, entry, (before.site_id, target))
    return entry


def confirm_sites(context: DecisionContext, site_ids: Collection[int]) -> list[int]:
    """Record that sites that wait for review are customers of their own; the entries' ids. Sites
    that somebody has decided about meanwhile stay as they are.

    Raises:
        DecisionRefused: none of them waits for review, or one does not exist.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        entries = []
        named = [site_by_id(connection, site_id) for site_id in dict.fromkeys(site_ids)]
        for site in (site for site in named if site.needs_review):
            entries.append(
                context.write_entry(
                    connection,
                    ConfirmSite,
                    site.name,
                    site_id=str(site.site_id),
                    before={"needs_review": True},
                    after={"needs_review": False},
                )
            )
            _set_needs_review(connection, site.site_id, False)
        if not entries:
            names = ", ".join(site.name for site in named[:3])
            raise DecisionRefused(
                f"{names}: somebody has decided already. Nothing is left to confirm."
            )
    return entries


def expect_sources(context: DecisionContext, site_id: int, sources: Iterable[str] | None) -> int:
    """Set which sources a site should have (None: those that the rules name); the entry's id.

    Raises:
        DecisionRefused: the site does not exist.
    """
    with writing(context.engine) as connection:
        context.lease.hold(connection)
        site = site_by_id(connection, site_id)
        text = None if sources is None else ", ".join(sources)
        entry = context.write_entry(
            connection,
            ExpectSources,
            site.name,
            site_id=str(site_id),
            before={"expected_sources": site.expected_sources},
            after={"expected_sources": text},
        )
        _set_expected(connection, site_id, text)
    return entry


@undoes(MergeSites)
def _undo_merge(context: DecisionContext, reversal: Reversal) -> None:
    connection, detail = reversal.connection, reversal.detail
    site_id, into = int(detail["site_id"]), int(detail["into"])
    site = connection.execute(select(sites).where(sites.c.site_id == site_id)).one()
    if site.merged_into != into:
        raise DecisionRefused("The site was merged again since. Undo that decision first.")
    connection.execute(update(sites).where(sites.c.site_id == site_id).values(merged_into=None))
    _set_needs_review(connection, site_id, detail["before"]["needs_review"])
    _restate_undone(context, reversal, (site_id, into))


@undoes(MoveAlias)
def _undo_move(context: DecisionContext, reversal: Reversal) -> None:
    connection, detail, c = reversal.connection, reversal.detail, site_aliases.c
    alias = (c.source == detail["source"], c.alias_key == detail["alias_key"])
    moved_to, moved_from = int(detail["site_id"]), int(detail["site_id_was"])
    if connection.scalar(select(c.site_id).where(*alias)) != moved_to:
        raise DecisionRefused("The alias was moved again since. Undo that decision first.")
    connection.execute(update(site_aliases).where(*alias).values(site_id=moved_from))
    _restate_undone(context, reversal, (moved_to, moved_from))


@undoes(ConfirmSite)
def _undo_confirmation(_context: DecisionContext, reversal: Reversal) -> None:
    _set_needs_review(reversal.connection, int(reversal.detail["site_id"]), True)


@undoes(ExpectSources)
def _undo_expectation(_context: DecisionContext, reversal: Reversal) -> None:
    before = reversal.detail["before"]["expected_sources"]
    _set_expected(reversal.connection, int(reversal.detail["site_id"]), before)


def _set_needs_review(connection: Connection, site_id: int, needs_review: bool) -> None:
    values = {"needs_review": needs_review}
    connection.execute(update(sites).where(sites.c.site_id == site_id).values(values))


def _set_expected(connection: Connection, site_id: int, sources: str | None) -> None:
    """Set the sources that a site should have, and find its coverage gaps again."""
    of_id = sites.c.site_id == site_id
    connection.execute(update(sites).where(of_id).values(expected_sources=sources))
    first = restatement_start(connection)
    if first is not None:
        coverage.refresh_findings(
            connection, first, coverage.machines_of_site(connection, site_id, first)
        )


def site_by_id(connection: Connection, site_id: int) -> Row[*tuple[object, ...]]:
    """All columns of a site.

    Raises:
        DecisionRefused: there is none of that id.
    """
    if site_id == NO_SITE_ID:
        raise DecisionRefused(
            "(no site) is no customer: give the machines a site where they report."
        )
    site = connection.execute(select(sites).where(sites.c.site_id == site_id)).one_or_none()
    if site is None:
        raise DecisionRefused(f"There is no site {site_id}.")
    return site


def _restate_sites(
    context: DecisionContext, connection: Connection, entry: int, site_ids: Collection[int]
) -> None:
    """Restate every device that was at one of these sites on a day after the newest closed
    month, and let the rules link them again."""
    first = restatement_start(connection)
    if first is None:
        return
    device_ids = devices_of_sites(connection, first, site_ids)
    restate(connection, entry, context.clock(), device_ids, match=True)


def _restate_undone(
    context: DecisionContext, reversal: Reversal, site_ids: tuple[int, int]
) -> None:
    """Undo the links that followed from a decision about these sites, and restate their
    devices."""
    connection = reversal.connection
    first = restatement_start(connection)
    if first is None:
        return
    device_ids = undo_links(context, reversal, first)
    # The devices of a site that is merged now are at the site that it was merged into.
    roots = site_roots(connection)
    places = {*site_ids, *(roots.get(site_id, site_id) for site_id in site_ids)}
    device_ids |= devices_of_sites(connection, first, places)
    restate(connection, reversal.entry, context.clock(), device_ids)


def _new_site(context: DecisionContext, connection: Connection, name: str) -> int:
    result = connection.execute(
        insert(sites).values(
            name=name,
            match_name=match_name(name)[:MATCH_NAME_LENGTH],
            needs_review=False,
            internal=False,
            created_at=context.clock(),
            search_text=fold(name),
        )
    )
    inserted = result.inserted_primary_key
    assert inserted is not None, "a site's id comes from the database"
    site_id: int = inserted[0]
    return site_id
