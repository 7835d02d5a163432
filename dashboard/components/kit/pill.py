"""Pills and badges: a state in words and shape, the same everywhere."""

from dash import html
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.queries.moment import LABELS

_ARROWS = {"up": "\u25b2", "down": "\u25bc"}


def direction(change: int | None) -> str:
    """ "up", "down", "same", or "none" when it is not known."""
    if change is None:
        return "none"
    return "up" if change > 0 else "down" if change < 0 else "same"


def delta(figure: Change) -> html.Span:
    """A change as arrow and signed number; in words when there is none to give."""
    way = direction(figure.change)
    if way == "none":
        return html.Span(_("no data"), className="delta delta-none")
    if way == "same":
        return html.Span(_("no change"), className="delta delta-same")
    arrow = html.Span(_ARROWS[way], className="delta-arrow", **{"aria-hidden": "true"})
    return html.Span([arrow, formats.signed(figure.change)], className=f"delta delta-{way}")


def pill(text: str, kind: str) -> html.Span:
    """A state in words; `kind` gives the mark before them."""
    return html.Span(text, className=f"pill pill-{kind.replace('_', '-')}")


def source_badge(source: str) -> html.Span:
    """The letter of a source, with its name for whoever asks."""
    label = LABELS[source]
    return html.Span(
        [
            html.Span(label[0], **{"aria-hidden": "true"}),
            html.Span(label, className="visually-hidden"),
        ],
        className=f"source-badge source-{source}",
        title=label,
    )
