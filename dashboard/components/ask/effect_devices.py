"""The table of devices in a preview, with what would change of each."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.components.kit.drawn import drawn
from dashboard.components.kit.pill import source_badge
from dashboard.components.kit.table import column_head
from dashboard.words.filter_words import status_word

MAX_ROWS = 200

Item = Mapping[str, Any]


def effect_devices(result: Mapping[str, Any]) -> list[Component]:
    """The table, under a heading with the number of devices; nothing if there are none."""
    items = result.get("items") or []
    if not items:
        return []
    total = int(result.get("devices") or len(items))
    rows = items[:MAX_ROWS]
    title = _("Records that change: %(n)s", n=formats.number(total))
    if len(rows) < total:
        title = _("Records that change: the first %(n)s of %(all)s",
                  n=formats.number(len(rows)), all=formats.number(total))  # fmt: skip
    heads = [(_("Record"), ""), (_("What changes"), "")]
    head = html.Tr([column_head(text, kind) for text, kind in heads])
    table = html.Table(
        [html.Thead(head), html.Tbody([_row(item) for item in rows])],
        className="table effect-devices",
    )
    return [html.H3(title), drawn(html.Div(table, className="table-scroll effect-scroll"))]


def _row(item: Item) -> html.Tr:
    name = item.get("hostname") or item.get("display_name") or item["device_id"]
    link = html.A(name, href=f"/devices/{item['device_id']}", target="_blank")
    aside = item.get("display_name")
    about = [html.Span(aside, className="muted")] if aside and aside != name else []
    return html.Tr(
        [
            html.Th(
                html.Span([source_badge(item["source"]), link, *about], className="named-source"),
                scope="row",
            ),
            html.Td([html.Span(text, className="effect-change") for text in _changes(item)]),
        ]
    )


def _changes(item: Item) -> list[str]:
    changes = []
    if item["site_was"] != item["site"]:
        changes.append(_arrow(item["site_was"], item["site"]))
    if item["status_was"] != item["status"]:
        words = _arrow(status_word(item["status_was"]), status_word(item["status"]))
        changes.append(_("%(change)s: %(reason)s", change=words, reason=item["reason"] or ""))
    elif item["reason_was"] != item["reason"]:
        changes.append(_("why: %(reason)s", reason=item["reason"] or formats.NOTHING))
    if str(item["asset_was"]) != str(item["asset"]):
        own = str(item["asset"]) == str(item["device_id"])
        changes.append(_("becomes a separate machine") if own else _("joins another machine"))
    return changes


def _arrow(before: str | None, after: str | None) -> str:
    return f"{before or formats.NOTHING} \u2192 {after or formats.NOTHING}"
