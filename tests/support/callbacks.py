"""Calls page callbacks in this process, as the browser would."""

from typing import Any

from dash import Dash
from dash.development.base_component import Component
from sqlalchemy import Engine

from dashboard.app import create_app
from db.settings import load
from tests.support.demo_dashboard import ENVIRON, NOW
from tests.support.mounted_page import expand_drawn


def create_demo_app(engine: Engine) -> Dash:
    app = create_app(engine, clock=lambda: NOW, settings=load(ENVIRON))
    app.server.test_client().get("/")
    return app


def run_callback(app: Dash, output: str, **values: Any) -> Any:
    """Run the callback that has `output` among its outputs, as the browser would; its answer, or
    None when it leaves everything as it is.

    Args:
        values: the inputs by their place in the callback, named by property: `filters="..."`.
    """
    (found,) = (
        callback for callback in app.callback_map.values()
        if output in str(callback["output"]) and callback.get("callback")
    )  # fmt: skip
    (key,) = (key for key, callback in app.callback_map.items() if callback is found)
    parts = {
        kind: [part | {"value": values.get(part["id"])} for part in found[kind]]
        for kind in ("inputs", "state")
    }
    written = found["output"] if isinstance(found["output"], list) else [found["output"]]
    outputs = [
        {"id": output.component_id, "property": output.component_property} for output in written
    ]
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


def words_of(part: Any) -> str:
    """The text of components as a callback answers with them."""
    if isinstance(part, list):
        return "".join(words_of(one) for one in part)
    if isinstance(part, dict):
        return words_of(part["props"].get("children"))
    return "" if part is None else str(part)


def component_ids(part: object) -> set[str]:
    """Every id in a tree of components; each may stand there once."""
    names: list[str] = []
    walk = [part]
    while walk:
        node = walk.pop()
        if isinstance(node, list | tuple):
            walk += node
        elif isinstance(node, Component):
            name = getattr(node, "id", None)
            if isinstance(name, str):
                names.append(name)
            walk.append(getattr(node, "children", None))
    assert len(names) == len(set(names)), "an id stands twice"
    return set(names)
