"""Cards of key figures: number, change, reason; each opens its devices."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.pill import delta
from dashboard.components.kit.sparkline import sparkline
from dashboard.components.kit.why_button import why_button


@dataclass(frozen=True)
class Tile:
    """One card: `key` names it to tests and styles, `href` opens exactly what `figure` counts.
    `query` and `why` are what its "why" button asks about. `moves` says whether its change is
    worth a pill: a change has none of its own."""

    key: str
    label: str
    figure: Change
    line: str
    href: str
    query: str
    why: str = "count"
    trend: Sequence[int | None] = ()
    moves: bool = True


def tiles(cards: Sequence[Tile]) -> Component:
    """The row of cards. The button is beside the link, not in it."""
    return drawn_list(
        html.Div([_tile(tile), why_button(tile.query, tile.why)], className=f"kpi-place {tile.key}")
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


def _tile(tile: Tile) -> dcc.Link:
    first = [html.Span(formats.number(tile.figure.current), className="kpi-value")]
    if tile.moves:
        first.append(delta(tile.figure))
    if tile.trend:
        first.append(sparkline(tile.trend, "", width=72))
    return dcc.Link(
        [
            html.Span(tile.label, className="kpi-label"),
            html.Span(first, className="kpi-row"),
            html.Span(tile.line, className="kpi-line"),
        ],
        href=tile.href,
        className=f"card card-body kpi kpi-{tile.key}",
        id=f"kpi-{tile.key}",
    )
