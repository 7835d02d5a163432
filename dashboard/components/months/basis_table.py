"""Billing bases side by side, a row a site; each with its invoice pack."""

from collections.abc import Callable
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.basis_differences import BasisComparison
from db.tables import ALL_SITES, NO_SITE_ID

MOST = 200
"""Sites shown; the filter finds the others."""


def basis_table(sides: BasisComparison, month: str, href: Callable[[int], str]) -> html.Div:
    """The table: all sites together first.

    Args:
        href: the page with the devices that make the difference at a site.
    """
    found = sides.bases
    if not found:
        return html.Div(_("No day of this month is kept to compute from."), className="note")
    heads = [
        (_("Site"), ""), (_("Month-end"), "figure"), (_("Average"), "figure wide"),
        (_("Peak"), "figure"), (_("on"), "wide"), (_("Present"), "figure"),
        (_("Device-days"), "figure wide"),
        (_("Invoice pack"), "pack"),
    ]  # fmt: skip
    head = html.Tr([html.Th(name, scope="col", className=kind) for name, kind in heads])
    rows = [_row(one, month, sides, href) for one in found[: MOST + 1]]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="table bases")
    more = None
    if len(found) - 1 > MOST:
        more = _(
            "%(shown)s of %(all)s sites. Filter by site to see others.",
            shown=formats.number(MOST),
            all=formats.number(len(found) - 1),
        )
    whole = drawn(html.Div(table, className="table-scroll"))
    return html.Div([whole, html.P(more, className="note")])


def _row(
    one: BillingBases, month: str, sides: BasisComparison, href: Callable[[int], str]
) -> html.Tr:
    present, link = sides.devices(one), href(one.site_id) if sides.presence else None
    everything = one.site_id == ALL_SITES
    pack: Any = None
    if not everything and one.site_id != NO_SITE_ID:
        pack = html.A(
            [html.Span(className="icon icon-download"), _("ZIP")],
            href=links.invoice_pack(one.site_id, month),
            className="button quiet",
            download="",
            **{"aria-label": _("Invoice pack of %(site)s", site=one.site)},
        )
    return html.Tr(
        [
            html.Th(_("All sites") if everything else one.site, scope="row"),
            html.Td(formats.number(one.month_end), className="figure"),
            html.Td(
                [average(one), _difference(one.average - one.month_end, link, 1)],
                className="figure wide nowrap",
            ),
            html.Td(
                [formats.number(one.peak), _difference(one.peak - one.month_end, link)],
                className="figure nowrap",
            ),
            html.Td(formats.short_day(one.peak_day), className="wide muted nowrap"),
            html.Td(
                [formats.number(present), _difference((present or 0) - one.month_end, link)]
                if present is not None
                else formats.NOTHING,
                className="figure nowrap",
                title=_("Billable on at least one day")
                if present is not None
                else _("The days of this month are no longer kept"),
            ),
            html.Td(formats.number(one.device_days), className="figure wide"),
            html.Td(pack, className="pack"),
        ],
        className="everything" if everything else "",
    )


def _difference(value: float, href: str | None, decimals: int = 0) -> Component | None:
    """How far a basis is from the month-end; it opens the devices that make it."""
    if round(value, decimals) == 0:
        return None
    sign = "+" if value > 0 else formats.MINUS
    words = f"{sign}{abs(value):,.{decimals}f}"
    look = f"delta delta-{'up' if value > 0 else 'down'} basis-delta"
    if href is None:
        return html.Span(words, className=look)
    return dcc.Link(words, href=href, className=look, title=_("Which devices make the difference"))


def average(one: BillingBases) -> str:
    """The average day, with its days: "41.6"."""
    return f"{one.average:,.1f}"
