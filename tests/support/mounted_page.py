"""What a browser mounts for a page of the dashboard: the shell, the page's layout, and what the
callbacks that run at once answer, without a browser."""

import json
import re
from collections.abc import Iterator
from typing import Any

from dash import Dash
from dash._utils import to_json as to_json_plotly
from dash.development.base_component import Component
from flask.testing import FlaskClient

Node = dict[str, Any]
"""A component as Dash sends it: type, namespace, props."""

_SETTLES_IN = 6
"""Rounds of callbacks after which nothing that is shown moves any more."""


def mount_page(app: Dash, path: str, query: str = "") -> list[Node]:
    """Every component of the page at `path`, as the browser holds it when it has settled."""
    client = app.server.test_client()
    layout = client.get("/_dash-layout").get_json()
    values = {
        "filters.data": query,
        "_pages_location.pathname": path, "_pages_location.search": f"?{query}",
        "settled.data": "",
    }  # fmt: skip
    for _round in range(_SETTLES_IN):
        for key in app.callback_map:
            _answer(app, client, key, layout, values)
    return list(components(layout))


def components(part: Any) -> Iterator[Node]:
    """The components in a tree. What is in another property than `children`, such as the labels of
    a dropdown's choices, is mounted only when it is opened."""
    if isinstance(part, list):
        for child in part:
            yield from components(child)
    elif isinstance(part, dict) and "namespace" in part:
        yield part
        yield from components(part["props"].get("children"))


def _answer(app: Dash, client: FlaskClient, key: str, layout: Any, values: dict[str, Any]) -> None:
    """Run one callback with the values on the page, unless they are those of its last run, and
    write its answer there."""
    callback = app.callback_map[key]
    inputs = callback["inputs"]
    if not callback.get("callback") or any(part["property"] == "n_clicks" for part in inputs):
        return
    by_id = {_name(part["props"].get("id")): part for part in components(layout)}
    written = callback["output"] if isinstance(callback["output"], list) else [callback["output"]]
    places = [part for part in written if _name(part.component_id) in by_id]
    needed = [*inputs, *callback["state"]]
    if len(places) < len(written) or any(_name(part["id"]) not in by_id for part in needed):
        return

    def value(part: dict[str, str]) -> Any:
        place = f"{part['id']}.{part['property']}"
        return values.get(place, by_id[_name(part["id"])]["props"].get(part["property"]))

    request = {
        kind: [part | {"value": value(part)} for part in callback[kind]]
        for kind in ("inputs", "state")
    }
    if callback.get("prevent_initial_call") and not any(
        part["value"] for part in request["inputs"]
    ):
        return
    if values.get(key) == request:
        return
    values[key] = request
    outputs = [{"id": part.component_id, "property": part.component_property} for part in written]
    body = {
        "output": key,
        "outputs": outputs if isinstance(callback["output"], list) else outputs[0],
        "changedPropIds": [f"{part['id']}.{part['property']}" for part in request["inputs"]],
        **request,
    }
    answer = client.post("/_dash-update-component", json=body)
    assert answer.status_code in (200, 204), (key, answer.text)
    if answer.status_code == 204:
        return
    for place, properties in answer.get_json()["response"].items():
        by_id[place]["props"] |= properties


def _name(identity: Any) -> str:
    return re.sub(r"\s", "", str(identity))


def expand_drawn(part: Any) -> Any:
    """An answer, or a component, as JSON in which what the browser builds from data (`kit.drawn`)
    is components again, so that a test reads it like any other."""
    if isinstance(part, Component):
        part = json.loads(to_json_plotly(part))
    if isinstance(part, list):
        return [expand_drawn(child) for child in part]
    if not isinstance(part, dict):
        return part
    part = {name: expand_drawn(value) for name, value in part.items()}
    if isinstance(part.get("props"), dict) and "data-drawn" in part["props"]:
        trees = json.loads(part["props"]["data-drawn"])
        rest = {name: part["props"][name] for name in part["props"] if name != "data-drawn"}
        part["props"] = {**rest, "children": [_built(tree) for tree in trees]}
    return part


def _built(tree: Any) -> Any:
    if isinstance(tree, str):
        return tree
    tag, attributes, children = tree
    properties = {{"class": "className"}.get(name, name): attributes[name] for name in attributes}
    inner = [_built(child) for child in children]
    only_text = len(inner) == 1 and isinstance(inner[0], str)
    children = inner[0] if only_text else inner
    return {"type": tag, "namespace": "drawn", "props": {**properties, "children": children}}


def read_aloud(part: Any) -> str:
    """What a person reads of an answer, or of components: the texts of its elements, in order."""

    def texts(part: Any) -> Iterator[str]:
        if isinstance(part, list):
            for child in part:
                yield from texts(child)
        elif isinstance(part, dict):
            yield from texts(part["props"].get("children"))
        elif part is not None:
            yield str(part)

    if isinstance(part, list | tuple):
        return " ".join(read_aloud(child) for child in part)
    return " ".join(" ".join(texts(expand_drawn(part))).split())
