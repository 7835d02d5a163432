"""Legends of charts with today's numbers; each entry opens its devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.base import formats
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


def _entry(entry: Entry) -> dcc.Link:
    kind = entry.device_type.replace("_", "-")
    return dcc.Link(
        [
            html.Span(className=f"legend-mark mark-{kind}", **{"aria-hidden": "true"}),
            html.Span(entry.name),
            html.Span(formats.number(entry.count), className="legend-count"),
        ],
        href=entry.href,
        className="legend-entry",
    )
