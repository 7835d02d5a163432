"""Findings to look at, day by day: a line for each kind, named where it ends."""

from collections.abc import Callable
from datetime import date

import plotly.graph_objects as go

from dashboard.base import formats
from dashboard.base.theme import template, tokens
from dashboard.figures.plain import plain
from dashboard.queries.coverage.trend import Trend
from dashboard.words.coverage_words import kind_name, kind_short

_LINES = (
    ("workstation", "solid"), ("server", "solid"), ("network", "dot"), ("mobile", "solid"),
    ("other", "dash"), ("plum", "dashdot"), ("vm-guest", "longdash"),
)  # fmt: skip
"""The colour and dash of each kind, in their order: told apart without colour too."""

_APART = 0.075
"""How far names of lines stand apart at least, in parts of the height."""


def trend_figure(trend: Trend, href: Callable[[date, str], str]) -> go.Figure:
    """The chart; kinds that never stood are left out.

    Args:
        href: the findings of a day of one kind.
    """
    figure = go.Figure(layout={"template": template()})
    days = [day.isoformat() for day in trend.days]
    shown = [
        (kind, values, style)
        for (kind, values), style in zip(trend.values.items(), _LINES, strict=False)
        if any(values)
    ]
    most = max((max(values) for _kind, values, _style in shown), default=0)
    for kind, values, (colour, dash) in shown:
        figure.add_scatter(
            name=kind_name(kind),
            x=days,
            y=list(values),
            mode="lines+markers" if len(days) < 3 else "lines",
            line={"color": tokens()[colour], "width": 2, "dash": dash, "shape": "hv"},
            customdata=[href(day, kind) for day in trend.days],
            hovertext=[
                plain(f"{formats.day(day)}: {formats.number(n)} {kind_name(kind)}")
                for day, n in zip(trend.days, values, strict=True)
            ],
            hoverinfo="text",
        )
    top = most * 1.08 or 1
    for kind, last, place in _places([(k, v[-1]) for k, v, _s in shown], top):
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=6, y=place, showarrow=False,
            text=plain(f"{formats.number(last)} {kind_short(kind)}"), font={"size": 12},
        )  # fmt: skip
    figure.update_xaxes(type="date", showgrid=False, tickformat="%-d %b", nticks=7)
    figure.update_yaxes(range=[0, top], nticks=4, tickformat="d")
    figure.update_layout(margin={"l": 0, "r": 132, "t": 8, "b": 0}, showlegend=False)
    return figure


def _places(ends: list[tuple[str, int]], top: float) -> list[tuple[str, int, float]]:
    """Where each name stands: at its line's end, or as near above it as there is room."""
    found: list[tuple[str, int, float]] = []
    floor = 0.0
    for kind, last in sorted(ends, key=lambda end: end[1]):
        place = max(float(last), floor)
        found.append((kind, last, place))
        floor = place + top * _APART
    return found
