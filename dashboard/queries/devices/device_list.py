"""Which devices match the filters on the shown day: a page of them, how many, all of them.

One row per device, or in the assets basis per machine (the record that speaks for it).
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    Subquery,
    func,
    literal,
    null,
    select,
)

from dashboard.base.params import Filters, Sort
from dashboard.queries import entities
from dashboard.queries.iso_text import IsoInstant, iso_date
from dashboard.queries.moment import Moment
from db.tables import LISTED_FIELDS, device_latest, devices, sites

COLUMNS = (
    "device_id", "source", "source_key", "site_id", "site", *LISTED_FIELDS,
    "last_contact", "first_seen", "asset_id",
)  # fmt: skip
"""The fields of a device row, everywhere; in the assets basis `sources` follows."""

CHUNK = 1000
_IDS = ("device_id", "asset_id")


BY_SITE = Sort("site")
SORTS = (*COLUMNS, "sources")


def columns(basis: str) -> tuple[str, ...]:
    """The fields of a device row of `basis`."""
    return (*COLUMNS, "sources") if basis == "assets" else COLUMNS


def count(connection: Connection, moment: Moment, filters: Filters) -> int:
    """How many devices match: what `page` and `stream` give in all."""
    if moment.now.day is None:
        return 0
    view = entities.rows_on(
        moment.now.day,
        filters.basis,
        moment.rules,
        entities.filter_columns(filters),
        site_ids=filters.sites,
    )
    return connection.scalar(select(func.count()).where(entities.matches(view, filters))) or 0


def page(
    connection: Connection,
    moment: Moment,
    filters: Filters,
    *,
    sort: Sort = BY_SITE,
    offset: int = 0,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """The rows from `offset` on, at most `limit`: ids as decimal text, dates as ISO text, None
    where there is no value. `last_contact` is None on a past day."""
    if moment.now.day is None:
        return []
    statement = _rows(moment.now.day, moment, filters, sort).limit(limit).offset(offset)
    names = columns(filters.basis)
    rows = connection.execute(statement)
    return [
        {name: _json(name, value) for name, value in zip(names, row, strict=True)} for row in rows
    ]


def stream(
    connection: Connection, moment: Moment, filters: Filters, *, sort: Sort = BY_SITE
) -> Iterator[Sequence[Sequence[Any]]]:
    """Every matching row in the order of `columns`, in chunks, never all in memory. The query has
    run when this returns; the connection must stay open until the last chunk."""
    if moment.now.day is None:
        return iter(())
    statement = _rows(moment.now.day, moment, filters, sort)
    # On the statement: an option of the connection would apply to every later query too.
    result = connection.execute(statement.execution_options(yield_per=CHUNK))
    return result.partitions()


def _rows(day: date, moment: Moment, filters: Filters, sort: Sort) -> Select[Any]:
    needed = {*columns(filters.basis), *entities.filter_columns(filters)}
    view = entities.rows_on(day, filters.basis, moment.rules, needed, site_ids=filters.sites)
    last_contact = IsoInstant(device_latest.c.last_contact) if moment.is_newest else null()
    expressions: dict[str, ColumnElement[Any]] = {
        **{name: view.c[name] for name in columns(filters.basis) if name in view.c},
        "source_key": devices.c.source_key,
        "site": func.coalesce(sites.c.name, literal(entities.NO_SITE)),
        "last_contact": last_contact,
        "first_seen": iso_date(devices.c.first_seen),
    }
    statement = (
        select(*(expressions[name].label(name) for name in columns(filters.basis)))
        .select_from(view)
        .join(devices, devices.c.device_id == view.c.device_id)
        .outerjoin(sites, sites.c.site_id == view.c.site_id)
        .where(entities.matches(view, filters))
    )
    if moment.is_newest:
        statement = statement.outerjoin(
            device_latest, device_latest.c.device_id == view.c.device_id
        )
    # By what they are, not by how they are written.
    expressions["first_seen"] = devices.c.first_seen
    if moment.is_newest:
        expressions["last_contact"] = device_latest.c.last_contact
    return statement.order_by(*_order(expressions, view, sort))


def _order(
    expressions: dict[str, ColumnElement[Any]], view: Subquery, sort: Sort
) -> list[ColumnElement[Any]]:
    """A total order: the sort column, hostnames, each without values last, and ids for what is
    left."""
    keys: list[ColumnElement[Any]] = []
    if sort.column in expressions and expressions[sort.column] is not null():
        column = expressions[sort.column]
        text = isinstance(column.type, String)
        key = func.lower(column) if text else column
        keys += entities.in_order(key, descending=sort.descending)
    return [*keys, *entities.in_order(func.lower(view.c.hostname)), view.c.device_id]


def _json(name: str, value: Any) -> Any:
    if name in _IDS:
        return str(value)
    return value.isoformat() if isinstance(value, date) else value
