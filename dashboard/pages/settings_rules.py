"""By which rules are devices judged, and what would others change?"""

import json
from typing import Any

import dash
from dash import Input, Output, State, callback, html, no_update
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest

from dashboard import asking, settings_views
from dashboard.components.rules_page import FIELDS, REPLAY, WRONG, read
from db import jobs

dash.register_page(__name__, path="/settings/rules", name="Rules", title="Rules", order=9.1)


def layout(**_query: str) -> html.Div:
    """One place, filled by the callback."""
    return html.Div(id="rules-body", className="settings")


@callback(
    Output("rules-body", "children"),
    Input("filters", "data"),
    Input("settled", "data"),
)
def show(query: str | None, _settled: object) -> list[Any]:
    """The draft begins as the version that holds."""
    with settings_views.view(query) as v:
        return settings_views.rules(v)


@callback(
    Output("draft", "data"),
    Output(WRONG, "children"),
    Input(REPLAY, "n_clicks"),
    *(State(name, "value") for name in FIELDS.values()),
    prevent_initial_call=True,
)
def replay(clicks: int | None, *values: Any) -> Any:
    """Ask what the draft would change."""
    if not clicks:
        return no_update, no_update
    rules = {name: read(name, value) for name, value in zip(FIELDS, values, strict=True)}
    try:
        asking.checked(jobs.SAVE_RULES, {"rules": rules, "reason": "?"})
    except BadRequest:
        return no_update, _(
            "An entry is too long, or holds characters that no name has: correct it."
        )
    # `n` makes a second replay of the same draft another one.
    return {"job": jobs.SAVE_RULES, "with": json.dumps({"rules": rules}), "n": clicks}, None
