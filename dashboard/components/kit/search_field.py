"""A text field whose value reaches the server after a pause in typing."""

import dash_bootstrap_components as dbc

PAUSE_MILLISECONDS = 300


def search_field(
    name: str, placeholder: str, value: str = "", *, autofocus: bool = False
) -> dbc.Input:
    """A field to search in, with the id `name`; callbacks take its `value`."""
    return dbc.Input(
        id=name, type="text", maxlength=200, value=value, autocomplete="off",
        placeholder=placeholder, autofocus=autofocus, debounce=PAUSE_MILLISECONDS,
    )  # fmt: skip
