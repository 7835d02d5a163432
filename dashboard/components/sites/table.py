"""The table of sites: now, then, change, trend, sources; a row opens its site, a number what it
counts."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.good_direction import good_direction
from dashboard.base.params import STATUSES, TYPES, Filters
from dashboard.components.kit import links
from dashboard.components.kit.count_link import change_link, count_link
from dashboard.components.kit.drawn import drawn, drawn_list
from dashboard.components.kit.pill import source_badge
from dashboard.components.kit.sparkline import sparkline
from dashboard.components.kit.why_button import why_button
from dashboard.queries.moment import Moment
from dashboard.queries.sites.site_table import Site

PAGE = 25
"""The rows of a page."""

COLUMNS = ("name", "now", "then", "change", "percent")
"""The sortable columns."""

MOVED = {"column": "moved", "down": True}
"""The initial order: by the size of the change, up or down."""


def site_table(
    sites: Sequence[Site], counted: Filters, order: Mapping[str, Any], moment: Moment
) -> Component:
    """The page of `sites` that `order` names; each row opens its site, each number what it counts.

    The buttons in the head write the next order into the store `sites-order` (assets/js/pages.js).

    Args:
        counted: what the table counts, at all sites.
        order: the current `column`, whether it goes `down`, and the `page` (`page_of`).
        moment: the two days that the table compares.
    """
    now, then = (formats.short_day(day.day or day.requested) for day in (moment.now, moment.then))
    words = {"name": _("Site"), "now": now, "then": then, "change": _("Change"), "percent": "%"}
    head = [
        *[_head(column, words[column], order) for column in COLUMNS],
        html.Th(_("Trend"), scope="col", className="trend"),
        html.Th(_("Sources"), scope="col", className="sources"),
        html.Th(html.Span(_("Why"), className="visually-hidden"), scope="col"),
    ]
    first = page_of(order, counted, len(sites)) * PAGE
    rows = [_row(site, counted, moment) for site in sites[first : first + PAGE]]
    return drawn(
        html.Table(
            [html.Thead(html.Tr(head)), html.Tbody(rows, id="sites-rows")],
            className="table sites",
            **{"data-sorted": json.dumps(order)},
        )
    )


def page_of(order: Mapping[str, Any], counted: Filters, count: int) -> int:
    """The number of the page that `order` names, from 0. It was chosen under the filters that stand
    beside it: under others the first is shown."""
    if order.get("query") != counted.to_query():
        return 0
    return min(max(int(order.get("page", 0)), 0), max(count - 1, 0) // PAGE)


def pager(count: int, counted: Filters, order: Mapping[str, Any]) -> Component | None:
    """Which of `count` sites the table shows, and the buttons to the pages before and after."""
    if count <= PAGE:
        return None
    page = page_of(order, counted, count)
    first, last = page * PAGE + 1, min((page + 1) * PAGE, count)
    shown = _(
        "%(first)s to %(last)s of %(all)s sites",
        first=formats.number(first),
        last=formats.number(last),
        all=formats.number(count),
    )
    steps = (("previous", _("Previous page"), page - 1, first == 1),
             ("next", _("Next page"), page + 1, last == count))  # fmt: skip
    buttons = [
        html.Button(
            words, id=f"sites-{name}", className="btn btn-secondary btn-sm", type="button",
            disabled=none,
            **{"data-order": json.dumps({**order, "page": to, "query": counted.to_query()})},
        )
        for name, words, to, none in steps
    ]  # fmt: skip
    return drawn_list([html.Span(shown, role="status"), *buttons])


def ordered(sites: Sequence[Site], column: str, down: bool) -> list[Site]:
    """The sites by one of `COLUMNS`, a key of `counts_of`, or by how far they "moved"; equal ones
    by name, and what is not known last."""
    by_name = sorted(sites, key=lambda site: (site.name.casefold(), site.site_id))
    if column == "name":
        return by_name[::-1] if down else by_name
    values = [(_value(site, column), site) for site in by_name]
    known = [(value, site) for value, site in values if value is not None]
    known.sort(key=lambda item: item[0], reverse=down)
    return [site for _n, site in known] + [site for value, site in values if value is None]


def _value(site: Site, column: str) -> int | Decimal | None:
    figure = site.figure
    if column == "moved":
        return None if figure.change is None else abs(figure.change)
    if column == "percent":
        return figure.percent
    known = {"now": figure.current, "then": figure.previous, "change": figure.change}
    return known[column] if column in known else counts_of(site)[column]


def counts_of(site: Site) -> dict[str, int]:
    """The site's counts by status and type: `others` are of neither of the two main types."""
    statuses = {name: site.by_status.get(name, 0) for name in STATUSES}
    main = {name: site.by_type.get(name, 0) for name in ("server", "workstation")}
    return statuses | main | {"others": sum(site.by_type.values()) - sum(main.values())}


def addresses(there: Filters, moment: Moment) -> dict[str, str | None]:
    """What each number of a row opens, by its column: what `there` counts, narrowed as the column
    narrows it (`counts_of`)."""
    others = [name for name in TYPES if name not in ("server", "workstation")]
    return {
        "now": links.devices(there),
        "then": links.then(there, moment),
        "change": links.changes(there),
        **{name: links.devices(there.having(statuses=(name,))) for name in STATUSES},
        **{name: links.devices(there.having(types=(name,))) for name in ("server", "workstation")},
        "others": links.devices(
            there.having(types=[name for name in others if name in (there.types or others)])
        ),
    }


def _head(column: str, text: str, order: Mapping[str, Any]) -> html.Th:
    mark = html.Span(className="sort-mark", **{"aria-hidden": "true"})
    button = html.Button(
        [html.Span(text, id=f"sites-text-{column}"), mark],
        id=f"sites-sort-{column}", className="sort", type="button",
        **{
            "data-order": json.dumps({"column": column, "down": _next_is_down(column, order)}),
        },
    )  # fmt: skip
    return html.Th(
        button,
        id=f"sites-head-{column}",
        scope="col",
        className="" if column == "name" else "figure",
        **{"aria-sort": _aria_sort(column, order)},
    )


def _next_is_down(column: str, order: Mapping[str, Any]) -> bool:
    """The next order of a column: numbers from the largest, names from A, then reversed."""
    return not order["down"] if order["column"] == column else column != "name"


def _aria_sort(column: str, order: Mapping[str, Any]) -> str:
    if order["column"] == MOVED["column"]:
        return "other" if column == "change" else "none"
    if order["column"] != column:
        return "none"
    return "descending" if order["down"] else "ascending"


def _row(site: Site, counted: Filters, moment: Moment) -> html.Tr:
    there = counted.having(sites=(site.site_id,))
    behind, figure = addresses(there, moment), site.figure
    change = change_link(figure, behind["change"], good_direction(counted))
    trend = sparkline(site.trend, _("Trend of the last months")) if site.trend else None
    return html.Tr(
        [
            html.Th(
                dcc.Link(site.name, href=links.site(counted, site.site_id), className="row-link"),
                scope="row",
            ),
            html.Td(count_link(figure.current, behind["now"]), className="figure"),
            html.Td(count_link(figure.previous, behind["then"]), className="figure muted"),
            html.Td(change, className="figure"),
            html.Td(formats.percent_change(site.figure), className="figure muted"),
            html.Td(trend, className="trend"),
            html.Td(
                html.Span([source_badge(name) for name in site.sources], className="badges"),
                className="sources",
            ),
            html.Td(why_button(there.to_query(), "site"), className="row-why"),
        ]
    )
