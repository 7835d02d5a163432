"""People who see only some sites.

Whatever is counted is counted as for anybody who selects these sites. What happened to a device
elsewhere keeps its day but not its place, and every other site's name reads `ANOTHER_SITE`: by the
database, so that a query that forgets whom it answers shows nothing either.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Connection, Table, case, event, literal, null, select
from sqlalchemy.sql.visitors import replacement_traverse

from dashboard.base.params import BadParameter, Filters
from db.history.changes import EntityChange
from db.history.explain import EntityState
from db.history.reasons import Values
from db.tables import collection_runs, site_aliases, sites

ANOTHER_SITE = "another site"
_NO_SITE = -1
"""No site has this id."""

_OF_SITES = ("name", "match_name", "search_text", "alias_key", "expected_sources")
"""What tells one site from another."""

_OF_RUNS = (
    "run_id", "source", "business_date", "timezone", "kind", "state", "published", "hold",
    "started_at", "heartbeat_at", "finished_at", "rule_version",
)  # fmt: skip
"""What a run may show to everybody: no count of the whole source, no reason that names a site."""

_ELSEWHERE = ("first_seen", "back", "gone", "source_ended", "source_began", "site")
"""The reasons that say nothing of a device at another site but that it was there."""


def within(filters: Filters, own: Collection[int] | None) -> Filters:
    """`filters` inside the sites that somebody sees; None is all of them.

    Raises:
        BadParameter: they name another site. It is said not to be there.
    """
    if own is None:
        return filters
    for site in filters.sites:
        if site not in own:
            raise BadParameter("site", f"There is no site {site}.", 404)
    return filters if filters.sites else filters.having(sites=tuple(sorted(own)) or (_NO_SITE,))


def limit(connection: Connection, own: Collection[int]) -> None:
    """Let `connection` answer somebody who sees only these sites."""
    connection.execution_options(own_sites=frozenset(own))
    masks = {
        sites.name: _masked_sites(sites, own),
        site_aliases.name: _masked_sites(site_aliases, own),
        collection_runs.name: _masked_runs(),
    }

    def masked(element: Any, **_named: Any) -> Any:
        if isinstance(element, Table):
            return masks.get(element.name)
        if isinstance(element, Column) and isinstance(element.table, Table):
            mask = masks.get(element.table.name)
            return None if mask is None else mask.c[element.name]
        return None

    @event.listens_for(connection, "before_execute", retval=True)
    def _mask(
        _connection: Any, statement: Any, multiparams: Any, params: Any, _options: Any
    ) -> tuple[Any, Any, Any]:
        return replacement_traverse(statement, {}, masked), multiparams, params


def own_sites(connection: Connection) -> frozenset[int] | None:
    """The sites that whoever is answered on `connection` sees; None for all."""
    own: frozenset[int] | None = connection.get_execution_options().get("own_sites")
    return own


def sees(connection: Connection, site_id: int) -> bool:
    """Whether whoever is answered on `connection` sees that site."""
    own = own_sites(connection)
    return own is None or site_id in own


def without_other_places(connection: Connection, change: EntityChange) -> EntityChange:
    """`change` as its reader may see it: where one of the two states stood at another site, it says
    so, and repeats the other state for the rest."""
    then, now = change.then, change.now
    is_then, is_now = (state is None or sees(connection, state.site_id) for state in (then, now))
    if is_then and is_now and own_sites(connection) is None:
        return change
    own = now if is_now and now is not None else then
    assert own is not None, "a change has a state on one of its days"
    reasons = [reason for reason in change.reasons if reason.code in _ELSEWHERE]
    if is_then and is_now and then is not None and now is not None:
        # Between the two days it may have been elsewhere: its status is said without the cause.
        reasons = [
            replace(reason, values=_without_cause(reason.values))
            for reason in change.reasons
            if reason.code not in ("linked", "unlinked")  # They name a record of anywhere.
        ]
    return replace(
        change,
        then=then if is_then else _elsewhere(own),
        now=now if is_now else _elsewhere(own),
        reasons=tuple(reasons),
    )


def _elsewhere(own: EntityState) -> EntityState:
    return replace(
        own, site_id=_NO_SITE, site=ANOTHER_SITE, location=None, display_name=None, reason=""
    )


def _without_cause(values: Values) -> Values:
    return {name: value for name, value in values.items() if name not in ("renamed", "relocated")}


def _masked_sites(table: Table, own: Collection[int]) -> Any:
    is_own = table.c.site_id.in_(sorted(own))
    columns = [
        case((is_own, column), else_=literal(ANOTHER_SITE if column.name == "name" else None))
        if column.name in _OF_SITES
        else column
        for column in table.c
    ]
    return select(
        *(column.label(of.name) for column, of in zip(columns, table.c, strict=True))
    ).subquery(table.name)


def _masked_runs() -> Any:
    columns = [
        column if column.name in _OF_RUNS else null().label(column.name)
        for column in collection_runs.c
    ]
    return select(*columns).subquery(collection_runs.name)
