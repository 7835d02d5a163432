"""Lists and tables as data: the same tags, attributes and texts, and nothing that could run."""

import json
from typing import Any

import pytest
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components.kit.drawn import drawn, drawn_list
from dashboard.components.kit.notice import notice


def trees(place: Component) -> Any:
    return json.loads(place.to_plotly_json()["props"]["data-drawn"])


def test_a_tree_of_components_becomes_tags_attributes_and_texts() -> None:
    table = html.Table(
        [
            html.Tr([html.Th("A", colSpan=2, scope="col"), None]),
            html.Tr(
                html.Td(dcc.Link("to it", href="/devices", className="row-link"), hidden=False)
            ),
        ],
        **{"aria-label": "Sites"},
    )
    place = drawn(table)
    assert place.className == "drawn"
    assert trees(place) == [
        ["table", {"aria-label": "Sites"}, [
            ["tr", {}, [["th", {"colspan": 2, "scope": "col"}, ["A"]]]],
            ["tr", {}, [["td", {}, [["a", {"href": "/devices", "class": "row-link"}, ["to it"]]]]]],
        ]],
    ]  # fmt: skip


def test_what_is_drawn_already_becomes_a_part_of_what_is_drawn_around_it() -> None:
    inner = drawn_list([html.Li("one"), html.Li("two")])
    assert trees(drawn(html.Ul(inner))) == [
        ["ul", {}, [["div", {"class": "drawn-list"}, [["li", {}, ["one"]], ["li", {}, ["two"]]]]]]
    ]


def test_a_component_that_the_browser_cannot_build_is_refused() -> None:
    with pytest.raises(TypeError, match="Alert is no HTML component"):
        drawn(html.Div(notice("info", "Merged")))


def test_a_list_of_components_is_serialised_without_its_nones() -> None:
    assert trees(drawn_list([html.Li("one"), "two", None])) == [["li", {}, ["one"]], "two"]
    assert trees(drawn_list([])) == []


def test_styles_are_written_as_css() -> None:
    bar = html.Span(style={"width": 96, "maskImage": "none", "WebkitMaskImage": "none"})
    ((_tag, attributes, _children),) = trees(drawn(bar))
    assert attributes["style"] == "width: 96px; mask-image: none; -webkit-mask-image: none"


def test_html_in_names_stays_text() -> None:
    place = drawn(html.Td("<img src=x onerror=alert(1)>"))
    ((_tag, _attributes, (text,)),) = trees(place)
    assert text == "<img src=x onerror=alert(1)>"
