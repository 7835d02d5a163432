"""The grid of devices: columns for a list of machines, paged and sorted by the server."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component
from dash_ag_grid import AgGrid
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import STATUSES, TYPES
from dashboard.base.stale import is_stale
from dashboard.components.kit.grid import cut, grid, text_column
from dashboard.components.kit.pill import source_badge_params, stale_words
from dashboard.queries.moment import Moment
from dashboard.words.field_words import field_name, system_name
from dashboard.words.filter_words import status_word, type_word
from db.tables import LISTED_FIELDS

_HIDDEN = ("node_class",)
_PLACED = (
    "hostname", "display_name", "site", "location", "device_type", "billing_status", "reason",
    "os", "serial",
)  # fmt: skip
_OTHERS = tuple(name for name in LISTED_FIELDS if name not in (*_PLACED, *_HIDDEN))
"""Fields without a width or renderer of their own: plain text columns after the others."""

_FIELDS = (*_PLACED, *_OTHERS, "sources", "last_contact")


def device_grid(name: str) -> AgGrid:
    """The empty grid; it asks for its rows by `getRowsRequest`."""
    return grid(
        name,
        _columns(),
        row_height=40,
        loading=_("Loading devices\u2026"),
        phone={"hostname": 252, "billing_status": 106},
        # It mostly says what the hostname says.
        wide=("display_name",),
    )


def rows(devices: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Device rows as the grid shows them at the instant `now`."""
    return [_row(row, now) for row in devices]


def hidden(moment: Moment) -> tuple[str, ...]:
    """The columns that have nothing to show: the last contact is not kept for past days."""
    return () if moment.is_newest else ("last_contact",)


def not_kept(moment: Moment) -> Component | None:
    """Why the grid lacks a column; None when it has all."""
    words = _("Last contact is not kept for past days.")
    return html.Span(words, className="not-kept") if hidden(moment) and moment.newest else None


def _row(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    cells = {name: cut(row.get(name)) for name in (*_FIELDS, "device_id")}
    cells["os"] = cut(system_name(row.get("os")))
    cells["sources"] = row.get("sources") or row["source"]
    # The name opens the device: one without a hostname needs something to click on.
    cells["hostname"] = cells["hostname"] or cells["display_name"] or formats.NOTHING
    return cells | _contact(row.get("last_contact"), now)


def _contact(text: str | None, now: datetime) -> dict[str, Any]:
    """The last contact; of a stale device its day, beside which there is room for that word."""
    if not text:
        return {"last_contact": None}
    at = datetime.fromisoformat(text)
    stale = is_stale(at, now)
    shown = formats.day(at.astimezone(now.tzinfo).date()) if stale else formats.instant(at)
    return {"last_contact": shown, "contact": formats.instant(at), "stale": stale}


def _columns() -> list[dict[str, Any]]:
    types = {name: type_word(name) for name in TYPES}
    statuses = {name: status_word(name) for name in STATUSES}
    return [
        text_column("hostname", _("Hostname"), 150, pinned="left", flex=None, width=180)
        | {
            "cellRenderer": "HubLink",
            "cellRendererParams": {"page": "/devices/", "id": "device_id", "second": "site"},
        },
        text_column("display_name", _("Display name"), 110),
        text_column("site", _("Site"), 142, flex=1.2),
        text_column("location", _("Location"), 96, flex=0.3),
        _pill("device_type", _("Type"), types, 106) | {"cellClass": "bare"},
        _pill("billing_status", _("Status"), statuses, 98) | {"tooltipField": "reason"},
        # Shown instead of the OS when only spare or excluded devices are asked for (pages.js).
        text_column("reason", _("Reason"), 240, flex=2, hide=True),
        text_column("os", _("OS"), 220, flex=1.3),
        text_column("serial", _("Serial"), 124, flex=0.2),
        *(text_column(name, field_name(name), 124) for name in _OTHERS),
        {
            "field": "sources",
            "headerName": _("Sources"),
            "width": 90,
            "cellRenderer": "HubSources",
            "cellRendererParams": source_badge_params(),
        },
        {
            "field": "last_contact",
            "headerName": _("Last contact"),
            "width": 158,
            "cellRenderer": "HubContact",
            "tooltipField": "contact",
            "cellRendererParams": {
                "stale": _("stale"),
                "about": stale_words(),
                "unknown": _("Its source says nothing about contact."),
            },
        },
    ]


def _pill(field: str, name: str, words: Mapping[str, str], width: int) -> dict[str, Any]:
    return {
        "field": field,
        "headerName": name,
        "width": width,
        "cellRenderer": "HubPill",
        "cellRendererParams": {"words": dict(words)},
    }
