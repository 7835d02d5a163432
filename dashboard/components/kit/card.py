"""The frame of everything on a page: title, subtitle, quiet actions, content."""

from collections.abc import Callable
from typing import Any

from dash import dcc, html
from flask_babel import gettext as _


def card(
    name: str,
    body: Any,
    *,
    title: Any = None,
    subtitle: Any = None,
    actions: Any = None,
    kind: str = "",
) -> html.Section:
    """A card. Its title and subtitle have the ids `<name>-title` and `<name>-subtitle`, so that
    callbacks can write them."""
    heading = html.Div(
        [
            html.H2(title, id=f"{name}-title", className="card-title"),
            html.P(subtitle, id=f"{name}-subtitle", className="card-subtitle"),
        ],
        className="card-words",
    )
    head = [heading]
    if actions is not None:
        head.append(html.Div(actions, className="card-actions"))
    return html.Section(
        [html.Header(head, className="card-head"), html.Div(body, className="card-body")],
        id=name,
        className=f"card {kind}".strip(),
        **{"aria-labelledby": f"{name}-title"},
    )


def file_links(address: Callable[[str], str]) -> list[html.A]:
    """The quiet actions that download a table or a chart's data.

    Args:
        address: that of the file in a format ("csv", "xlsx").
    """
    return [
        html.A(
            [html.Span(className="icon icon-download"), name],
            href=address(form),
            className=f"button quiet file-{form}",
            title=about,
        )
        for form, name, about in (
            ("csv", _("CSV"), _("Download as CSV")),
            ("xlsx", _("Excel"), _("Download for Excel")),
        )
    ]


def chart(name: str, height: int, label: str) -> html.Div:
    """The place of a chart, with the id `<name>-place`: as high as the chart will be, so that
    nothing jumps."""
    graph = dcc.Graph(
        id=name,
        config={"displayModeBar": False, "responsive": True},
        style={"height": f"{height}px"},
    )
    return html.Div(
        graph, id=f"{name}-place", className="chart", role="group", **{"aria-label": label}
    )
