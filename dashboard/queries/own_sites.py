"""People who see only some sites.

Whatever is counted is counted as for anybody who selects these sites. What happened to a device
elsewhere keeps its day but not its place, and every other site's name reads `ANOTHER_SITE`: by the
database, so that a query that forgets whom it answers shows nothing either.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Column, Connection, Table, case, event, false, literal, null, select
from sqlalchemy.sql.visitors import replacement_traverse

from dashboard.base.params import BadParameter, Filters
from db.decisions import CloseMonth, ReopenMonth
from db.history.changes import EntityChange
from db.history.explain import EntityState
from db.history.reasons import Values
from db.machines import SOURCE, site_key
from db.names import site_roots
from db.site_names import NamedSite, sites_to_join
from db.tables import (
    NAME_LENGTH,
    agent_hours,
    audit_log,
    collection_runs,
    held_records,
    inventory,
    month_closings,
    quarantined_records,
    run_details,
    run_suspicions,
    site_aliases,
    sites,
    suggestions,
)

ANOTHER_SITE, ANOTHER_DEVICE = "another site", "another device"
_NO_SITE = -1
"""No site has this id."""

_OF_SITES = ("name", "match_name", "search_text", "alias_key", "expected_sources")
"""What tells one site from another."""

_OF_RUNS = (
    "run_id", "source", "business_date", "timezone", "kind", "state", "published", "hold",
    "started_at", "heartbeat_at", "finished_at", "rule_version",
)  # fmt: skip
"""What a run may show to everybody: no count of the whole source, no reason that names a site."""

_OF_ENTRIES = ("entry_id", "at", "actor", "action", "undoes")
"""What an entry of the audit log may show: that something was decided, not about what."""

_UNSEEN = (run_details, run_suspicions, quarantined_records, held_records, suggestions)
"""Tables whose rows are of the whole fleet, or may name any site."""

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
    makers: dict[str, Callable[[], Any]] = {
        sites.name: partial(_masked_sites, sites, own),
        site_aliases.name: partial(_masked_sites, site_aliases, own),
        collection_runs.name: partial(_only, collection_runs, _OF_RUNS),
        audit_log.name: _masked_entries,
        # How many devices all sites had.
        month_closings.name: partial(_without, month_closings, "members"),
        inventory.name: partial(_own_machines, connection, own),
        agent_hours.name: partial(_own_hours, connection, own),
        **{table.name: partial(_nothing, table) for table in _UNSEEN},
    }
    masks: dict[str, Any] = {}

    def mask_of(table: Table) -> Any:
        if table.name not in makers:
            return None
        if table.name not in masks:
            masks[table.name] = makers[table.name]()
        return masks[table.name]

    def masked(element: Any, **_named: Any) -> Any:
        if isinstance(element, Table):
            return mask_of(element)
        if isinstance(element, Column) and isinstance(element.table, Table):
            mask = mask_of(element.table)
            return None if mask is None else mask.c[element.name]
        return None

    @event.listens_for(connection, "before_execute", retval=True)
    def _mask(
        _connection: Any, statement: Any, multiparams: Any, params: Any, options: Any
    ) -> tuple[Any, Any, Any]:
        if not options.get("whole"):
            statement = replacement_traverse(statement, {}, masked)
        return statement, multiparams, params


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
    seen = {state.site for state, is_seen in ((then, is_then), (now, is_now)) if state and is_seen}
    return replace(
        change,
        then=then if is_then else _elsewhere(own),
        now=now if is_now else _elsewhere(own),
        reasons=tuple(
            replace(reason, values=_places(reason.values, seen))
            if reason.code == "site"
            else reason
            for reason in reasons
        ),
    )


def _elsewhere(own: EntityState) -> EntityState:
    return replace(
        own, site_id=_NO_SITE, site=ANOTHER_SITE, location=None, display_name=None, reason=""
    )


def _places(values: Values, seen: Collection[str]) -> Values:
    """Where a device was and is; what a closing stored holds names."""
    return {
        name: value if name not in ("was", "now") or value in seen else ANOTHER_SITE
        for name, value in values.items()
    }


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


def _only(table: Table, names: Collection[str]) -> Any:
    columns = [
        column if column.name in names else _blank(column).label(column.name) for column in table.c
    ]
    return select(*columns).subquery(table.name)


def _masked_entries() -> Any:
    """The audit log without what a decision was about, unless that is a month."""
    c = audit_log.c
    is_of_month = c.action.in_((CloseMonth.kind, ReopenMonth.kind))
    shown = {
        **{name: c[name] for name in _OF_ENTRIES},
        "subject": case((is_of_month, c.subject), else_=literal("")),
        "detail": literal("{}"),
    }
    columns = [shown.get(column.name, null()).label(column.name) for column in c]
    return select(*columns).subquery(audit_log.name)


def _without(table: Table, *names: str) -> Any:
    return _only(table, {column.name for column in table.c} - {*names})


def _blank(column: Column[Any]) -> Any:
    """Nothing, as text where a text is always there."""
    return literal("") if not column.nullable and column.type.python_type is str else null()


def _nothing(table: Table) -> Any:
    return select(table).where(false()).subquery(table.name)


def _own_machines(connection: Connection, own: Collection[int]) -> Any:
    """The machines that name one of these sites; one that names none is nobody's."""
    c = inventory.c
    return select(inventory).where(c.site.in_(_own_names(connection, own))).subquery(inventory.name)


def _own_hours(connection: Connection, own: Collection[int]) -> Any:
    machines = select(inventory.c.device_id).where(
        inventory.c.site.in_(_own_names(connection, own))
    )
    of_own = agent_hours.c.device_id.in_(machines)
    return select(agent_hours).where(of_own).subquery(agent_hours.name)


def _own_names(connection: Connection, own: Collection[int]) -> list[str]:
    """What machines call these sites, as the next collection will understand it: by an alias of the
    agent source, or by a name that it is about to make one."""
    c, alias, whole = inventory.c, site_aliases.c, {"whole": True}
    by_key: dict[str, list[str]] = {}
    names = select(c.site).where(c.site.is_not(None)).distinct().order_by(c.site)
    for name in connection.scalars(names, execution_options=whole):
        by_key.setdefault(site_key(name), []).append(name)
    aliases = select(alias.alias_key, alias.site_id).where(alias.source == SOURCE)
    site_of = {key: site for key, site in connection.execute(aliases, execution_options=whole)}
    new = {
        key: " ".join(called[0].split())[:NAME_LENGTH]
        for key, called in by_key.items()
        if key not in site_of
    }
    if new:
        roots = site_roots(connection)
        named = [
            NamedSite(site_id, roots.get(site_id, site_id), name)
            for site_id, name in connection.execute(
                select(sites.c.site_id, sites.c.name), execution_options=whole
            )
        ]
        taken = {roots.get(site, site) for key, site in site_of.items() if key in by_key}
        site_of |= sites_to_join(new, named, taken)
    return sorted(
        name for key, called in by_key.items() if site_of.get(key) in own for name in called
    )
