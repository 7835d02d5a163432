"""How long are days kept, when do months close, when is a run suspicious?"""

import json
from typing import Any

import dash
from dash import Input, Output, State, callback, html

from dashboard.base.notice import mark
from dashboard.base.settings_params import THRESHOLDS
from dashboard.components.ask.dialog import ASK
from dashboard.components.settings.frame import refused_card
from dashboard.components.settings.thresholds import FIELDS, HISTORY, SAVE, WRONG, draft, history
from dashboard.queries.audit import threshold_versions
from dashboard.views import settings as settings_views
from dashboard.views.settings import only
from dashboard.web.context import current, current_actor
from dashboard.words.threshold_words import wrong_words
from db.decisions import SaveThresholds

dash.register_page(
    __name__, path=THRESHOLDS, name="Thresholds", order=9.15, tab=mark("Thresholds")
)  # fmt: skip


def layout(**_query: str) -> html.Div:
    """The draft, which begins as the version in use, and the place of all versions."""
    with current().reading() as connection:
        head = settings_views.tabs(connection, THRESHOLDS)
        now = threshold_versions.current(connection, current().settings)
    refusal = current_actor().refusal(SaveThresholds)
    form = draft(now.values) if refusal is None else refused_card(refusal)
    columns = [html.Div(form, className="column"), html.Div(id=HISTORY, className="column")]
    return html.Div([html.Div(head), html.Div(columns, className="two-columns")],
                    className="settings")  # fmt: skip


@callback(Output(HISTORY, "children"), Input("filters", "data"), Input("settled", "data"))
def show(_query: str | None, _settled: object) -> Any:
    """Every version."""
    with current().reading() as connection:
        return history(threshold_versions.versions(connection, current().settings))


ASKED = {"ask": Output(ASK, "data", allow_duplicate=True), "wrong": Output(WRONG, "children")}


@callback(
    output=ASKED,
    inputs={"clicks": Input(SAVE, "n_clicks")},
    state={"values": {name: State(field, "value") for name, field in FIELDS.items()}},
    prevent_initial_call=True,
)
def ask(clicks: int | None, values: dict[str, Any]) -> dict[str, Any]:
    """Open the dialog that says what the draft would change and delete."""
    if not clicks:
        return only(ASKED)
    if (wrong := wrong_words(values)) is not None:
        return only(ASKED, wrong=wrong)
    asked = {"job": SaveThresholds.kind, "with": json.dumps({"thresholds": values}), "n": clicks}
    return {"ask": asked, "wrong": None}
