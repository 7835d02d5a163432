"""The grid of devices: columns for a list of machines, paged and sorted by the server."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dash_ag_grid import AgGrid
from flask_babel import gettext as _

from dashboard import formats
from dashboard.components.filter_words import status_word, type_word
from dashboard.filters import STATUSES, TYPES
from dashboard.queries.devices import BY_SITE, COLUMNS, Sort
from dashboard.queries.moment import LABELS

PAGE = 100
MOST = 1000
"""Rows that are given at once, however many are asked for."""
LONGEST = 300
"""Characters of a cell that are shown; the file has all."""

SHOWN = (
    "hostname", "display_name", "site", "location", "device_type", "billing_status", "reason",
    "os", "serial", "sources", "last_contact",
)  # fmt: skip


def device_grid(name: str) -> AgGrid:
    """The empty grid; it asks for its rows by `getRowsRequest`."""
    return AgGrid(
        id=name,
        rowModelType="infinite",
        columnDefs=_columns(),
        defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
        dashGridOptions={
            "rowHeight": 40,
            "headerHeight": 40,
            "cacheBlockSize": PAGE,
            "maxBlocksInCache": 10,
            "pagination": True,
            "paginationPageSize": PAGE,
            "paginationPageSizeSelector": False,
            "enableCellTextSelection": True,
            "suppressCellFocus": False,
            "tooltipShowDelay": 400,
            "multiSortKey": "none",
            "suppressMultiSort": True,
            "localeText": _words(),
        },
        className="grid",
        style={"height": None},
    )


def rows(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Device rows as the grid shows them."""
    return [_row(row) for row in found]


def asked(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the grid asks for, as arguments of `queries.devices.page`."""
    first, end = int(request["startRow"]), int(request["endRow"])
    return {
        "sort": sort_of(request.get("sortModel")),
        "offset": max(first, 0),
        "limit": min(max(end - first, 0), MOST),
    }


def sort_of(model: list[Mapping[str, str]] | None) -> Sort:
    """The grid's sort model as a sort of the query; by site when there is none."""
    for part in model or ():
        column = part.get("colId")
        if column in (*COLUMNS, "sources"):
            return Sort(str(column), part.get("sort") == "desc")
    return BY_SITE


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: _cut(row.get(name)) for name in (*SHOWN, "device_id")}
    shown["sources"] = row.get("sources") or row["source"]
    # The name opens the device: one without a hostname needs something to click on.
    shown["hostname"] = shown["hostname"] or shown["display_name"] or formats.NOTHING
    contact = row.get("last_contact")
    shown["last_contact"] = formats.instant(datetime.fromisoformat(contact)) if contact else None
    return shown


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST:
        return value[: LONGEST - 1] + "\u2026"
    return value


def _columns() -> list[dict[str, Any]]:
    types = {name: type_word(name) for name in TYPES}
    statuses = {name: status_word(name) for name in STATUSES}
    return [
        _text("hostname", _("Hostname"), 150, pinned="left", flex=None, width=180)
        | {
            "cellRenderer": "HubLink",
            "cellRendererParams": {"page": "/devices/", "id": "device_id"},
        },
        _text("display_name", _("Display name"), 124),
        _text("site", _("Site"), 142),
        _text("location", _("Location"), 104, flex=0.3),
        _pill("device_type", _("Type"), types, 114) | {"cellClass": "bare"},
        _pill("billing_status", _("Status"), statuses, 102) | {"tooltipField": "reason"},
        # Shown instead of the OS when only spare or excluded devices are asked for (pages.js).
        _text("reason", _("Reason"), 240, flex=2, hide=True),
        _text("os", _("OS"), 146, flex=1.4),
        _text("serial", _("Serial"), 124, flex=0.2),
        {
            "field": "sources",
            "headerName": _("Sources"),
            "width": 90,
            "cellRenderer": "HubSources",
            "cellRendererParams": {"words": LABELS},
        },
        {"field": "last_contact", "headerName": _("Last contact"), "width": 158},
    ]


def _text(field: str, name: str, least: int, **more: Any) -> dict[str, Any]:
    column = {"field": field, "headerName": name, "minWidth": least, "flex": 1}
    return column | {"tooltipField": field} | more


def _pill(field: str, name: str, words: Mapping[str, str], width: int) -> dict[str, Any]:
    return {
        "field": field,
        "headerName": name,
        "width": width,
        "cellRenderer": "HubPill",
        "cellRendererParams": {"words": dict(words)},
    }


def _words() -> dict[str, str]:
    """What the grid itself says."""
    return {
        "noRowsToShow": _("No device matches these filters."),
        "loadingOoo": _("Loading"),
        "page": _("Page"),
        "to": _("to"),
        "of": _("of"),
        "nextPage": _("Next page"),
        "previousPage": _("Previous page"),
        "firstPage": _("First page"),
        "lastPage": _("Last page"),
    }
