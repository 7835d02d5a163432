"""Small tables of names and values."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.components.kit.drawn import drawn


def fact_list(facts: Sequence[tuple[str, Any]]) -> Component:
    """Names with their values, a line each. A value may be a component, or a list of them."""
    rows = [part for name, value in facts for part in (html.Dt(name), html.Dd(value))]
    return drawn(html.Dl(rows, className="fact-list"))


def stacked_table(names: Sequence[str], rows: Sequence[Sequence[Component]]) -> Component:
    """A table of many columns. On a phone its rows are blocks, in which the name of its column
    stands before each value.

    Args:
        names: of the columns; that of the first needs no saying, as that of buttons, which is "".
        rows: the cells of each, as many as there are names.
    """
    for row in rows:
        for name, cell in zip(names[1:], row[1:], strict=True):
            if name:
                setattr(cell, "data-column", name)
    head = html.Thead(html.Tr([column_head(name) for name in names]))
    body = html.Tbody([html.Tr(row) for row in rows])
    return drawn(html.Div(html.Table([head, body], className="table stacked"),
                          className="table-scroll"))  # fmt: skip


def column_head(name: str, kind: str = "") -> html.Th | html.Td:
    """The head of a column; over buttons, whose column has no name, an empty cell.

    Args:
        kind: CSS classes.
    """
    return html.Th(name, scope="col", className=kind) if name else html.Td(className=kind)
