"""A text field whose value reaches the server after a pause in typing.

Dash's own debounce sets the place of the cursor again after each letter, behind whoever types
faster, and letters change places.
"""

from collections.abc import Callable
from typing import Any

from dash import ClientsideFunction, Input, State, dcc
from dash.development.base_component import Component


def debounced_id(name: str) -> str:
    """The store whose `data` is the text of the field `name`, a moment later."""
    return f"{name}-typed"


def debounced_input(name: str, placeholder: str, value: str = "", **more: bool) -> list[Component]:
    """The field, and its store."""
    field = dcc.Input(
        id=name, type="text", maxLength=200, value=value, autoComplete="off",
        placeholder=placeholder, **more,
    )  # fmt: skip
    return [field, dcc.Store(id=debounced_id(name), data=value)]


def register_debounce(register: Callable[..., Any], name: str) -> None:
    """Let the field `name` tell its store; `register` is the `clientside_callback` to use."""
    register(
        ClientsideFunction("pages", "typed"),
        Input(name, "value"),
        State(name, "id"),
        State(debounced_id(name), "data"),
        prevent_initial_call=True,
    )
