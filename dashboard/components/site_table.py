"""The table of sites: now, then, change, trend, sources; each row opens its devices."""

from collections.abc import Callable, Sequence

from dash import dcc, html
from flask_babel import gettext as _

from dashboard import formats
from dashboard.components.pill import delta, source_badge
from dashboard.components.sparkline import sparkline
from dashboard.queries.sites import Site

MOST = 200
"""Rows shown; the file has all."""

ORDERS = ("change", "name", "now")


def ordered(sites: Sequence[Site], order: str) -> list[Site]:
    """The sites by largest change, by name, or by how many there are now."""
    by_name = sorted(sites, key=lambda site: (site.name.casefold(), site.site_id))
    if order == "change":
        return sorted(by_name, key=lambda site: -abs(site.figure.change or 0))
    if order == "now":
        return sorted(by_name, key=lambda site: -(site.figure.current or 0))
    return by_name


def site_table(
    sites: Sequence[Site], now: str, then: str, href: Callable[[int], str]
) -> list[html.Table | html.P]:
    """The first `MOST` of `sites`, and a line that says so when there are more.

    Args:
        now, then: the heads of the two count columns.
        href: the list of a site's devices.
    """
    heads = [
        html.Th(_("Site"), scope="col"),
        html.Th(now, scope="col", className="figure"),
        html.Th(then, scope="col", className="figure"),
        html.Th(_("Change"), scope="col", className="figure"),
        html.Th("%", scope="col", className="figure"),
        html.Th(_("Trend"), scope="col", className="trend"),
        html.Th(_("Sources"), scope="col"),
    ]
    rows = [_row(site, href(site.site_id)) for site in sites[:MOST]]
    table = html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="table sites")
    if len(sites) <= MOST:
        return [table]
    more = _(
        "%(shown)s of %(all)s sites. Filter by site to see others, or export them all.",
        shown=formats.number(MOST),
        all=formats.number(len(sites)),
    )
    return [table, html.P(more, className="note")]


def _row(site: Site, href: str) -> html.Tr:
    trend = sparkline(site.trend, _("Trend of the last months")) if site.trend else None
    return html.Tr(
        [
            html.Th(dcc.Link(site.name, href=href, className="row-link"), scope="row"),
            html.Td(formats.number(site.figure.current), className="figure"),
            html.Td(formats.number(site.figure.previous), className="figure"),
            html.Td(delta(site.figure), className="figure"),
            html.Td(formats.percent(site.figure), className="figure muted"),
            html.Td(trend, className="trend"),
            html.Td(html.Span([source_badge(name) for name in site.sources], className="badges")),
        ]
    )
