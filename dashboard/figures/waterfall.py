"""The waterfall between two days: opening, additions, removals, closing."""

from collections.abc import Collection, Mapping
from itertools import accumulate, pairwise

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.good_direction import news
from dashboard.base.theme import ACCENT, DOWN, MUTED, UP, Figure, template
from dashboard.figures.margins import margin
from dashboard.figures.plain import plain
from dashboard.queries.changes.bars import Bars

STEPS = (
    ("added", 1),
    ("removed", -1),
    ("moved_in", 1),
    ("moved_out", -1),
    ("reclassified_in", 1),
    ("reclassified_out", -1),
)
"""The bars between opening and closing, with their sign."""

_COLOURS = {"good": UP, "bad": DOWN, "plain": MUTED}

_GAP = 0.3
"""The share of a bar's slot that stays empty."""
_HALF_BAR = (1 - _GAP) / 2


def waterfall_figure(
    bars: Bars,
    names: Mapping[str, str],
    href: Mapping[str, str | None],
    chosen: Collection[str] = (),
    *,
    good: str,
) -> Figure:
    """The chart. Drawn from bars with a base, because the small bundle has no waterfall.

    Its axis is cut below what changes, else a change of ten in a thousand is a line; the page
    says so.

    Args:
        names: the label of each field of `Bars`.
        href: the address that a click on a bar opens, by field; None where there is none.
        chosen: the selected bars; the others are faded.
        good: the good direction of the count, which the colours of the bars follow.
    """
    layout: Figure = {"template": template(), "bargap": _GAP, "showlegend": False}
    if bars.opening is None or bars.closing is None:
        text = _("Nothing to compare with on %(day)s", day=names["opening"])
        note = {"text": plain(text), "showarrow": False, "xref": "paper", "yref": "paper"}
        hidden = {"xaxis": {"visible": False}, "yaxis": {"visible": False}}
        return {"data": [], "layout": layout | hidden | {"annotations": [note]}}
    levels = _levels(bars)
    floor, roof = _range(levels)
    keys = ["opening", *(key for key, _sign in STEPS), "closing"]
    # Each bar lies between two levels; the first and the last one begin at zero.
    lows = [0, *map(min, pairwise(levels)), 0]
    highs = [levels[0], *map(max, pairwise(levels)), bars.closing]
    changes = [sign * (getattr(bars, key) or 0) for key, sign in STEPS]
    texts = [
        formats.number(bars.opening),
        *map(formats.signed, changes),
        formats.number(bars.closing),
    ]
    colours = [ACCENT, *(_COLOURS[news(sign, good)] for _key, sign in STEPS), ACCENT]
    any_chosen = any(key in chosen for key in keys)
    opacity = [1 if key in chosen or not any_chosen else 0.35 for key in keys]
    labels = [_wrapped(names[key]) for key in keys]
    # Nothing below the start of the axis: Plotly would draw it all the same.
    bases = [max(low, floor) for low in lows]
    steps = {
        "type": "bar",
        "x": labels,
        "y": [high - base for base, high in zip(bases, highs, strict=True)],
        "base": bases,
        "customdata": [href.get(key) for key in keys],
        "marker": {"color": colours, "opacity": opacity},
        "hovertext": [
            plain(f"{names[key]}: {text}") for key, text in zip(keys, texts, strict=True)
        ],
        "hoverinfo": "text",
    }
    numbers = {
        "type": "scatter",
        "x": labels,
        "y": [high + (roof - floor) * 0.01 for high in highs],
        "text": texts,
        "mode": "text",
        "textposition": "top center",
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    # Connectors run from the edge of a bar to that of the next, so that they cross no number; a
    # bar of height zero is such a line itself.
    edges = [_HALF_BAR, *(_HALF_BAR if change else 0 for change in changes), _HALF_BAR]
    connectors = [
        {
            "type": "line", "x0": index + edges[index], "x1": index + 1 - edges[index + 1],
            "y0": height, "y1": height, "xref": "x", "yref": "y",
            "line": {"color": MUTED, "width": 1, "dash": "dot"}, "layer": "below",
        }
        for index, height in enumerate(levels)
    ]  # fmt: skip
    layout |= {
        "shapes": connectors,
        "margin": margin(lines=2, top=16),
        "xaxis": {"type": "category", "showgrid": False, "dtick": 1},
        "yaxis": {"range": [floor, roof], "showticklabels": False, "showgrid": False},
    }
    return {"data": [steps, numbers], "layout": layout}


def axis_start(bars: Bars) -> int:
    """The count at which the chart's axis begins; 0 unless it is cut."""
    return 0 if bars.opening is None else int(_range(_levels(bars))[0])


def _levels(bars: Bars) -> list[int]:
    """The count at the beginning and after each step."""
    steps = (sign * (getattr(bars, key) or 0) for key, sign in STEPS)
    return list(accumulate(steps, initial=bars.opening or 0))


def _range(levels: list[int]) -> tuple[float, float]:
    """Both ends of the axis: from zero when the changes are large enough to see, else from a little
    below the lowest level."""
    least, most = min(levels), max(levels)
    spread = max(most - least, 1)
    floor = 0 if spread * 5 > most else max(0, least - spread)
    return floor, most + max(most - floor, 1) * 0.14


def _wrapped(name: str) -> str:
    """A label broken before its last word, to fit narrow bars; a day stays on one line."""
    parts = [name] if name[:1].isdigit() else name.rsplit(" ", 1)
    return "<br>".join(plain(part) for part in parts)
