"""Pills and badges: a state in words and shape, the same everywhere."""

from datetime import datetime

from dash import html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.base.good_direction import news
from dashboard.base.stale import STALE_AFTER, is_stale
from dashboard.words.month_words import month_state_word
from dashboard.words.run_words import state_word
from db.sources import source_badge_letters, source_label, source_labels, source_names

_ARROWS = {"up": "\u25b2", "down": "\u25bc"}


def direction(change: int | None) -> str:
    """ "up", "down", "same", or "none" when it is not known."""
    if change is None:
        return "none"
    return "up" if change > 0 else "down" if change < 0 else "same"


def delta(figure: Change, good: str) -> html.Span:
    """A change as arrow and signed number, or words for none or unknown.

    Args:
        good: the figure's good direction, which its colour follows.
    """
    way = direction(figure.change)
    if way == "none":
        return html.Span(_("no data"), className="delta delta-none")
    if way == "same":
        return html.Span(_("no change"), className="delta delta-same")
    arrow = html.Span(_ARROWS[way], className="delta-arrow", **{"aria-hidden": "true"})
    look = f"delta delta-{way} news-{news(figure.change, good)}"
    return html.Span([arrow, formats.signed(figure.change)], className=look)


def pill(text: str, kind: str) -> html.Span:
    """A state in words; `kind` gives the mark before them."""
    return html.Span(text, className=f"pill pill-{kind.replace('_', '-')}")


def run_mark(state: str) -> html.Span:
    """The shape that stands for a state of a run or of a source's day."""
    return html.Span(className=f"mark day-{state}", **{"aria-hidden": "true"})


def run_pill(state: str) -> html.Span:
    """A state of a run or of a source's day, in word and shape."""
    return html.Span([run_mark(state), state_word(state)], className=f"pill run-pill run-{state}")


def month_pill(state: str) -> html.Span:
    """A state of a month, in word and shape."""
    sign = html.Span(className=f"icon icon-{state}-month", **{"aria-hidden": "true"})
    return html.Span([sign, month_state_word(state)], className=f"pill run-pill month-{state}")


def last_contact(at: datetime | None, now: datetime) -> list[Component | str]:
    """A last contact, marked when it is long ago."""
    if at is None:
        return [formats.NOTHING]
    stale = html.Span(_("stale"), className="pill run-pill run-stale", title=stale_words())
    said: list[Component | str] = [formats.instant(at)]
    return [stale, " ", *said] if is_stale(at, now) else said


def stale_words() -> str:
    """What "stale" means."""
    days = formats.number(STALE_AFTER.days)
    return str(_("No contact for more than %(days)s days", days=days))


def source_badge(source: str) -> html.Span:
    """The letter of a source; its name for screen readers and as a tooltip."""
    label = source_label(source)
    return html.Span(
        [
            html.Span(source_badge_letters(source), **{"aria-hidden": "true"}),
            html.Span(label, className="visually-hidden"),
        ],
        className=f"source-badge source-{source}",
        title=label,
    )


def source_badge_params() -> dict[str, dict[str, str]]:
    """What the grids' renderer `HubSources` needs to draw the badges of all sources."""
    return {
        "words": source_labels(),
        "badges": {name: source_badge_letters(name) for name in source_names()},
    }
