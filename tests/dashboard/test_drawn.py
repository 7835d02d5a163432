"""Large tables as data: the same tags, attributes and texts, and nothing that could run."""

import json

from dash import dcc, html

from dashboard.components.kit.drawn import drawn


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
    assert json.loads(place.to_plotly_json()["props"]["data-drawn"]) == [
        "table", {"aria-label": "Sites"}, [
            ["tr", {}, [["th", {"colspan": 2, "scope": "col"}, ["A"]]]],
            ["tr", {}, [["td", {}, [["a", {"href": "/devices", "class": "row-link"}, ["to it"]]]]]],
        ],
    ]  # fmt: skip


def test_names_stay_text() -> None:
    place = drawn(html.Td("<img src=x onerror=alert(1)>"))
    (text,) = json.loads(place.to_plotly_json()["props"]["data-drawn"])[2]
    assert text == "<img src=x onerror=alert(1)>"
