"""Cards: title, subtitle, actions, content; places of charts; links to files."""

from collections.abc import Callable
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.components.kit.drawn import Part, drawn_list

_TRANSPARENT = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}


def card(
    name: str,
    body: Any,
    *,
    title: Any = None,
    subtitle: Any = None,
    actions: Any = None,
    actions_id: str | None = None,
) -> html.Section:
    """A card, which its title names to screen readers. Title and subtitle have the ids
    `<name>-title` and `<name>-subtitle`, so that callbacks can write them.

    Args:
        actions: links and buttons on the right of the title.
        actions_id: the id of their place, when a callback writes them.
    """
    head = [
        html.H2(title, id=f"{name}-title", className="card-title"),
        html.P(subtitle, id=f"{name}-subtitle", className="card-subtitle"),
    ]
    if actions_id is not None:
        head.append(html.Div(id=actions_id, className="card-actions"))
    elif actions is not None:
        head.append(html.Div(actions, className="card-actions"))
    return html.Section(
        dbc.Card([dbc.CardHeader(head), dbc.CardBody(body)]),
        id=name,
        className="card-place",
        **{"aria-labelledby": f"{name}-title"},
    )


def panel(*parts: Part, kind: str = "") -> Component:
    """A card of text and HTML components, in which no callback may name an id.

    Args:
        kind: further CSS classes.
    """
    return dbc.Card(drawn_list(parts), body=True, class_name=kind)


def file_links(address: Callable[[str], str], *before: Part) -> Component:
    """The links that download a table or a chart's data.

    Args:
        address: that of the file in a format ("csv", "xlsx").
        before: further actions, to the left of the links.
    """
    links = [
        html.A(
            [html.Span(className="icon icon-download"), name],
            href=address(form),
            className=f"btn btn-link file-{form}",
            title=about,
            download=True,
        )
        for form, name, about in (
            ("csv", _("CSV"), _("Download as CSV")),
            ("xlsx", _("Excel"), _("Download for Excel")),
        )
    ]
    return drawn_list([*before, *links])


def chart(name: str, height: int, label: str) -> html.Div:
    """The place of a chart, with the id `<name>-place`: as high as the chart will be, so that
    nothing jumps. Without its figure it shows no axes."""
    hidden = {"visible": False}
    graph = dcc.Graph(
        id=name,
        figure={"data": [], "layout": {"xaxis": hidden, "yaxis": hidden, **_TRANSPARENT}},
        config={"displayModeBar": False, "responsive": True},
        style={"height": f"{height}px"},
    )
    return html.Div(
        graph, id=f"{name}-place", className="chart", role="group", **{"aria-label": label}
    )
