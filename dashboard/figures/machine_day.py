"""A machine's last 24 hours: mean and highest of each hour, hours without a report as gaps."""

from collections.abc import Sequence
from datetime import timedelta, tzinfo

import plotly.graph_objects as go
from flask_babel import gettext as _

from dashboard.base.theme import ACCENT, MUTED, template, tokens
from dashboard.queries.machines.hours import Hour

KINDS = ("cpu", "memory")
_HOUR = timedelta(hours=1)
_TICKS = (0, 25, 50, 75, 100)


def day_figure(hours: Sequence[Hour], kind: str, zone: tzinfo) -> go.Figure:
    """The chart of `kind`, in percent, by the hours of `zone`."""
    figure = go.Figure(layout={"template": template()})
    # Plotly knows no zones: it is given the wall clock's time, in the middle of each hour.
    x = [(hour.start + _HOUR / 2).astimezone(zone).replace(tzinfo=None) for hour in hours]
    for measure, name, colour, dash in (
        ("max", _("highest"), MUTED, "dot"), ("mean", _("mean"), ACCENT, "solid"),
    ):  # fmt: skip
        values = [getattr(hour, f"{kind}_{measure}") for hour in hours]
        figure.add_scatter(
            name=name, x=x, y=values, mode="lines+markers", connectgaps=False,
            line={"color": colour, "width": 2 if measure == "mean" else 1.5, "dash": dash},
            marker={"size": 5 if measure == "mean" else 4, "color": colour},
            hovertext=[_hover(hour, value, name, zone)
                       for hour, value in zip(hours, values, strict=True)],
            hoverinfo="text",
        )  # fmt: skip
    for at, hour in zip(x, hours, strict=True):
        if not hour.reports:
            figure.add_vrect(
                x0=at - _HOUR / 2, x1=at + _HOUR / 2, line_width=0, layer="below",
                fillcolor=tokens()["muted"], opacity=0.14,
            )  # fmt: skip
    figure.update_xaxes(
        type="date", tickformat="%H:%M", nticks=7, showgrid=False,
        range=[x[0] - _HOUR / 2, x[-1] + _HOUR / 2],
    )  # fmt: skip
    figure.update_yaxes(range=[0, 104], tickvals=_TICKS, ticktext=[f"{n}\u00a0%" for n in _TICKS])
    figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 0}, showlegend=False)
    return figure


def _hover(hour: Hour, value: float | None, name: str, zone: tzinfo) -> str:
    at = f"{hour.start.astimezone(zone):%H:%M}"
    return "" if value is None else f"{at}: {name} {value:.1f}\u00a0%"
