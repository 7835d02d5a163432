"""Text for charts: Plotly reads a little HTML in every text, names are no HTML."""

LONGEST = 60


def plain(text: str, longest: int = LONGEST) -> str:
    """`text` as it is, shown as it is, cut when it is longer than anybody reads."""
    short = text if len(text) <= longest else text[: longest - 1] + "\u2026"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
