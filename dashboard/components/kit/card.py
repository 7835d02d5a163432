"""Cards: title, subtitle, actions, content; places of charts; links to files."""

from collections.abc import Callable
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.theme import Figure
from dashboard.components.kit.drawn import Part, drawn, drawn_list


def card(
    name: str,
    body: Any,
    *,
    title: Any = None,
    subtitle: Any = None,
    actions: Any = None,
    actions_id: str | None = None,
    head: Component | None = None,
) -> html.Section:
    """A card, which its title names to screen readers. Title and subtitle have the ids
    `<name>-title` and `<name>-subtitle`, so that callbacks can write them.

    Args:
        actions: links and buttons on the right of the title.
        actions_id: the id of their place, when a callback writes them.
        head: a `card_head`, when a callback writes another to `<name>-head`: one output and one
            component instead of three.
    """
    if head is not None:
        header = html.Div(head, id=f"{name}-head", className="card-header")
        return _section(name, header, body)
    parts = [
        html.H2(title, id=f"{name}-title", className="card-title"),
        html.P(subtitle, id=f"{name}-subtitle", className="card-subtitle"),
    ]
    if actions_id is not None:
        parts.append(html.Div(id=actions_id, className="card-actions"))
    elif actions is not None:
        parts.append(html.Div(actions, className="card-actions"))
    return _section(name, html.Div(parts, className="card-header"), body)


def card_head(name: str, title: Part = None, subtitle: Part = None, *actions: Part) -> Component:
    """The head of the card `name`: title, subtitle, and what stands on the right of the title, with
    the ids `<name>-title`, `<name>-subtitle` and `<name>-actions`. None keeps room for what comes.
    """
    parts = [
        html.H2(title, id=f"{name}-title", className="card-title"),
        html.P(subtitle, id=f"{name}-subtitle", className="card-subtitle"),
    ]
    if actions:
        place = html.Div(list(actions), id=f"{name}-actions", className="card-actions")
        parts.append(place)
    return drawn_list(parts)


def _section(name: str, header: Component, body: Any) -> html.Section:
    # Bootstrap's card in plain elements: dash-bootstrap-components mounts three more for each part.
    return html.Section(
        [header, html.Div(body, className="card-body")],
        id=name,
        className="card",
        **{"aria-labelledby": f"{name}-title"},
    )


def panel(*parts: Part, kind: str = "") -> Component:
    """A card of text and HTML components, in which no callback may name an id.

    Args:
        kind: further CSS classes.
    """
    return html.Div(drawn_list(parts), className=f"card card-body {kind}".strip())


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


def place(name: str, height: int, kind: str = "") -> html.Div:
    """Where a callback puts what has the id `name`: before that as high, in pixels, as its content
    usually is, so that nothing jumps.

    Args:
        kind: further CSS classes.
    """
    classes = f"waiting-place {kind}".strip()
    return html.Div(id=name, className=classes, style={"--height": f"{height}px"})


def chart_place(name: str, height: int, label: str, row: str) -> html.Div:
    """The place of the chart `name`, with the id `<name>-place`: from the start as high as the
    chart, in pixels, so that nothing jumps. A callback puts `chart` in it when there is a figure:
    a chart that waits for its figure would draw axes without anything in them. Under it the button
    that shows its numbers as a table (assets/js/chart-tables.js).

    Args:
        label: what it shows, for screen readers.
        row: what stands at its axis, the head of the first column of that table.
    """
    drawing = html.Div(
        id=f"{name}-place",
        className="chart",
        role="group",
        style={"--height": f"{height}px"},
        **{"aria-label": label},
    )
    words = {"data-row": row, "data-all": _("Devices"), "aria-pressed": "false"}
    as_table = html.Button(
        _("Show as table"), type="button", className="btn btn-link as-table", **words
    )
    return html.Div([drawing, drawn(as_table)], className="chart-frame")


def chart(name: str, figure: Figure) -> Component:
    """What stands in the place of the chart `name`: the chart, or when it has nothing to draw the
    words of its annotation, without axes."""
    if not figure["data"]:
        said = [note["text"] for note in figure["layout"].get("annotations", ())]
        words = said[0] if said else _("There is nothing to plot for these filters.")
        return html.P(words, className="note")
    return dcc.Graph(
        id=name,
        figure=figure,
        config={"displayModeBar": False, "responsive": True},
        style={"height": "var(--height)"},
    )
