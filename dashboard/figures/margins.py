"""Room around a chart for the labels of its axes.

Fixed, from the labels: where Plotly finds it by itself (automargin) it measures all labels and
draws each chart again with what it found, which takes three times as long.
"""

from collections.abc import Iterable
from math import ceil

_LINE = 16
_CHARACTER = 7.5
"""The most pixels of a digit in the font of the labels; a percent sign is a little wider."""


def margin(
    *, lines: int = 1, labels: Iterable[str] = (), top: int = 4, right: int = 0
) -> dict[str, int]:
    """The margin in pixels.

    Args:
        lines: the lines of a label under the chart.
        labels: those on the left, numbers; without any there is no room for them.
    """
    longest = max(map(len, labels), default=0)
    left = ceil(longest * _CHARACTER) + 4 if longest else 0
    return {"l": left, "r": right, "t": top, "b": lines * _LINE + 3}
