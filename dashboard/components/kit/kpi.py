"""Cards of key figures: number, change, reason; each opens its devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from dashboard.base.change import Change
from dashboard.base.good_direction import NEITHER
from dashboard.components.kit.count_link import change_link, count_link
from dashboard.components.kit.drawn import Part, drawn_list
from dashboard.components.kit.sparkline import sparkline
from dashboard.components.kit.why_button import why_button


@dataclass(frozen=True)
class Tile:
    """One card: `key` names it to tests and styles, `href` opens exactly what `figure` counts and
    `changes` what moved it (None: nothing lists that). `line` may hold further numbers as links.
    `query` and `why` are what its "why" button asks about. `moves` says whether its change is
    worth a pill: a change has none of its own; `good` is its good direction. `beside` stands under
    its line."""

    key: str
    label: str
    figure: Change
    line: Part | Sequence[Part]
    href: str
    query: str
    why: str = "count"
    changes: str | None = None
    trend: Sequence[int | None] = ()
    moves: bool = True
    good: str = NEITHER
    beside: Component | None = None


def tiles(cards: Sequence[Tile]) -> Component:
    """The row of cards. The number is the link, as large as its card; other links lie above it."""
    return drawn_list(
        html.Div(
            [_tile(tile), tile.beside, why_button(tile.query, tile.why)],
            className=f"kpi-place {tile.key}{' beside' if tile.beside else ''}",
        )
        for tile in cards
    )


def waiting_tiles(count: int) -> Component:
    """Places of as many cards and of their size, until the figures are there."""
    lines = [
        html.Span(className=f"placeholder waiting-{part}") for part in ("label", "value", "line")
    ]
    card = html.Div(
        lines, className="card card-body kpi placeholder-glow", **{"aria-hidden": "true"}
    )
    return drawn_list([html.Div(card, className="kpi-waiting")] * count)


def _tile(tile: Tile) -> html.Div:
    first = [count_link(tile.figure.current, tile.href, "kpi-value", label=tile.label)]
    if tile.moves:
        first.append(change_link(tile.figure, tile.changes, tile.good, label=tile.label))
    if tile.trend:
        first.append(sparkline(tile.trend, "", width=72))
    line = [tile.line] if isinstance(tile.line, str) else tile.line
    return html.Div(
        [
            html.Span(tile.label, className="kpi-label"),
            html.Span(first, className="kpi-row"),
            html.Span(line, className="kpi-line"),
        ],
        className=f"card card-body kpi kpi-{tile.key}{' opens' if tile.figure.current else ''}",
        id=f"kpi-{tile.key}",
    )
