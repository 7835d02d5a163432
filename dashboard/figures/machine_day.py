"""CPU and memory of a machine in the last 24 hours; hours without a report are gaps."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, tzinfo

import pandas as pd
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.theme import ACCENT, MUTED, Figure, template
from dashboard.figures.margins import margin
from dashboard.queries.machines.hours import Hour

KINDS = ("cpu", "memory")
_HALF_AN_HOUR = timedelta(minutes=30)
_TICKS = (0, 25, 50, 75, 100)


def day_figure(hours: Sequence[Hour], kind: str, zone: tzinfo) -> Figure:
    """The chart: mean and maximum of each hour.

    Args:
        kind: one of `KINDS`, in percent.
        zone: the time zone of the axis.
    """
    frame = _by_local_time(hours, zone)
    # The middle of each hour.
    x = [(start + _HALF_AN_HOUR).isoformat() for start in frame.index]
    lines = []
    for measure, name, colour, dash in (
        ("max", _("highest"), MUTED, "dot"), ("mean", _("mean"), ACCENT, "solid"),
    ):  # fmt: skip
        values = frame[f"{kind}_{measure}"]
        lines.append({
            "type": "scatter", "name": name, "x": x,
            "y": [None if pd.isna(value) else float(value) for value in values],
            "mode": "lines+markers", "connectgaps": False,
            "line": {"color": colour, "width": 2 if measure == "mean" else 1.5, "dash": dash},
            "marker": {"size": 5 if measure == "mean" else 4, "color": colour},
            "hovertext": [_hover(start, value, name)
                          for start, value in zip(frame.index, values, strict=True)],
            "hoverinfo": "text",
        })  # fmt: skip
    silent = [
        {
            "type": "rect", "xref": "x", "yref": "y domain", "y0": 0, "y1": 1,
            "x0": start.isoformat(), "x1": (start + 2 * _HALF_AN_HOUR).isoformat(),
            "line": {"width": 0}, "layer": "below", "fillcolor": MUTED, "opacity": 0.14,
        }
        for start in frame.index[frame["reports"] == 0]
    ]  # fmt: skip
    ends = (frame.index[0], frame.index[-1] + 2 * _HALF_AN_HOUR)
    labels = [formats.percent(n) for n in _TICKS]
    layout = {
        "template": template(),
        "shapes": silent,
        "margin": margin(labels=labels),
        "showlegend": False,
        "xaxis": {"type": "date", "tickformat": "%H:%M", "nticks": 7, "showgrid": False,
                  "range": [end.isoformat() for end in ends]},
        "yaxis": {"range": [0, 104], "tickvals": _TICKS,
                  "ticktext": labels},
    }  # fmt: skip
    return {"data": lines, "layout": layout}


def _by_local_time(hours: Sequence[Hour], zone: tzinfo) -> pd.DataFrame:
    """A row for each hour by its start on the clocks of `zone`: Plotly knows no time zones."""
    frame = pd.DataFrame([asdict(hour) for hour in hours]).set_index("start")
    return frame.tz_convert(zone).tz_localize(None)


def _hover(start: datetime, value: float | None, name: str) -> str:
    if pd.isna(value):
        return ""
    return f"{start:%H:%M}: {name} {formats.percent(float(value), 1)}"
