"""Calls page callbacks in this process, as the browser would."""

from typing import Any

from dash import Dash
from dash.development.base_component import Component
from sqlalchemy import Engine

from dashboard.app import create_app
from tests.support.demo_dashboard import ENVIRON, NOW
from tests.support.mounted_page import expand_drawn


def create_demo_app(engine: Engine) -> Dash:
    app = create_app(engine, clock=lambda: NOW, environ=ENVIRON)
    app.server.test_client().get("/")
    return app


def run_callback(app: Dash, output: str, **values: Any) -> Any:
    """Run the callback that has `output` among its outputs, as the browser would; its answer, or
    None when it leaves everything as it is.

    Args:
        values: the inputs by their place in the callback, named by property: `filters="..."`.
    """
    (found,) = (
        one for one in app.callback_map.values()
        if output in str(one["output"]) and one.get("callback")
    )  # fmt: skip
    (key,) = (key for key, one in app.callback_map.items() if one is found)
    parts = {
        kind: [part | {"value": values.get(part["id"])} for part in found[kind]]
        for kind in ("inputs", "state")
    }
    written = found["output"] if isinstance(found["output"], list) else [found["output"]]
    outputs = [{"id": one.component_id, "property": one.component_property} for one in written]
    body = {
        "output": key,
        "outputs": outputs if isinstance(found["output"], list) else outputs[0],
        "changedPropIds": [f"{part['id']}.{part['property']}" for part in parts["inputs"]],
        **parts,
    }
    answer = app.server.test_client().post("/_dash-update-component", json=body)
    if answer.status_code == 204:
        return None
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return expand_drawn(answer.get_json())


def component_ids(part: object) -> set[str]:
    """Every id in a tree of components; each may stand there once."""
    found: list[str] = []
    walk = [part]
    while walk:
        one = walk.pop()
        if isinstance(one, list | tuple):
            walk += one
        elif isinstance(one, Component):
            name = getattr(one, "id", None)
            if isinstance(name, str):
                found.append(name)
            walk.append(getattr(one, "children", None))
    assert len(found) == len(set(found)), "an id stands twice"
    return set(found)
