"""The table of sites: now, then, change, trend, sources; each row opens its devices."""

from collections.abc import Sequence
from decimal import Decimal

from dash import dcc, html
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import STATUSES, Filters
from dashboard.components.kit import links
from dashboard.components.kit.pill import delta, source_badge
from dashboard.components.kit.sparkline import sparkline
from dashboard.components.why.button import why_button
from dashboard.queries.sites.table import Site

MOST = 200
"""Rows shown; the file has all."""

COLUMNS = ("name", "now", "then", "change", "percent")
"""The columns that sort, when their head is clicked."""

MOVED = {"column": "moved", "down": True}
"""The first order: by how far a site moved, whichever way."""


def site_table(name: str) -> html.Div:
    """The table without rows. Its parts have ids: `<name>-rows`, `<name>-more`, and for each of
    `COLUMNS` a button `<name>-sort-<column>` in `<name>-head-<column>`, its text in
    `<name>-text-<column>`."""
    words = {"name": _("Site"), "change": _("Change"), "percent": "%"}
    heads = [_head(name, column, words.get(column)) for column in COLUMNS]
    heads += [
        html.Th(_("Trend"), scope="col", className="trend"),
        html.Th(_("Sources"), scope="col", className="sources"),
        html.Th(html.Span(_("Why"), className="visually-hidden"), scope="col"),
    ]
    table = html.Table(
        [html.Thead(html.Tr(heads)), html.Tbody(id=f"{name}-rows")], className="table sites"
    )
    return html.Div([table, html.P(id=f"{name}-more", className="note")], id=f"{name}-table")


def site_rows(sites: Sequence[Site], counted: Filters) -> list[html.Tr]:
    """The rows of the first `MOST` of `sites`; each opens the devices that `counted` counts."""
    return [_row(site, counted.having(sites=(site.site_id,))) for site in sites[:MOST]]


def more_line(count: int) -> str | None:
    """What stands under the table when there are more than `MOST` sites."""
    if count <= MOST:
        return None
    return str(
        _(
            "%(shown)s of %(all)s sites. Filter by site to see others, or export them all.",
            shown=formats.number(MOST),
            all=formats.number(count),
        )
    )


def ordered(sites: Sequence[Site], column: str, down: bool) -> list[Site]:
    """The sites by one of `COLUMNS`, a key of `counts_of`, or by how far they "moved"; equal ones
    by name, and what is not known last."""
    by_name = sorted(sites, key=lambda site: (site.name.casefold(), site.site_id))
    if column == "name":
        return by_name[::-1] if down else by_name
    known = [site for site in by_name if _value(site, column) is not None]
    known.sort(key=lambda site: _value(site, column) or 0, reverse=down)
    return known + [site for site in by_name if _value(site, column) is None]


def _value(site: Site, column: str) -> int | Decimal | None:
    figure = site.figure
    if column == "moved":
        return None if figure.change is None else abs(figure.change)
    known: dict[str, int | Decimal | None] = {
        "now": figure.current,
        "then": figure.previous,
        "change": figure.change,
        "percent": figure.percent,
    }
    return known[column] if column in known else counts_of(site)[column]


def counts_of(site: Site) -> dict[str, int]:
    """The site's counts by status and type: `others` are of neither of the two main types."""
    statuses = {name: site.by_status.get(name, 0) for name in STATUSES}
    main = {name: site.by_type.get(name, 0) for name in ("server", "workstation")}
    return statuses | main | {"others": sum(site.by_type.values()) - sum(main.values())}


def _head(name: str, column: str, text: str | None) -> html.Th:
    words = html.Span(text, id=f"{name}-text-{column}")
    mark = html.Span(className="sort-mark", **{"aria-hidden": "true"})
    return html.Th(
        html.Button([words, mark], id=f"{name}-sort-{column}", className="sort", type="button"),
        id=f"{name}-head-{column}",
        scope="col",
        className="" if column == "name" else "figure",
        **{"aria-sort": "other" if column == "change" else "none"},
    )


def _row(site: Site, counted: Filters) -> html.Tr:
    trend = sparkline(site.trend, _("Trend of the last months")) if site.trend else None
    return html.Tr(
        [
            html.Th(
                dcc.Link(site.name, href=links.devices(counted), className="row-link"), scope="row"
            ),
            html.Td(formats.number(site.figure.current), className="figure"),
            html.Td(formats.number(site.figure.previous), className="figure muted"),
            html.Td(delta(site.figure), className="figure"),
            html.Td(formats.percent(site.figure), className="figure muted"),
            html.Td(trend, className="trend"),
            html.Td(
                html.Span([source_badge(name) for name in site.sources], className="badges"),
                className="sources",
            ),
            html.Td(why_button(counted.to_query(), "site"), className="row-why"),
        ]
    )
