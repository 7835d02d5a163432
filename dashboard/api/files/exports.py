"""Files of exactly what is shown, complete, from the query that the list uses."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from dashboard.api import parameters
from dashboard.api.files.about import about, file_name, imported_facts
from dashboard.api.files.tables import FORMATS, table_file
from dashboard.api.operation import ParameterDescription, documented, file_of
from dashboard.base.change import Change
from dashboard.base.params import (
    SOURCES,
    STATUSES,
    TYPES,
    only_stored,
    parse_sort,
)
from dashboard.queries.changes import bars as changes
from dashboard.queries.changes import change_list, change_rows
from dashboard.queries.coverage import coverage_rows
from dashboard.queries.coverage import findings as coverage
from dashboard.queries.devices import device_list
from dashboard.queries.months import month_ends, month_table
from dashboard.queries.sites import site_table
from dashboard.web.context import Context, View

SITE_COLUMNS = (
    "site_id", "site", "current", "previous", "change", "change_percent",
    *STATUSES, *TYPES, "sources",
)  # fmt: skip
BAR_COLUMNS = ("bar", "devices", "change")
MOVER_COLUMNS = ("site_id", "site", "current", "previous", "change", "change_percent")
MONTH_END_COLUMNS = (
    "month", "state", "billable", "previous", "change", "change_percent", "spare", "total",
    "excluded", "closed_at", "closed_by", "hash", *(f"{source}_date" for source in SOURCES),
)  # fmt: skip
MONTH_COLUMNS = ("month", "state", "total", *TYPES, *(f"{source}_date" for source in SOURCES))
SORTS = device_list.columns("assets")
"""What a file of devices can be sorted by; what its basis has no column for leaves it as it is."""

Table = tuple[Sequence[str], Iterable[Iterable[Sequence[Any]]]]


@dataclass(frozen=True)
class Subject:
    """One table: its columns and rows for a question.

    `columns`: all that it may have, for the description; `extra`: the parameters of its address
    beside the filters; `stored`: months, which cannot be filtered by everything; `compared`:
    whether the other day matters too.
    """

    summary: str
    columns: Sequence[str]
    table: Callable[[View], Table]
    extra: tuple[ParameterDescription, ...] = (parameters.SOURCE,)
    stored: bool = False
    compared: bool = True


def blueprint(context: Context) -> Blueprint:
    """The routes under /export: every subject in every format."""
    routes = Blueprint("export", __name__, url_prefix="/export")
    for name, subject in SUBJECTS.items():
        shared = parameters.filters(f"/export/{name}", stored=subject.stored)
        taken = [*shared, *subject.extra]
        for form, media_type in FORMATS.items():
            declare = documented(subject.summary, file_of(media_type, subject.columns), taken)
            view = declare(partial(_answer, context, name, form))
            routes.add_url_rule(f"/{name}.{form}", f"{name}_{form}", view)
    return routes


def _answer(context: Context, name: str, form: str) -> Response:
    subject = SUBJECTS[name]
    extra = [parameter.name for parameter in subject.extra]
    filters = context.filters(request.args, request.path, extra=extra)
    with context.view(filters, own_sites=True) as v:
        # Months have a column for each status.
        counted = replace(v, filters=v.filters.having(statuses=STATUSES)) if subject.stored else v
        facts = about(counted, compared=subject.compared)
        if subject.stored:
            facts += imported_facts(month_table.month_rows(v.connection, v.moment, v.filters))
        title = file_name(name, v, compared=subject.compared)
        # Last: its rows stream, and MySQL forgets them when anything else is asked meanwhile.
        columns, rows = subject.table(v)
        if "last_contact" in columns and not v.moment.is_newest:
            facts.append(("last_contact", "not kept for past days"))
        return table_file(title, columns, rows, facts, form)


def _devices(v: View) -> Table:
    sort = parse_sort(request.args, SORTS, device_list.BY_SITE)
    rows = device_list.stream(v.connection, v.moment, v.filters, sort=sort)
    return device_list.columns(v.filters.basis), rows


def _changes(v: View) -> Table:
    sort = parse_sort(request.args, change_list.SORTS, change_list.BY_BAR)
    items = change_list.stream(v.connection, v.moment, v.filters, sort=sort)
    rows = (
        [
            change_rows.cells(row, v.filters.basis)
            for row in change_rows.rows(v.connection, v.moment, v.filters.basis, part)
        ]
        for part in items
    )
    return change_rows.columns(v.filters.basis), rows


def _bars(v: View) -> Table:
    counted = asdict(changes.bars(v.connection, v.moment, v.filters))
    rows = [(name, n, changes.signed_change(name, n)) for name, n in counted.items()]
    return BAR_COLUMNS, [rows]


def _coverage(v: View) -> Table:
    sort = parse_sort(request.args, coverage.SORTS, coverage.BY_KIND)
    parts = coverage.stream(v.connection, v.moment, v.filters, sort=sort)
    return coverage_rows.FILE_COLUMNS, (
        [coverage_rows.cells(row) for row in part] for part in parts
    )


def _sites(v: View) -> Table:
    return SITE_COLUMNS, [
        [_site(row) for row in site_table.site_rows(v.connection, v.moment, v.filters)]
    ]


def _site(row: site_table.Site) -> tuple[Any, ...]:
    figure = row.figure
    return (
        row.site_id, row.name, *_figure(figure),
        *(row.by_status.get(status, 0) for status in STATUSES),
        *(row.by_type.get(name, 0) for name in TYPES),
        ", ".join(row.sources),
    )  # fmt: skip


def _movers(v: View) -> Table:
    """Every site that moved, most first: the card shows the first of them."""
    moved = changes.movers(v.connection, v.moment, v.filters, limit=None)
    return MOVER_COLUMNS, [[(mover.site_id, mover.site, *_figure(mover.figure)) for mover in moved]]


def _figure(figure: Change) -> tuple[Any, ...]:
    return figure.current, figure.previous, figure.change, figure.percent


def _month_ends(v: View) -> Table:
    """The table of the Months page."""
    only_stored(v.filters)
    return MONTH_END_COLUMNS, [
        [_month_end(row) for row in month_table.month_rows(v.connection, v.moment, v.filters)]
    ]


def _month_end(row: month_table.MonthRow) -> tuple[Any, ...]:
    closing, figure = row.closing, row.figure
    dates = {} if row.state == month_table.IMPORTED else row.dates
    return (
        row.month, row.state, row.billable, figure.previous, figure.change, figure.percent,
        row.spare, row.total, row.excluded,
        closing and closing.closed_at.isoformat(timespec="seconds"), closing and closing.author,
        closing and closing.hash,
        *(dates[source].date if source in dates else None for source in SOURCES),
    )  # fmt: skip


def _months(v: View) -> Table:
    states = {
        row.month: row.state for row in month_table.month_rows(v.connection, v.moment, v.filters)
    }
    months = month_ends.last_months(v.connection, v.moment, v.filters)
    return MONTH_COLUMNS, [[_month(row, states.get(row.month)) for row in months]]


def _month(row: month_ends.MonthEnd, state: str | None) -> tuple[Any, ...]:
    by_type = row.by_type
    return (
        row.month, state, row.total,
        *(None if by_type is None else by_type.get(name, 0) for name in TYPES),
        *(row.dates.get(source) for source in SOURCES),
    )  # fmt: skip


SUBJECTS = {
    "devices": Subject(
        "Every device that matches",
        device_list.columns("assets"),
        _devices,
        (parameters.SOURCE, parameters.MANAGED_BY, parameters.sort(SORTS, "site")),
        compared=False,
    ),
    "changes": Subject(
        "Every device that changed",
        change_rows.columns("assets"),
        _changes,
        (parameters.SOURCE, parameters.CHANGE, parameters.sort(change_list.SORTS)),
    ),
    "coverage": Subject(
        "Every finding that matches",
        coverage_rows.FILE_COLUMNS,
        _coverage,
        (parameters.SOURCE, *parameters.FINDINGS, parameters.sort(coverage.SORTS)),
        compared=False,
    ),
    "bars": Subject("Why a number moved, in bars", BAR_COLUMNS, _bars),
    "sites": Subject("Every site that matches", SITE_COLUMNS, _sites),
    "movers": Subject("Every site that moved, most first", MOVER_COLUMNS, _movers),
    "month-ends": Subject(
        "Every month: its state, its counts, its closing",
        MONTH_END_COLUMNS,
        _month_ends,
        (),
        stored=True,
        compared=False,
    ),
    "months": Subject("Month by month", MONTH_COLUMNS, _months, compared=False),
}
