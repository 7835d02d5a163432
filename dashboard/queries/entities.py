"""The one predicate: which records or machines are counted (docs/rules.md, 9).

A number, the list that it opens, the file and the bars are all made of the selects and the
condition of this file.
"""

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Subquery, and_, func, or_, select, true

from dashboard.base.params import NO_LOCATION, Filters
from db.history.views import ASSET_COLUMNS, assets_as_of, machines_at, records_as_of
from db.history.views import flag as flag
from db.names import NO_SITE as NO_SITE
from db.rules import RulesByDay
from db.search import contains, contains_text_or_mac, fold
from db.tables import NO_SITE_ID, device_latest, device_snapshots, sites


def rows_on(
    day: date,
    basis: str,
    rules: RulesByDay,
    columns: Collection[str] = ASSET_COLUMNS,
    *,
    site_ids: Collection[int] = (),
) -> Subquery:
    """The rows of `day` in `basis`, unfiltered: one per record or machine.

    Args:
        columns: those that the caller selects, with those of its filters (`filter_columns`).
        site_ids: the sites that the caller's condition is about, of which alone all rows are
            needed; none means all sites.
    """
    if basis == "assets":
        asset_ids = machines_at(site_ids, day) if site_ids else None
        view = assets_as_of(day, rules, columns=columns, asset_ids=asset_ids)
    else:
        view = records_as_of(day)
        if basis != "records":
            view = view.where(device_snapshots.c.source == basis)
    return view.subquery("standing")


def filter_columns(filters: Filters) -> tuple[str, ...]:
    """The columns that `matches` uses."""
    names = {"billing_status": True, "site_id": bool(filters.sites or filters.q)}
    names |= {"device_type": bool(filters.types), "source": bool(filters.sources)}
    names |= {"location": bool(filters.locations), "sources": bool(filters.managed_by)}
    names |= {"search_text": filters.q is not None}
    names |= {_searched_key(filters): filters.q is not None}
    return tuple(name for name, used in names.items() if used)


def in_order(column: ColumnElement[Any], *, descending: bool = False) -> list[ColumnElement[Any]]:
    """The keys that sort by a column, what has no value last in both directions: by themselves
    databases disagree about it."""
    return [flag(column.is_(None)), column.desc() if descending else column]


def in_sites(rows: FromClause, filters: Filters) -> ColumnElement[bool]:
    """Whether the row's site is in the site filter."""
    return rows.c.site_id.in_(filters.sites) if filters.sites else true()


def matches(rows: FromClause, filters: Filters) -> ColumnElement[bool]:
    """Whether the row is counted: in the site filter and in every other one."""
    conditions = [in_sites(rows, filters), rows.c.billing_status.in_(filters.statuses)]
    if filters.types:
        conditions.append(rows.c.device_type.in_(filters.types))
    if filters.sources:
        conditions.append(rows.c.source.in_(filters.sources))
    if filters.locations:
        conditions.append(func.coalesce(rows.c.location, NO_LOCATION).in_(filters.locations))
    # No source's name is part of another's.
    conditions += [rows.c.sources.contains(source) for source in filters.managed_by]
    if filters.q is not None:
        conditions.append(_matches_search(rows, filters, filters.q))
    return and_(*conditions)


def _searched_key(filters: Filters) -> str:
    # A machine is also found by what its other records' sources know of it.
    return "asset_id" if filters.basis == "assets" else "device_id"


def _matches_search(rows: FromClause, filters: Filters, q: str) -> ColumnElement[bool]:
    """Whether the row's texts, its site's name, or its newest user or addresses contain `q`."""
    named = select(sites.c.site_id).where(contains(sites.c.search_text, q))
    latest = select(device_latest.c.device_id).where(
        contains_text_or_mac(device_latest.c.search_text, q)
    )
    if filters.basis == "assets":
        stretch = device_snapshots.c
        latest = select(stretch.asset_id).where(stretch.device_id.in_(latest))
    conditions = [
        contains(rows.c.search_text, q),
        rows.c.site_id.in_(named),
        rows.c[_searched_key(filters)].in_(latest),
    ]
    if fold(q) in NO_SITE:
        conditions.append(rows.c.site_id == NO_SITE_ID)
    return or_(*conditions)
