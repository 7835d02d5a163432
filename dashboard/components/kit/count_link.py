"""Numbers on a page as quiet links: each opens exactly what it counts.

The page behind says the number again, in a heading that begins with it. Every number made here has
the attribute `data-count`, its text; where it opens nothing though it counts something, its title
says why not.
"""

import re
from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.base import formats
from dashboard.base.change import Change
from dashboard.components.kit.drawn import Part
from dashboard.components.kit.pill import delta


def count_link(
    n: int | None, href: str | None, kind: str = "", *, label: str = "", unlisted: str = ""
) -> Component:
    """A number of devices. Zero and the unknown open nothing.

    Args:
        href: the list of exactly these devices; None where none is kept: `unlisted` says why.
        kind: further CSS classes.
        label: what is counted, for screen readers, where the number stands alone.
    """
    text = formats.number(n)
    return linked(text, text, href if n else None, kind, label=label, unlisted=unlisted)


def change_link(figure: Change, href: str | None, good: str, *, label: str = "") -> Component:
    """A change as its pill, in the colour of its good direction, which opens the devices that made
    it, if anything lists them."""
    pill = delta(figure, good)
    if not figure.change or href is None:
        return pill
    return linked(pill, formats.signed(figure.change), href, "count-change", label=label)


def linked(
    content: Any,
    said: str,
    href: str | None,
    kind: str = "",
    *,
    label: str = "",
    unlisted: str = "",
) -> Component:
    """Text or a mark that stands for the number `said`, as `formats` writes it."""
    attributes = {"className": f"count {kind}".strip(), "data-count": said}
    if href is None:
        return html.Span(content, **attributes, **({"title": unlisted} if unlisted else {}))
    if label:
        attributes["aria-label"] = f"{label}: {said}"
    return html.A(content, href=href, **attributes)


def count_tab(text: str, n: int | None, href: str, *, here: bool) -> Component:
    """A choice of what a list shows, with how many that are. Zero can be chosen too.

    Args:
        here: whether the list shows it now.
    """
    kind = "bar-tab here" if here else "bar-tab" if n is None or n else "bar-tab none"
    content, said = [html.Span(text)], {}
    if n is not None:
        said = {"data-count": formats.number(n)}
        content.append(html.Span(formats.number(n), className="tab-count"))
    current = {"aria-current": "true" if here else None}
    return html.A(content, href=href, className=kind, **current, **said)


def filled(pattern: str, parts: Mapping[str, Part]) -> list[Part]:
    """A sentence with places like `%(n)s`, filled with components."""
    texts = re.split(r"%\((\w+)\)s", pattern)
    return [parts[text] if place % 2 else text for place, text in enumerate(texts) if text]
