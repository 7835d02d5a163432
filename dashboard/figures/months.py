"""Devices month by month, stacked by type, with the total above each bar."""

from collections.abc import Callable, Sequence
from itertools import groupby

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import TYPES
from dashboard.base.theme import MUTED, Figure, series_colour, template
from dashboard.figures.margins import margin
from dashboard.figures.plain import plain
from dashboard.queries.months.month_ends import MonthEnd
from dashboard.words.terms import type_names
from db.sources import source_label

Href = Callable[[MonthEnd, str | None], str | None]
"""The address of the devices of a month and of one type, or of all types (None); None where no
devices are kept."""


Stacks = dict[str, list[int | None]]
"""By device type, its count in each month."""


def stacks(months: Sequence[MonthEnd]) -> Stacks:
    """The counts of each device type from the bottom of the bars up: the largest first, because
    lengths are easiest to compare from the axis. Types that never count are left out; an unknown
    month is None in every type, a known month is 0 in the types it lacks."""
    counts: Stacks = {
        name: [None if month.by_type is None else month.by_type.get(name, 0) for month in months]
        for name in TYPES
    }
    sums = {name: sum(n or 0 for n in values) for name, values in counts.items()}
    largest_first = sorted(sums, key=lambda name: -sums[name])
    return {name: counts[name] for name in largest_first if sums[name]}


def months_figure(months: Sequence[MonthEnd], href: Href) -> Figure:
    """The chart. The running month is outlined and pale; each stretch of unknown months is labelled
    "no data" once."""
    labels = [_label(month) for month in months]
    most = max((month.total or 0 for month in months), default=0)
    counts = stacks(months)
    names = {name: type_names(name) for name in counts}
    bars = [
        {
            "type": "bar",
            "name": words,
            "x": labels,
            "y": counts[name],
            "customdata": [href(month, name) for month in months],
            "marker": _marker(name, months),
            "hovertext": [_hover(month, name, words) for month in months],
            "hoverinfo": "text",
        }
        for name, words in names.items()
    ]
    totals = {
        "type": "scatter",
        "x": labels,
        # A little above the bar, or the outline of the open month touches its number.
        "y": [(month.total or 0) + most * 0.015 for month in months],
        "text": _above(months),
        "customdata": [href(month, None) for month in months],
        "mode": "text",
        "textposition": "top center",
        "cliponaxis": False,
        "showlegend": False,
        "hoverinfo": "skip",
    }
    layout = {
        "template": template(),
        "barmode": "stack",
        "bargap": 0.28,
        "margin": margin(lines=2),
        "showlegend": False,
        "xaxis": {"type": "category", "showgrid": False, "dtick": 1},
        # Every bar has its number above it; grid lines would only cross the numbers.
        "yaxis": {"range": [0, most * 1.12 or 1], "showticklabels": False, "showgrid": False},
    }
    return {"data": [*bars, totals], "layout": layout}


def _marker(name: str, months: Sequence[MonthEnd]) -> dict[str, object]:
    colour = series_colour(name)
    return {
        "color": colour,
        "opacity": [0.45 if month.running else 1 for month in months],
        "line": {"color": colour, "width": [2 if month.running else 0 for month in months]},
        # A pattern tells it from grey without colour.
        "pattern": {"shape": "/" if name == "unknown" else "", "size": 5, "fgcolor": MUTED},
    }


def _label(month: MonthEnd) -> str:
    name, _space, year = formats.month(month.month).partition(" ")
    return f"{plain(name)}<br>{plain(year)}"


def _above(months: Sequence[MonthEnd]) -> list[str]:
    """What stands above each bar. A month is as wide as a number, on a phone no wider: of a stretch
    of unknown months the middle one has the words, below each other."""
    labels: list[str] = []
    for unknown, grouped in groupby(months, key=lambda month: month.total is None):
        stretch = list(grouped)
        if unknown:
            texts = [formats.NOTHING] * len(stretch)
            texts[len(stretch) // 2] = plain(_("no data")).replace(" ", "<br>")
        else:
            # The asterisk is explained by the subtitle, which names the month.
            texts = [formats.number(month.total) + ("*" if month.gaps else "") for month in stretch]
        labels += texts
    return labels


def _hover(month: MonthEnd, name: str, words: str) -> str:
    count = (month.by_type or {}).get(name, 0)
    lines = [
        f"{formats.month(month.month)}: {formats.number(count)} {words}",
        _("of %(total)s in all", total=formats.number(month.total)),
    ]
    if month.running:
        lines.append(_("month still open"))
    for source, day in month.dates.items():
        if source in month.gaps:
            lines.append(
                _("%(source)s: as of %(day)s", source=source_label(source), day=formats.day(day))
            )
    for source, counts in month.imported.items():
        lines.append(
            _(
                "%(n)s of %(sources)s from a file",
                n=formats.number(counts.total()), sources=source_label(source),
            )
        )  # fmt: skip
    return "<br>".join(plain(line) for line in lines)
