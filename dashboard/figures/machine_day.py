"""CPU and memory of a machine in the last 24 hours; hours without a report are gaps."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, tzinfo

import pandas as pd
import plotly.graph_objects as go
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.theme import ACCENT, MUTED, template, tokens
from dashboard.queries.machines.hours import Hour

KINDS = ("cpu", "memory")
_HALF_AN_HOUR = timedelta(minutes=30)
_TICKS = (0, 25, 50, 75, 100)


def day_figure(hours: Sequence[Hour], kind: str, zone: tzinfo) -> go.Figure:
    """The chart: mean and maximum of each hour.

    Args:
        kind: one of `KINDS`, in percent.
        zone: the time zone of the axis.
    """
    figure = go.Figure(layout={"template": template()})
    frame = _by_local_time(hours, zone)
    # The middle of each hour.
    x = [start + _HALF_AN_HOUR for start in frame.index]
    for measure, name, colour, dash in (
        ("max", _("highest"), MUTED, "dot"), ("mean", _("mean"), ACCENT, "solid"),
    ):  # fmt: skip
        values = frame[f"{kind}_{measure}"]
        figure.add_scatter(
            name=name, x=x, y=list(values), mode="lines+markers", connectgaps=False,
            line={"color": colour, "width": 2 if measure == "mean" else 1.5, "dash": dash},
            marker={"size": 5 if measure == "mean" else 4, "color": colour},
            hovertext=[_hover(start, value, name)
                       for start, value in zip(frame.index, values, strict=True)],
            hoverinfo="text",
        )  # fmt: skip
    for start in frame.index[frame["reports"] == 0]:
        figure.add_vrect(
            x0=start, x1=start + 2 * _HALF_AN_HOUR, line_width=0, layer="below",
            fillcolor=tokens()["muted"], opacity=0.14,
        )  # fmt: skip
    figure.update_xaxes(
        type="date", tickformat="%H:%M", nticks=7, showgrid=False,
        range=[frame.index[0], frame.index[-1] + 2 * _HALF_AN_HOUR],
    )  # fmt: skip
    figure.update_yaxes(
        range=[0, 104], tickvals=_TICKS, ticktext=[formats.percent(n) for n in _TICKS]
    )
    figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 0}, showlegend=False)
    return figure


def _by_local_time(hours: Sequence[Hour], zone: tzinfo) -> pd.DataFrame:
    """A row for each hour by its start on the clocks of `zone`: Plotly knows no time zones."""
    frame = pd.DataFrame([asdict(hour) for hour in hours]).set_index("start")
    return frame.tz_convert(zone).tz_localize(None)


def _hover(start: datetime, value: float | None, name: str) -> str:
    if pd.isna(value):
        return ""
    return f"{start:%H:%M}: {name} {formats.percent(float(value), 1)}"
