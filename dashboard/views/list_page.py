"""Shared parts of list pages: a head, a grid that the server fills, its files, empty states."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dash import (
    ClientsideFunction,
    Input,
    Output,
    State,
    callback,
    clientside_callback,
    html,
    no_update,
)
from dash.development.base_component import Component

from dashboard.base.i18n import translate_notice
from dashboard.components.kit.card import file_links
from dashboard.components.kit.states import first_run
from dashboard.queries.freshness import freshness
from dashboard.web.context import View

LIVE = {"aria-live": "polite"}
"""Of a heading that follows the filters: read when it changes. As `role="status"` it would be no
heading."""

Request = Mapping[str, Any]
"""The grid's request: `startRow`, `endRow`, `sortModel`, and the `number` that its response repeats
(assets/js/grid-rows.js)."""


def list_page(
    grid: str,
    answer: Callable[..., Any],
    *,
    files: str | None = None,
    file: Callable[[str | None, Request | None], Callable[[str], str]] | None = None,
    inputs: Sequence[str] = ("filters", "snapshot"),
    reload_rows: tuple[str, str] = ("pages", "reload_rows"),
    states: Sequence[State] = (),
    outputs: Sequence[Output] = (),
) -> None:
    """Register the callbacks of a grid.

    Args:
        grid: the id of the grid.
        answer: its rows for a query string, a request of the grid and `states`: `grid_rows`, and a
            tuple of that and a value for each of `outputs` when there are any.
        files: the id of the place of the file links; `file` makes the function that gives the
            address of a file in a format, in the order in which the grid is sorted.
        inputs: the stores whose change makes the JavaScript function `reload_rows` reload the grid.
    """

    further = [*outputs, *([Output(files, "children")] if files else [])]

    @callback(
        Output(grid, "getRowsResponse"),
        *further,
        Input(grid, "getRowsRequest"),
        State("filters", "data"),
        *states,
        prevent_initial_call=True,
    )
    def rows(request: Request | None, query: str | None, *more: Any) -> Any:
        if request is None or query is None:
            return (no_update, *(no_update for _ in further)) if further else no_update
        answered = answer(query, request, *more)
        shown = answered[0] if outputs else answered
        shown["number"] = request.get("number")
        if file is None:
            return answered
        # The order of the rows, and so of the file, is new with the first of them.
        links = no_update if request["startRow"] else file_links(file(query, request))
        return (*answered, links) if outputs else (answered, links)

    clientside_callback(
        ClientsideFunction(*reload_rows),
        Output(grid, "id"),
        *(Input(name, "data") for name in inputs),
        State(grid, "id"),
        prevent_initial_call=True,
    )


def grid_rows(
    rows: Sequence[Mapping[str, Any]], count: int, hidden: Sequence[str] = ()
) -> dict[str, Any]:
    """The response to a grid: the requested rows and the total count.

    Args:
        hidden: columns that have nothing to show, in no row. Each row names them: the browser sees
            nothing else of the response.
    """
    return {"rowData": [{**row, "hidden": hidden} for row in rows], "rowCount": count}


def page_words(title: str, why: str, about: str) -> html.Div:
    """The sentence of a page, the place of its "why" button, and what it is about, by their ids."""
    line = [html.H1(id=title, **LIVE), html.Span(id=why)]
    return html.Div(
        [
            html.Div(line, className="count-line"),
            html.P(id=about, className="card-subtitle"),
        ]
    )


def listed(title: str, files: str) -> html.Div:
    """The title of a list, and the place of its files, by their ids."""
    place = html.Div(id=files, className="card-actions")
    return html.Div([html.H2(id=title, **LIVE), place], className="list-head")


def no_data(v: View) -> Component | None:
    """The checklist of a hub that has not collected anything yet; None when it has."""
    if v.moment.newest is not None:
        return None
    problems = freshness(v.connection, v.now).problems
    return first_run([translate_notice(notice) for notice in problems])


def filled_page(
    place: str,
    content: Callable[[str | None], Any],
    *,
    inputs: Sequence[str] = ("filters", "snapshot", "settled"),
    class_name: str = "collections",
    fields: Callable[[], Component] | None = None,
) -> Callable[..., html.Div]:
    """The layout of a page whose whole content one callback gives, from the query string.

    Args:
        fields: makes the page's own filter controls, once when the page opens. They stand between
            the head, a place with the id `place`-head, and the body: `content` then gives both.
    """
    outputs = [Output(place, "children")]
    if fields is not None:
        outputs.insert(0, Output(f"{place}-head", "children"))

    @callback(*outputs, *(Input(name, "data") for name in inputs))
    def show(query: str | None, *_changed: object) -> Any:
        return content(query)

    def layout(**_query: str) -> html.Div:
        if fields is None:
            return html.Div(id=place, className=class_name)
        return html.Div(
            [html.Div(id=f"{place}-head"), fields(), html.Div(id=place)], className=class_name
        )

    return layout


def open_on_click(*charts: str) -> None:
    """A click on a bar of one of the charts opens the address in its customdata."""
    for name in charts:
        in_browser("pages.follow", Input(name, "clickData"))


def in_browser(function: str, *dependencies: Any, initially: bool = False) -> None:
    """Register a clientside callback: a function of assets/js, such as "pages.follow".

    Args:
        initially: whether also when the page opens.
    """
    clientside_callback(
        ClientsideFunction(*function.split(".")), *dependencies, prevent_initial_call=not initially
    )
