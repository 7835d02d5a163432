"""Devices day by day, stacked by type; a day without a snapshot is pale and marked, no drop."""

from collections.abc import Callable, Sequence
from datetime import date
from math import ceil

import pandas as pd
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import TYPES
from dashboard.base.theme import MUTED, Figure, series_colour, template
from dashboard.figures.margins import margin
from dashboard.figures.plain import plain
from dashboard.queries.collection_days import Gap
from dashboard.queries.series import Series
from dashboard.words.terms import type_names

_MARK = "\u00d7"


def daily_figure(series: Series, gaps: Sequence[Gap], href: Callable[[date, str], str]) -> Figure:
    """The chart.

    Args:
        gaps: the days on which some source has no snapshot.
        href: the devices of a day of one type.
    """
    counts, notes = _counts(series), _notes(gaps).reindex(list(series.days))
    days = [day.isoformat() for day in series.days]
    bars = []
    for name in map(str, counts):
        words, values = type_names(name), _values(counts[name])
        bars.append(
            {
                "type": "bar",
                "name": words,
                "x": days,
                "y": values,
                "customdata": [href(day, name) for day in series.days],
                "marker": _marker(name, notes.notna()),
                "hovertext": [
                    _hover(day, words, n, note)
                    for day, n, note in zip(series.days, values, notes, strict=True)
                ],
                "hoverinfo": "text",
            }
        )
    total = pd.Series(series.of("total"), index=list(series.days), dtype="Int64")
    most = int(total.max()) if total.notna().any() else 0
    top = ceil(most * 1.16) or 1
    marked = total[notes.notna()].dropna()
    marks = {
        "type": "scatter",
        "x": [day.isoformat() for day in marked.index],
        "y": [int(n) + most * 0.02 for n in marked],
        "text": [_MARK] * len(marked),
        "mode": "text",
        "textposition": "top center",
        "cliponaxis": False,
        "hovertext": list(notes[marked.index]),
        "hoverinfo": "text",
    }
    layout = {
        "template": template(),
        "barmode": "stack",
        "bargap": 0.15,
        "margin": margin(labels=[str(top)]),
        "showlegend": False,
        "xaxis": {"type": "date", "showgrid": False, "tickformat": "%-d %b", "nticks": 8},
        "yaxis": {"range": [0, top], "nticks": 4, "tickformat": "d"},
    }
    return {"data": [*bars, marks], "layout": layout}


def _counts(series: Series) -> pd.DataFrame:
    """Days x device types, the most frequent type first; types that never count are left out.
    NA before the first snapshot."""
    values = {name: series.of(name) for name in TYPES if series.of(name)}
    counts = pd.DataFrame(values, index=list(series.days), dtype="Int64")
    sums = counts.sum().sort_values(ascending=False, kind="stable")
    return counts[list(sums[sums > 0].index)]


def _notes(gaps: Sequence[Gap]) -> "pd.Series[str]":
    """By day: which sources have no snapshot, as lines for a tooltip."""
    words = _("no snapshot, the one before still counts")
    lines = [plain(f"{gap.label}: {words}") for gap in gaps]
    notes = pd.Series(lines, index=[gap.day for gap in gaps], dtype=object)
    return notes.groupby(level=0).agg("<br>".join)


def _values(counts: "pd.Series[int]") -> list[int | None]:
    return [None if pd.isna(n) else int(n) for n in counts]


def _marker(name: str, incomplete: "pd.Series[bool]") -> dict[str, object]:
    marker: dict[str, object] = {"color": series_colour(name), "line": {"width": 0}}
    if incomplete.any():
        marker["opacity"] = [0.45 if day else 1 for day in incomplete]
    if name == "unknown":
        # A pattern tells it from grey without colour.
        marker["pattern"] = {"shape": "/", "size": 5, "fgcolor": MUTED}
    return marker


def _hover(day: date, words: str, n: int | None, note: str | float) -> str:
    line = plain(f"{formats.day(day)}: {formats.number(n)} {words}")
    return line if pd.isna(note) else f"{line}<br>{note}"
