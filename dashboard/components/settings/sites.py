"""The grid of all sites in the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from dash_ag_grid import AgGrid
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.settings_params import SITES
from dashboard.components.kit import links
from dashboard.components.kit.grid import cut, grid, text_column
from dashboard.queries.sites.directory import SiteEntry
from dashboard.words.rule_words import sources_word
from db.sources import source_labels, source_names

SORTS = ("name", "records", "state")


def site_list(name: str) -> AgGrid:
    """The empty grid; it asks for its rows by `getRowsRequest`."""
    columns = [
        text_column("name", _("Site"), 180, pinned="left", flex=None, width=240)
        | {"cellRenderer": "HubLink", "cellRendererParams": {"page": "/sites/", "id": "site_id"}},
        {"field": "state", "headerName": _("State"), "width": 150, "cellRenderer": "HubPill",
         "cellRendererParams": {"words": _states()}},
        {"field": "records", "headerName": _("Records"), "width": 100, "type": "rightAligned",
         "cellRenderer": "HubCount", "sortingOrder": ["desc", "asc", None]},
        *(text_column(name, label, 140, sortable=False) for name, label in source_labels().items()),
        text_column("merged", _("Merged"), 150, sortable=False),
        text_column("expected", _("Expected"), 130, flex=0.6, sortable=False),
    ]  # fmt: skip
    return grid(
        name,
        columns,
        row_height=40,
        loading=_("Loading sites\u2026"),
        empty=_("No site matches these filters."),
        phone={"name": 212, "state": 146},
    )


def _states() -> dict[str, str]:
    return {
        "needs_review": _("Needs review"), "internal": _("Internal"), "merged": _("Merged"),
    }  # fmt: skip


def rows(entries: Sequence[SiteEntry]) -> list[dict[str, Any]]:
    """Sites as the grid shows them."""
    return [_row(entry) for entry in entries]


def in_order(
    entries: Sequence[SiteEntry], model: Sequence[Mapping[str, str]] | None
) -> list[SiteEntry]:
    """The sites in the order of the grid's sort model; by name without one."""
    for part in model or ():
        column, down = part.get("colId"), part.get("sort") == "desc"
        if column == "records":
            return sorted(entries, key=lambda entry: entry.records, reverse=down)
        if column == "state":
            return sorted(entries, key=lambda entry: _state(entry) or "~", reverse=down)
        if column == "name" and down:
            return list(reversed(entries))
    return list(entries)


def _state(entry: SiteEntry) -> str | None:
    if entry.merged_into is not None:
        return "merged"
    if entry.needs_review:
        return "needs_review"
    return "internal" if entry.internal else None


def _row(entry: SiteEntry) -> dict[str, Any]:
    called = {
        source: cut(", ".join(alias.name for alias in entry.aliases if alias.source == source))
        for source in source_names()
    }
    merged = ", ".join(entry.merged)
    if entry.merged_into is not None:
        merged = str(_("into %(site)s", site=entry.into))
    return {
        "site_id": str(entry.site_id),
        "name": cut(entry.name),
        "state": _state(entry),
        "records": formats.number(entry.records),
        "opens": {"records": links.records_of_site(entry.site_id)} if entry.records else {},
        "merged": cut(merged),
        "expected": None if entry.expected is None else sources_word(entry.expected),
        **called,
    }


def title(count: int) -> str:
    """How many sites match."""
    return str(ngettext("%(n)s site", "%(n)s sites", count, n=formats.number(count)))


def segments(state: str | None) -> Component:
    """One link per state; the selected one clears the filter."""
    words = {
        None: _("All"), "review": _("Needs review"), "merged": _("Merged"),
        "internal": _("Internal"), "expects": _("With its own expected sources"),
    }  # fmt: skip
    choices = [
        dcc.Link(
            word,
            href=SITES if name is None else f"{SITES}?state={name}",
            className="segment here" if name == state else "segment",
        )
        for name, word in words.items()
    ]
    return html.Nav(choices, className="segments", **{"aria-label": _("State of the site")})
