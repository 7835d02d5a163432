"""Sparklines: an inline SVG mask in the colour of the text around it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from dash import html

_EDGE = 2.0


def sparkline(
    values: Sequence[int | None], label: str, *, width: int = 96, height: int = 24
) -> html.Span:
    """The values from left to right, scaled between their least and most; gaps stay gaps.

    Nothing but an empty place of the same size when there are fewer than two values.
    """
    style: dict[str, Any] = {"width": width, "height": height}
    if sum(value is not None for value in values) < 2:
        return html.Span(className="sparkline", style=style)
    # A mask, so that the line takes the theme's colour, which a picture could not know.
    shape = f'url("data:image/svg+xml,{quote(svg(values, width, height))}")'
    style |= {"maskImage": shape, "WebkitMaskImage": shape}
    aria = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return html.Span(className="sparkline drawn", style=style, **aria)


def svg(values: Sequence[int | None], width: int, height: int) -> str:
    """The shape: one line per unbroken stretch, and a dot on the last value."""
    known = [value for value in values if value is not None]
    least, most = min(known), max(known)
    step = (width - 2 * _EDGE) / max(len(values) - 1, 1)

    def place(index: int, value: int) -> tuple[float, float]:
        share = (value - least) / (most - least) if most > least else 0.5
        return _EDGE + index * step, height - _EDGE - share * (height - 2 * _EDGE)

    path, pen = [], "M"
    dot = ""
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x, y = place(index, value)
        path.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
        dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<path d="{"".join(path)}" fill="none" stroke="#000" stroke-width="1.5" '
        f'stroke-linejoin="round" stroke-linecap="round"/>{dot}</svg>'
    )
