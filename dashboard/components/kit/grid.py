"""Options, texts, paging and text columns that all AG Grids share."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from dash_ag_grid import AgGrid
from flask_babel import gettext as _

from dashboard.base.params import Sort

Row = TypeVar("Row")

PAGE = 100
MOST = 1000
"""The most rows of one answer."""
LONGEST = 300
"""The most characters of a cell; exports have all."""


def grid(
    name: str,
    columns: list[dict[str, Any]],
    *,
    row_height: int,
    loading: str,
    empty: str | None = None,
    phone: Mapping[str, int] | None = None,
    wide: Sequence[str] = (),
) -> AgGrid:
    """An empty grid that the server pages and sorts; it asks for its rows by `getRowsRequest`.

    Args:
        loading: what stands in place of the number of rows until that is known.
        empty: what it says without rows; None: that no device matches.
        phone: the columns that answer the page's question, first on a phone, with their widths in
            pixels there; together with the pinned one they fit 358.
        wide: the columns that only a wide screen has room for.
    """
    # A row with a link opens as a whole.
    opens = any(column.get("cellRenderer") in ("HubLink", "HubMachine") for column in columns)
    return AgGrid(
        id=name,
        rowModelType="infinite",
        columnDefs=columns,
        defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
        dashGridOptions={
            "rowHeight": row_height,
            "context": {
                "name": name,
                "phone": [{"key": key, "newWidth": px} for key, px in (phone or {}).items()],
                "wide": list(wide),
                "more": _("{n} of {all} rows. The CSV file has all."),
            },
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
            "localeText": _words() | ({"noRowsToShow": empty} if empty else {}),
        },
        className="grid opens" if opens else "grid",
        style={"height": None, "--loading": json.dumps(loading, ensure_ascii=False)},
    )


def window(request: Mapping[str, Any]) -> dict[str, int]:
    """Which rows the grid asks for, as the arguments `offset` and `limit` of a query."""
    first, end = int(request["startRow"]), int(request["endRow"])
    return {"offset": max(first, 0), "limit": min(max(end - first, 0), MOST)}


def in_window(rows: Sequence[Row], request: Mapping[str, Any]) -> Sequence[Row]:
    """Those of `rows` that the grid asks for."""
    requested = window(request)
    return rows[requested["offset"] : requested["offset"] + requested["limit"]]


def sort_of(request: Mapping[str, Any] | None, columns: Collection[str], default: Sort) -> Sort:
    """The order that the grid asks for; `default` when it asks for none of `columns`."""
    for part in (request or {}).get("sortModel") or ():
        if part.get("colId") in columns:
            return Sort(str(part["colId"]), part.get("sort") == "desc")
    return default


def sorted_window(
    request: Mapping[str, Any], columns: Collection[str], default: Sort
) -> dict[str, Any]:
    """Which rows the grid asks for, as the arguments `sort`, `offset` and `limit` of a query."""
    return {"sort": sort_of(request, columns, default), **window(request)}


def cut(value: Any) -> Any:
    """A long text as a cell shows it."""
    if isinstance(value, str) and len(value) > LONGEST:
        return value[: LONGEST - 1] + "\u2026"
    return value


def text_column(field: str, name: str, least: int, **more: Any) -> dict[str, Any]:
    """A column of text that takes its share of what is left."""
    column = {"field": field, "headerName": name, "minWidth": least, "flex": 1}
    return column | {"tooltipField": field} | more


def _words() -> dict[str, str]:
    """The texts of AG Grid itself."""
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
