"""Billing bases side by side, a row a site; each with its invoice pack."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.good_direction import GOOD, news
from dashboard.components.kit import links
from dashboard.components.kit.count_link import count_link
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.table import column_head
from dashboard.queries.months.bases import BillingBases
from dashboard.queries.months.basis_differences import BasisComparison
from db.tables import ALL_SITES, NO_SITE_ID

MOST = 200
"""Sites shown; the filter finds the others."""


DevicesOn = Callable[[int, date | None], str | None]
"""What a site counted on a day, or at the month's end (None); None where that is not kept."""


def basis_table(
    sides: BasisComparison, month: str, href: Callable[[int], str], devices_on: DevicesOn
) -> html.Div:
    """The table: all sites together first.

    Args:
        href: the page with the devices that make the difference at a site.
    """
    site_bases = sides.bases
    if not site_bases:
        text = _("No day of this month is kept to compute from.")
        if sides.unkept:
            text = _(
                "The days of this month are no longer kept. Its closing stores billing options "
                "for all billable devices only: remove the other filters."
            )
        return html.Div(text, className="note")
    heads = [
        (_("Site"), ""), (_("Month-end"), "figure"), (_("Average"), "figure wide"),
        (_("Peak"), "figure"), (_("on"), "wide"), (_("Present"), "figure"),
        (_("Device-days"), "figure wide"),
        (_("Invoice pack"), "pack"),
    ]  # fmt: skip
    head = html.Tr([column_head(name, kind) for name, kind in heads])
    rows = [_row(bases, month, sides, href, devices_on) for bases in site_bases[: MOST + 1]]
    table = html.Table([html.Thead(head), html.Tbody(rows)], className="table bases")
    more = None
    if len(site_bases) - 1 > MOST:
        more = _(
            "%(shown)s of %(all)s sites. Filter by site to see others.",
            shown=formats.number(MOST),
            all=formats.number(len(site_bases) - 1),
        )
    whole = drawn(html.Div(table, className="table-scroll"))
    return html.Div([whole, html.P(more, className="note")])


def _row(
    bases: BillingBases,
    month: str,
    sides: BasisComparison,
    href: Callable[[int], str],
    devices_on: DevicesOn,
) -> html.Tr:
    present, link = sides.devices(bases), href(bases.site_id) if sides.presence else None
    everything = bases.site_id == ALL_SITES
    unlisted = _("The devices of this day are no longer kept.")
    at_end, on_peak = (devices_on(bases.site_id, day) for day in (None, bases.peak_day))
    pack: Any = None
    if not everything and bases.site_id != NO_SITE_ID:
        pack = html.A(
            [html.Span(className="icon icon-download"), _("ZIP")],
            href=links.invoice_pack(bases.site_id, month),
            className="btn btn-link",
            download="",
            **{"aria-label": _("ZIP: invoice pack of %(site)s", site=bases.site)},
        )
    return html.Tr(
        [
            html.Th(_("All sites") if everything else bases.site, scope="row"),
            html.Td(count_link(bases.month_end, at_end, unlisted=unlisted), className="figure"),
            html.Td(
                [formats.decimal(bases.average, 2), _difference(bases.average_difference, link, 2)],
                className="figure wide nowrap",
            ),
            html.Td(
                [
                    count_link(bases.peak, on_peak, unlisted=unlisted),
                    _difference(bases.peak - bases.month_end, link),
                ],
                className="figure nowrap",
            ),
            html.Td(formats.short_day(bases.peak_day), className="wide muted nowrap"),
            html.Td(
                [count_link(present, link), _difference((present or 0) - bases.month_end, link)]
                if present is not None
                else formats.NOTHING,
                className="figure nowrap",
                title=_("Counted on at least one day")
                if present is not None
                else _("The days of this month are no longer kept"),
            ),
            html.Td(formats.number(bases.device_days), className="figure wide other"),
            html.Td(pack, className="pack"),
        ],
        className="everything" if everything else "",
    )


def _difference(value: Decimal | int, href: str | None, decimals: int = 0) -> Component | None:
    """How far a basis is from the month-end; it opens the devices that make it."""
    if value == 0:
        return None
    words = f"{'+' if value > 0 else ''}{formats.decimal(value, decimals)}"
    look = f"delta news-{news(1 if value > 0 else -1, GOOD['billing_basis'])} basis-delta"
    if href is None:
        return html.Span(words, className=look)
    return dcc.Link(words, href=href, className=look, title=_("Devices behind the difference"))
