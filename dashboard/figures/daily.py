"""Day by day: stacked bars by type; a day without a snapshot is pale and marked, never a drop."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import plotly.graph_objects as go
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import TYPES
from dashboard.base.theme import MUTED, series_colour, template
from dashboard.figures.plain import plain
from dashboard.queries.days import Gap
from dashboard.queries.series import Series
from dashboard.words.terms import type_names

_MARK = "\u00d7"


def daily_figure(
    series: Series, gaps: Sequence[Gap], href: Callable[[date, str], str]
) -> go.Figure:
    """The chart.

    Args:
        gaps: the days on which some source has no snapshot.
        href: the devices of a day of one type.
    """
    figure = go.Figure(layout={"template": template(), "barmode": "stack", "bargap": 0.15})
    missing = _by_day(gaps)
    days = [day.isoformat() for day in series.days]
    values = {name: series.of(name) for name in TYPES if any(series.of(name))}
    ordered = sorted(values, key=lambda name: -sum(n or 0 for n in values[name]))
    for name in ordered:
        figure.add_bar(
            name=type_names(name),
            x=days,
            y=list(values[name]),
            customdata=[href(day, name) for day in series.days],
            marker=_marker(name, [day in missing for day in series.days]),
            hovertext=[
                _hover(day, name, n, missing.get(day, ()))
                for day, n in zip(series.days, values[name], strict=True)
            ],
            hoverinfo="text",
        )
    most = max((n or 0 for n in series.of("total")), default=0)
    marked = [
        (day, n) for day, n in zip(series.days, series.of("total"), strict=False)
        if day in missing and n is not None
    ]  # fmt: skip
    figure.add_scatter(
        x=[day.isoformat() for day, _n in marked],
        y=[n + most * 0.02 for _day, n in marked],
        text=[_MARK] * len(marked),
        mode="text",
        textposition="top center",
        cliponaxis=False,
        hovertext=["<br>".join(_said(missing[day])) for day, _n in marked],
        hoverinfo="text",
    )
    figure.update_xaxes(type="date", showgrid=False, tickformat="%-d %b", nticks=8)
    figure.update_yaxes(range=[0, most * 1.16 or 1], nticks=4, tickformat="d")
    figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 0}, showlegend=False)
    return figure


def _marker(name: str, missing: Sequence[bool]) -> dict[str, object]:
    marker: dict[str, object] = {"color": series_colour(name), "line": {"width": 0}}
    if any(missing):
        marker["opacity"] = [0.45 if gap else 1 for gap in missing]
    if name == "unknown":
        # Told from grey without colour.
        marker["pattern"] = {"shape": "/", "size": 5, "fgcolor": MUTED}
    return marker


def _by_day(gaps: Sequence[Gap]) -> Mapping[date, list[Gap]]:
    found: dict[date, list[Gap]] = {}
    for gap in gaps:
        found.setdefault(gap.day, []).append(gap)
    return found


def _hover(day: date, name: str, n: int | None, missing: Sequence[Gap]) -> str:
    line = f"{formats.day(day)}: {formats.number(n)} {type_names(name)}"
    return "<br>".join([plain(line), *_said(missing)])


def _said(missing: Sequence[Gap]) -> list[str]:
    said = _("no snapshot, the state before stands")
    return [plain(f"{gap.label}: {said}") for gap in missing]
