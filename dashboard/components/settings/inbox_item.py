"""One question of the inbox: two lines and its buttons, with the rest folded below."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component


def item(
    title: Sequence[Any],
    said: str | Sequence[Any],
    buttons: Sequence[Component],
    *,
    unfolded: Sequence[Any] = (),
) -> html.Li:
    """One question.

    Args:
        title: the first line.
        said: the second line: what differs, or why it is asked.
        unfolded: what is shown when somebody opens it; nothing folds without.
    """
    text = {"title": said} if isinstance(said, str) else {}
    lines: list[Any] = [
        html.Span(list(title), className="inbox-title"),
        html.Span(said, className="inbox-said muted", **text),
    ]
    about: Component = html.Div(lines, className="inbox-about")
    if unfolded:
        folded = html.Summary(lines, className="inbox-about")
        about = html.Details([folded, html.Div(list(unfolded), className="inbox-unfolded")])
    return html.Li([about, html.Div(list(buttons), className="acts")], className="inbox-item")
