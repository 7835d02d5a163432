"""The grid of machines: what a technician looks for, paged and sorted by the server."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from dash_ag_grid import AgGrid
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.machine_params import BY_NAME, STATES
from dashboard.base.params import Sort
from dashboard.base.stale import is_stale
from dashboard.components.kit.grid import cut, grid, text_column
from dashboard.components.kit.pill import stale_words
from dashboard.words.filter_words import state_word
from dashboard.words.machine_words import ago, clone_words, part, size, system

_TEXTS = ("site", "logged_in_user", "computer_model", "serial", "ip", "agent_version")


def machine_grid(name: str, sort: Sort) -> AgGrid:
    """The empty grid, marked as sorted so; it asks for its rows by `getRowsRequest`."""
    columns = _columns()
    for column in columns:
        if column["field"] == sort.column and sort != BY_NAME:
            column["initialSort"] = "desc" if sort.descending else "asc"
    component = grid(
        name,
        columns,
        row_height=40,
        loading=_("Loading agents\u2026"),
        empty=_("No machine matches these filters."),
    )
    # Row ids let a reload keep scroll position and selection.
    component.getRowId = "params.data.machine_id"
    return component


def rows(machines: Iterable[Mapping[str, Any]], now: datetime) -> list[dict[str, Any]]:
    """Machines as the grid shows them."""
    return [_row(row, now) for row in machines]


def _row(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    memory = part(row["memory_used_mb"], row["memory_total_mb"])
    disk = part(row["disk_used_mb"], row["disk_total_mb"])
    # The name is the link to the machine, so a missing hostname needs a placeholder.
    return {name: cut(row[name]) for name in _TEXTS} | {
        "machine_id": row["machine_id"],
        "hostname": cut(row["hostname"]) or row["machine_id"][:12],
        "cloned": bool(row["is_cloned"]),
        "state": row["state"],
        "stale": is_stale(row["received_at"], now),
        "since": ago(now - row["received_at"]) if row["received_at"] else "",
        "os_version": cut(system(row["os"], row["os_version"])),
        "cpu_percent": row["cpu_percent"],
        "memory_percent": memory,
        "memory": _filled(row["memory_used_mb"], row["memory_total_mb"]),
        "disk_percent": disk,
        "disk": _filled(row["disk_used_mb"], row["disk_total_mb"]),
        "received_at": _short(row["received_at"], now),
        "created_at": formats.day(row["created_at"].astimezone(now.tzinfo).date()),
        "last": formats.instant(row["received_at"]),
        "first": formats.instant(row["created_at"]),
    }


def _short(at: datetime | None, now: datetime) -> str:
    """An instant without what is that of now: its time today, its day of this year."""
    if at is None:
        return formats.NOTHING
    local = at.astimezone(now.tzinfo)
    if local.date() == now.date():
        return f"{local:%H:%M:%S}"
    day = formats.short_day if local.year == now.year else formats.day
    return f"{day(local.date())}, {local:%H:%M}" if local.year == now.year else day(local.date())


def _filled(used: int | None, total: int | None) -> str:
    return _("%(used)s of %(total)s", used=size(used), total=size(total)) if total else ""


def _columns() -> list[dict[str, Any]]:
    words = {name: state_word(name) for name in STATES}
    return [
        text_column("hostname", _("Name"), 140, pinned="left", flex=None, width=156)
        | {
            "cellRenderer": "HubMachine",
            "cellRendererParams": {
                "page": "/machines/", "id": "machine_id", "mark": _("two machines"),
                "about": clone_words(),
            },
        },
        {
            "field": "state", "headerName": _("State, since"), "width": 124,
            "cellRenderer": "HubState",
            "cellRendererParams": {
                "words": words, "stale": _("stale"), "about": stale_words(),
            },
            "tooltipField": "last",
        },
        text_column("site", _("Site"), 92),
        text_column("logged_in_user", _("User"), 72, flex=0.4),
        text_column("os_version", _("OS and version"), 140, flex=2.4),
        text_column("computer_model", _("Model"), 92, flex=0.9),
        text_column("serial", _("Serial"), 80, flex=0.4),
        text_column("ip", _("IP"), 104, flex=0.1),
        _meter("cpu_percent", _("CPU"), None),
        _meter("memory_percent", _("Memory"), "memory"),
        _meter("disk_percent", _("Disk"), "disk"),
        text_column("agent_version", _("Agent"), 56, flex=0.05),
        {"field": "received_at", "headerName": _("Last report"), "width": 106,
         "tooltipField": "last"},
        {"field": "created_at", "headerName": _("First report"), "width": 100,
         "tooltipField": "first"},
    ]  # fmt: skip


def _meter(field: str, name: str, title: str | None) -> dict[str, Any]:
    column: dict[str, Any] = {
        "field": field, "headerName": name, "width": 64, "cellRenderer": "HubMeter",
    }  # fmt: skip
    return column if title is None else column | {"tooltipField": title}
