"""Legends of charts with today's numbers; each entry opens its devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from dashboard.base import formats
from dashboard.components.kit.count_link import linked
from dashboard.components.kit.drawn import drawn_list


@dataclass(frozen=True)
class Entry:
    """A device type with its label, its count on the shown day, and the address of its devices."""

    device_type: str
    name: str
    count: int | None
    href: str


def legend(entries: Sequence[Entry]) -> Component:
    """The entries in the order of the bars, from the bottom up."""
    return drawn_list(_entry(entry) for entry in entries)


def _entry(entry: Entry) -> Component:
    kind = entry.device_type.replace("_", "-")
    n = formats.number(entry.count)
    parts = [
        html.Span(className=f"legend-mark mark-{kind}", **{"aria-hidden": "true"}),
        html.Span(entry.name),
        html.Span(n, className="legend-count"),
    ]
    return linked(parts, n, entry.href if entry.count else None, "legend-entry")
