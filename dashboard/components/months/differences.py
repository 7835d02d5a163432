"""The devices that were counted at a site in a month; first those that make the difference between
its billing bases."""

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
from dashboard.queries.months.basis_differences import CountedDevice

MOST = 500


def differing_table(answers: Any) -> Component:
    """The list for `month_page.Bases`, under a sentence that adds it up."""
    rows: Sequence[CountedDevice] = [*answers.differing, *answers.every_day][:MOST]
    count = _count(answers)
    said = _("Each was counted every day: the options give the same number.")
    if answers.differing:
        said = _sum(answers.differing)
    heads = [(_("Device"), ""), (_("Days counted"), "figure"), (_("On the peak day"), ""),
             (_("At month-end"), "")]  # fmt: skip
    head = html.Tr([column_head(text, kind) for text, kind in heads])
    days = len(answers.sides.presence.days)
    body = [_row(device, answers.filters, days) for device in rows]
    table = html.Table([html.Thead(head), html.Tbody(body)], className="table")
    return html.Section(
        [
            _title(count, answers.chosen[1]),
            html.P(said, className="note"),
            drawn(html.Div(table, className="table-scroll")),
            html.P(_cut(len(rows), count), className="note") if len(rows) < count else None,
        ],
        className="differing",
        id="differing",
        # The address asked for it: the browser scrolls to it once it is there (pages.js).
        **{"data-scroll-to": str(answers.chosen[0])},
    )


def _cut(shown: int, count: int) -> str:
    return str(
        _("The first %(shown)s of %(all)s, those not counted every day first.",
          shown=formats.number(shown), all=formats.number(count))
    )  # fmt: skip


def _count(answers: Any) -> int:
    site_id = answers.chosen[0]
    bases = next(bases for bases in answers.sides.bases if bases.site_id == site_id)
    return int(answers.sides.devices(bases) or 0)


def _title(n: int, where: str) -> html.H3:
    words = {"n": formats.number(n), "where": where}
    return html.H3(
        ngettext(
            "%(n)s device was counted at %(where)s on at least one day",
            "%(n)s devices were counted at %(where)s on at least one day", n, **words,
        )
    )  # fmt: skip


def _sum(rows: Sequence[CountedDevice]) -> str:
    gone = sum(device.on_peak and not device.at_end for device in rows)
    new = sum(device.at_end and not device.on_peak for device in rows)
    left = sum(not device.at_end for device in rows)
    return str(
        _("%(gone)s on the peak day but not at month-end, %(new)s at month-end but not on the "
          "peak day; %(left)s on some day but not at month-end. Devices counted every day come "
          "last.",
          gone=formats.number(gone), new=formats.number(new), left=formats.number(left))
    )  # fmt: skip


def _row(device: CountedDevice, filters: Filters, days: int) -> html.Tr:
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
