"""The devices that make the difference between the billing bases of a site."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import source_badge
from dashboard.queries.months.basis_differences import DifferingDevice

MOST = 500


def differing_table(found: Any) -> Component:
    """The list for `month_page.Bases`, under a sentence that adds it up."""
    rows: Sequence[DifferingDevice] = found.differing
    where = found.chosen[1]
    if not rows:
        text = _("At %(where)s every device was billable on every day: the bases are the same.",
                 where=where)  # fmt: skip
        return html.Section([html.H3(where), html.P(text, className="note")], className="differing")
    heads = [(_("Device"), ""), (_("Days billable"), "figure"), (_("On the peak day"), ""),
             (_("At month-end"), "")]  # fmt: skip
    head = html.Tr([html.Th(text, scope="col", className=kind) for text, kind in heads])
    body = [_row(one, found.filters, len(found.sides.presence.days)) for one in rows[:MOST]]
    table = html.Table([html.Thead(head), html.Tbody(body)], className="table")
    return html.Section(
        [
            html.H3(_("Which devices make the difference at %(where)s", where=where)),
            html.P(_sum(rows), className="note"),
            drawn(html.Div(table, className="table-scroll")),
        ],
        className="differing",
        id="differing",
    )


def _sum(rows: Sequence[DifferingDevice]) -> str:
    gone = sum(one.on_peak and not one.at_end for one in rows)
    new = sum(one.at_end and not one.on_peak for one in rows)
    left = sum(not one.at_end for one in rows)
    return str(
        _("%(gone)s on the peak day and not at month-end, %(new)s the other way; %(left)s on some "
          "day and not at month-end. Devices that were billable on every day are not listed.",
          gone=formats.number(gone), new=formats.number(new), left=formats.number(left))
    )  # fmt: skip


def _row(one: DifferingDevice, filters: Filters, days: int) -> html.Tr:
    badge = [source_badge(one.source)] if one.source else []
    name = dcc.Link(one.name, href=links.device(filters.having(as_of=None), one.device_id))
    return html.Tr(
        [
            html.Th(html.Span([*badge, name], className="named-source"), scope="row"),
            html.Td(
                _("%(n)s of %(days)s", n=formats.number(one.days), days=formats.number(days)),
                className="figure",
            ),
            html.Td(_yes(one.on_peak)),
            html.Td(_yes(one.at_end)),
        ]
    )


def _yes(value: bool) -> Component:
    return html.Span(_("yes") if value else _("no"), className="" if value else "muted")
