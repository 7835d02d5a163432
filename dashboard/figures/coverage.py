"""Findings to look at, day by day: a line for each kind, labelled where it ends."""

from collections.abc import Callable
from datetime import date
from math import ceil

import pandas as pd

from dashboard.base import formats
from dashboard.base.theme import Figure, template, tokens
from dashboard.figures.margins import margin
from dashboard.figures.plain import plain
from dashboard.queries.coverage.trend import Trend
from dashboard.words.coverage_words import kind_name, kind_short

_LINES = (
    ("workstation", "solid"), ("server", "solid"), ("network", "dot"), ("mobile", "solid"),
    ("other", "dash"), ("plum", "dashdot"), ("vm-guest", "longdash"),
)  # fmt: skip
"""The colour and dash of each kind, in their order: distinct without colour too."""

_LABEL_DISTANCE = 0.075
"""The least vertical distance of two labels, as a share of the chart's height."""


def trend_figure(trend: Trend, href: Callable[[date, str], str]) -> Figure:
    """The chart. Kinds without a finding on any day are left out.

    Args:
        href: the findings of a day of one kind.
    """
    days = [day.isoformat() for day in trend.days]
    styles = dict(zip(trend.values, _LINES, strict=False))
    counts = pd.DataFrame(trend.values, index=list(trend.days), dtype=int)
    counts = counts.loc[:, counts.any()]
    lines = []
    for kind in map(str, counts):
        colour, dash = styles[kind]
        values, name = counts[kind].tolist(), kind_name(kind)
        lines.append(
            {
                "type": "scatter",
                "name": name,
                "x": days,
                "y": values,
                "mode": "lines+markers" if len(days) < 3 else "lines",
                "line": {"color": tokens()[colour], "width": 2, "dash": dash, "shape": "hv"},
                "customdata": [href(day, kind) for day in trend.days],
                "hovertext": [
                    plain(f"{formats.day(day)}: {formats.number(n)} {name}")
                    for day, n in zip(trend.days, values, strict=True)
                ],
                "hoverinfo": "text",
            }
        )
    most = 0 if counts.empty else int(counts.max().max())
    top = ceil(most * 1.08) or 1
    labels = [
        {
            "x": 1, "xref": "paper", "xanchor": "left", "xshift": 6, "y": place,
            "showarrow": False, "text": plain(f"{formats.number(last)} {kind_short(kind)}"),
            "font": {"size": 12},
        }
        for kind, last, place in _labels(counts, top)
    ]  # fmt: skip
    layout = {
        "template": template(),
        "annotations": labels,
        "margin": margin(labels=[str(top)], top=8, right=132),
        "showlegend": False,
        "xaxis": {"type": "date", "showgrid": False, "tickformat": "%-d %b", "nticks": 4},
        "yaxis": {"range": [0, top], "nticks": 4, "tickformat": "d"},
    }
    return {"data": lines, "layout": layout}


def _labels(counts: pd.DataFrame, top: float) -> list[tuple[str, int, float]]:
    """Each kind, its last count, and the height of its label: at the end of the line, or as near
    above it as there is room."""
    labels: list[tuple[str, int, float]] = []
    if counts.empty:
        return labels
    floor = 0.0
    for kind, n in counts.iloc[-1].sort_values(kind="stable").items():
        height = max(float(n), floor)
        labels.append((str(kind), int(n), height))
        floor = height + top * _LABEL_DISTANCE
    return labels
