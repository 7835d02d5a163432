"""Text for charts: Plotly interprets some HTML in every text, so names are escaped."""

LONGEST = 60


def plain(text: str, longest: int = LONGEST) -> str:
    """`text` escaped, cut after `longest` characters."""
    short = text if len(text) <= longest else text[: longest - 1] + "\u2026"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
