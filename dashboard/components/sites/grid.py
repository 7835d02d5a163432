"""The grid of sites: counts, change, types, statuses, trend, sources."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash_ag_grid import AgGrid
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.good_direction import good_direction, news
from dashboard.base.params import Filters
from dashboard.components.kit.grid import cut, grid, text_column
from dashboard.components.kit.pill import direction, source_badge_params
from dashboard.components.sites.table import MOVED, addresses, counts_of, ordered
from dashboard.queries.moment import Moment
from dashboard.queries.sites.site_table import Site

COUNTS = ("spare", "server", "workstation", "others")
SORTS = ("name", "now", "then", "change", "percent", *COUNTS)


def site_grid(name: str) -> AgGrid:
    """The empty grid."""
    words = {
        "now": _("Now"), "then": _("Then"), "change": _("Change"), "percent": "%",
        "spare": _("Spare"), "server": _("Servers"),
        "workstation": _("Workstations"), "others": _("Other types"),
    }  # fmt: skip
    widths = {"workstation": 118, "others": 108, "change": 100}
    columns = [
        text_column("name", _("Site"), 150, pinned="left", flex=None, width=210)
        | {
            "cellRenderer": "HubLink",
            "cellRendererParams": {"page": "/sites/", "id": "site_id", "without": "site"},
        },
        *(_figure(field, word, widths.get(field, 84)) for field, word in words.items()),
        {"field": "trend", "headerName": _("Trend"), "minWidth": 116, "flex": 1,
         "sortable": False, "cellRenderer": "HubTrend"},
        {"field": "sources", "headerName": _("Sources"), "width": 90, "sortable": False,
         "cellRenderer": "HubSources", "cellRendererParams": source_badge_params()},
        {"field": "query", "headerName": _("Why"), "width": 60, "sortable": False,
         "cellRenderer": "HubWhy",
         "cellRendererParams": {"about": _("Why this number?"), "figure": "site"}},
    ]  # fmt: skip
    return grid(
        name,
        columns,
        row_height=40,
        loading=_("Loading sites\u2026"),
        empty=_("No site matches these filters."),
        phone={"name": 190, "change": 102, "now": 66},
    )


def _figure(field: str, name: str, width: int) -> dict[str, Any]:
    column = {"field": field, "headerName": name, "width": width, "type": "rightAligned"}
    if field != "percent":
        column["cellRenderer"] = "HubDelta" if field == "change" else "HubCount"
    # The first click on a figure shows the largest.
    return column | {"sortingOrder": ["desc", "asc", None]}


def in_order(sites: Sequence[Site], model: list[Mapping[str, str]] | None) -> list[Site]:
    """The sites in the order of the grid's sort model; by size of change without one."""
    for part in model or ():
        if part.get("colId") in SORTS:
            return ordered(sites, str(part["colId"]), part.get("sort") == "desc")
    return ordered(sites, **MOVED)


def rows(sites: Sequence[Site], filters: Filters, moment: Moment) -> list[dict[str, Any]]:
    """Sites as the grid shows them."""
    return [_row(site, filters.having(sites=(site.site_id,)), moment) for site in sites]


def _row(site: Site, there: Filters, moment: Moment) -> dict[str, Any]:
    return _figures(site.figure, counts_of(site), there, moment) | {
        "site_id": str(site.site_id),
        "name": cut(site.name),
        "trend": list(site.trend),
        "sources": ", ".join(site.sources),
        "query": there.to_query(),
    }


def total_row(
    sites: Sequence[Site], filters: Filters, moment: Moment, uncounted: Mapping[str, int]
) -> dict[str, Any]:
    """The pinned row of totals over all sites; of spares also those at sites that have no other
    device and so no row.

    Args:
        uncounted: how many stand beside what is counted, by billing status.
    """
    counts = {name: sum(counts_of(site)[name] for site in sites) for name in COUNTS}
    counts["spare"] = uncounted.get("spare", counts["spare"])
    return _figures(total(sites), counts, filters, moment) | {
        "name": how_many(len(sites)),
        "trend": [],
        "sources": "",
        "query": filters.to_query(),
    }


def total(sites: Sequence[Site]) -> Change:
    """The sum of all sites on both days."""
    current = [site.figure.current for site in sites]
    previous = [site.figure.previous for site in sites]
    return Change(_sum(current), _sum(previous))


def how_many(count: int) -> str:
    """ "13 sites"."""
    return ngettext("%(n)s site", "%(n)s sites", count, n=formats.number(count))


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _figures(
    figure: Change, counts: Mapping[str, int], there: Filters, moment: Moment
) -> dict[str, Any]:
    """The numbers of a row as text, and what each that is not zero opens."""
    numbers = {"now": figure.current, "then": figure.previous, "change": figure.change, **counts}
    behind = addresses(there, moment)
    return {
        "opens": {name: behind[name] for name, n in numbers.items() if n and behind[name]},
        "now": formats.number(figure.current),
        "then": formats.number(figure.previous),
        "change": _("no change") if figure.change == 0 else formats.signed(figure.change),
        "way": direction(figure.change),
        "news": news(figure.change, good_direction(there)),
        "percent": formats.percent_change(figure),
        **{name: formats.number(counts[name]) for name in COUNTS},
    }
