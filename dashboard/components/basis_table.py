"""Billing bases side by side, a row a site; each with its invoice pack."""

from collections.abc import Sequence
from typing import Any

from dash import html
from flask_babel import gettext as _

from dashboard import formats
from dashboard.components import links
from dashboard.components.drawn import drawn
from dashboard.queries.month_bases import Bases
from db.tables import ALL_SITES, NO_SITE_ID

MOST = 200
"""Sites shown; the filter finds the others."""


def basis_table(found: Sequence[Bases], month: str) -> html.Div:
    """The table: all sites together first."""
    if not found:
        return html.Div(_("No day of this month is kept to compute from."), className="note")
    heads = [
        (_("Site"), ""), (_("Month-end"), "figure"), (_("Average"), "figure"),
        (_("Peak"), "figure"), (_("on"), "wide"), (_("Device-days"), "figure wide"),
        (_("Invoice pack"), "pack"),
    ]  # fmt: skip
    head = html.Tr([html.Th(name, scope="col", className=kind) for name, kind in heads])
    rows = [_row(one, month) for one in found[: MOST + 1]]
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


def _row(one: Bases, month: str) -> html.Tr:
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
            html.Td(average(one), className="figure"),
            html.Td(formats.number(one.peak), className="figure"),
            html.Td(formats.short_day(one.peak_day), className="wide muted nowrap"),
            html.Td(formats.number(one.device_days), className="figure wide"),
            html.Td(pack, className="pack"),
        ],
        className="everything" if everything else "",
    )


def average(one: Bases) -> str:
    """The average day, with its days: "41.6"."""
    return f"{one.average:,.1f}"
