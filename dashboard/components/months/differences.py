"""The devices that make the difference between the billing bases of a site."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import source_badge
from dashboard.components.kit.table import column_head
from dashboard.queries.months.basis_differences import DifferingDevice

MOST = 500


def differing_table(answers: Any) -> Component:
    """The list for `month_page.Bases`, under a sentence that adds it up."""
    rows: Sequence[DifferingDevice] = answers.differing
    title = _title(answers)
    if not rows:
        text = _("Each was counted every day: the options give the same number.")
        return html.Section([title, html.P(text, className="note")], className="differing")
    heads = [(_("Device"), ""), (_("Days counted"), "figure"), (_("On the peak day"), ""),
             (_("At month-end"), "")]  # fmt: skip
    head = html.Tr([column_head(text, kind) for text, kind in heads])
    body = [
        _row(device, answers.filters, len(answers.sides.presence.days)) for device in rows[:MOST]
    ]
    table = html.Table([html.Thead(head), html.Tbody(body)], className="table")
    return html.Section(
        [
            title,
            html.P(_sum(rows), className="note"),
            drawn(html.Div(table, className="table-scroll")),
        ],
        className="differing",
        id="differing",
    )


def _title(answers: Any) -> html.H3:
    site_id, where = answers.chosen
    bases = next(bases for bases in answers.sides.bases if bases.site_id == site_id)
    n = answers.sides.devices(bases) or 0
    words = {"n": formats.number(n), "where": where}
    return html.H3(
        ngettext(
            "%(n)s device was counted at %(where)s on at least one day",
            "%(n)s devices were counted at %(where)s on at least one day", n, **words,
        )
    )  # fmt: skip


def _sum(rows: Sequence[DifferingDevice]) -> str:
    gone = sum(device.on_peak and not device.at_end for device in rows)
    new = sum(device.at_end and not device.on_peak for device in rows)
    left = sum(not device.at_end for device in rows)
    return str(
        _("%(gone)s on the peak day but not at month-end, %(new)s at month-end but not on the "
          "peak day; %(left)s on some day but not at month-end. Devices counted every day are "
          "not listed.",
          gone=formats.number(gone), new=formats.number(new), left=formats.number(left))
    )  # fmt: skip


def _row(device: DifferingDevice, filters: Filters, days: int) -> html.Tr:
    badge = [source_badge(device.source)] if device.source else []
    name = dcc.Link(device.name, href=links.device(filters.having(as_of=None), device.device_id))
    return html.Tr(
        [
            html.Th(html.Span([*badge, name], className="named-source"), scope="row"),
            html.Td(
                _("%(n)s of %(days)s", n=formats.number(device.days), days=formats.number(days)),
                className="figure",
            ),
            html.Td(_yes(device.on_peak)),
            html.Td(_yes(device.at_end)),
        ]
    )


def _yes(value: bool) -> Component:
    return html.Span(_("yes") if value else _("no"), className="" if value else "muted")
