"""Design tokens for charts, read from the CSS variables."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from db.sources import registered_sources

ASSETS = Path(__file__).parents[2] / "assets"
TOKENS = ASSETS / "css" / "01-tokens.css"


@cache
def tokens() -> dict[str, str]:
    """The light theme's CSS variables by name, without the dashes before them."""
    light = TOKENS.read_text(encoding="utf-8").split('[data-bs-theme="dark"]')[0]
    return dict(re.findall(r"--([a-z0-9-]+):\s*([^;]+);", light))


def series_colour(device_type: str) -> str:
    """The colour of a device type."""
    return tokens()[device_type.replace("_", "-")]


def source_styles() -> str:
    """The CSS rules that colour the badges of the registered sources."""
    return "".join(
        f".source-badge.source-{source.name}{{color:{source.colour}}}"
        for source in registered_sources()
    )


Figure = dict[str, Any]
"""What Plotly draws in the browser: the traces (`data`) and the `layout`."""

# Read well on both grounds; CSS swaps text and lines with the theme.
UP = tokens()["up"]
DOWN = tokens()["down"]
ACCENT = tokens()["accent"]
MUTED = tokens()["muted"]


@cache
def template() -> dict[str, Any]:
    """The Plotly template: transparent background, light axes, the page's font."""
    axis = {
        "gridcolor": tokens()["line"],
        "linecolor": tokens()["line"],
        "zerolinecolor": tokens()["line"],
        "ticks": "",
        "fixedrange": True,
    }
    return {
        "layout": {
            "font": {"family": tokens()["font"], "size": 12, "color": tokens()["muted"]},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            # Tilted names are cut; a chart shows as many as fit.
            "xaxis": {**axis, "tickangle": 0},
            "yaxis": axis,
            "hoverlabel": {"font": {"family": tokens()["font"], "size": 12}},
            "legend": {"orientation": "h", "x": 0, "y": -0.14, "itemclick": False,
                       "itemdoubleclick": False},
            "bargap": 0.35,
            "hovermode": "closest",
        }
    }  # fmt: skip
