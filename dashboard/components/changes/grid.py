"""The grid of changes: which device, why, since when, what it was and is."""

from collections.abc import Sequence
from typing import Any

from dash_ag_grid import AgGrid
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import Filters
from dashboard.components.kit.grid import cut, grid, text_column
from dashboard.queries.changes.change_list import DATE, Item
from dashboard.words.filter_words import status_word, type_word
from dashboard.words.reasons import change_reasons
from dashboard.words.sentences import bar_word
from db.history.explain import EntityState

_COMPARED = ("site", "location", "device_type", "billing_status", "display_name", "hostname")
"""The fields that "before" and "after" compare, in this order."""


def change_grid(name: str) -> AgGrid:
    """The empty grid; it asks for its rows by `getRowsRequest`."""
    return grid(
        name,
        _columns(),
        row_height=60,
        loading=_("Loading changes\u2026"),
        phone={"hostname": 118, "reasons": 238},
    )


def rows(items: Sequence[Item], filters: Filters) -> list[dict[str, Any]]:
    """Changes as the grid shows them."""
    return [_row(item, filters) for item in items]


def _row(item: Item, filters: Filters) -> dict[str, Any]:
    state, reasons = item.state, change_reasons(item)
    then, now = item.changed.then, item.changed.now
    return {
        "device_id": str(state.device_id),
        "hostname": cut(state.hostname or state.display_name or state.source_key),
        "site": cut(state.site),
        "bar": bar_word(item.bar, filters) if item.bar else _("Not in a bar"),
        "kind": item.bar or "none",
        "reasons": [cut(reason) for reason in reasons],
        "all_reasons": "\n".join(reasons),
        DATE: formats.day(item.day),
        "before": cut(_differences(then, now)),
        "after": cut(_differences(now, then)),
    }


def _differences(state: EntityState | None, other: EntityState | None) -> str:
    """The values of a day that differ from the other day; type and status if it is the only day."""
    if state is None:
        return formats.NOTHING
    if other is None:
        names: Sequence[str] = ("device_type", "billing_status")
    else:
        names = [name for name in _COMPARED if getattr(state, name) != getattr(other, name)]
    return ", ".join(_value(state, name) for name in names)


def _value(state: EntityState, name: str) -> str:
    value = getattr(state, name)
    words = {"device_type": type_word, "billing_status": status_word}
    return words[name](value) if name in words else value or _("(none)")


def _columns() -> list[dict[str, Any]]:
    return [
        text_column("hostname", _("Device"), 110, pinned="left", flex=None, width=180)
        | {
            "cellRenderer": "HubLink",
            "cellRendererParams": {"page": "/devices/", "id": "device_id", "without": "change"},
        },
        text_column("site", _("Site"), 130),
        {"field": "bar", "headerName": _("Bar"), "width": 150, "cellRenderer": "HubBar"},
        {
            "field": "reasons",
            "headerName": _("What happened"),
            "minWidth": 230,
            "flex": 4,
            "sortable": False,
            "cellRenderer": "HubReasons",
            "tooltipField": "all_reasons",
        },
        {"field": DATE, "headerName": _("Since"), "width": 116},
        text_column("before", _("Before"), 120, sortable=False),
        text_column("after", _("After"), 120, sortable=False),
    ]
