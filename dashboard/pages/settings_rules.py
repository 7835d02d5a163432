"""By which rules are devices judged, and what would others change?"""

import json
from typing import Any

import dash
from dash import Input, Output, State, callback, html, no_update
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.settings_params import RULES
from dashboard.components.ask.dialog import ASK
from dashboard.components.settings.rules import DRAFT, FIELDS, REPLAY, WRONG, draft, parse_control
from dashboard.queries.audit import rule_versions
from dashboard.views import settings as settings_views
from dashboard.web.context import current, current_actor
from db.decisions import InvalidDecision, SaveRules, parse

dash.register_page(__name__, path=RULES, name="Rules", order=9.1, tab=mark("Rules"))


def layout(**_query: str) -> html.Div:
    """The draft, which begins as the version that holds, and the places of the rest."""
    with current().reading() as connection:
        form = draft(rule_versions.current(connection))
    columns = [html.Div(form, className="column"), html.Div(id="rules-beside", className="column")]
    return html.Div(
        [html.Div(id="rules-head"), html.Div(columns, className="two-columns")],
        className="settings",
    )


@callback(
    Output("rules-head", "children"),
    Output("rules-beside", "children"),
    Output(DRAFT, "hidden"),
    Input("filters", "data"),
    Input("settled", "data"),
)
def show(query: str | None, _settled: object) -> Any:
    """What holds and held; the draft only for who may save it."""
    with settings_views.view(query) as v:
        return (*settings_views.rules(v), not current_actor().may_start(SaveRules))


@callback(
    Output(ASK, "data"),
    Output(WRONG, "children"),
    Input(REPLAY, "n_clicks"),
    *(State(name, "value") for name in FIELDS.values()),
    prevent_initial_call=True,
)
def replay(clicks: int | None, *values: Any) -> Any:
    """Open the dialog that previews what the draft would change."""
    if not clicks:
        return no_update, no_update
    rules = {name: parse_control(name, value) for name, value in zip(FIELDS, values, strict=True)}
    try:
        parse(SaveRules.kind, {"rules": rules, "reason": "?"})
    except InvalidDecision:
        return no_update, _(
            "An entry is too long, or contains characters that a name cannot have: correct it."
        )
    # Dash ignores an equal value: `n` makes a second replay of the same draft different.
    return {"job": SaveRules.kind, "with": json.dumps({"rules": rules}), "n": clicks}, None
