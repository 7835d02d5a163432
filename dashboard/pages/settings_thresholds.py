"""How long are days kept, when do months close, when is a run suspicious?"""

import json
from typing import Any

import dash
from dash import Input, Output, State, callback, html, no_update
from flask_babel import gettext as _

from dashboard.base.notice import mark
from dashboard.base.settings_params import THRESHOLDS
from dashboard.components.ask.dialog import ASK
from dashboard.components.settings.frame import frame, refused_card
from dashboard.components.settings.thresholds import FIELDS, HISTORY, SAVE, WRONG, draft, history
from dashboard.queries.audit import threshold_versions
from dashboard.views import settings as settings_views
from dashboard.web.context import current, current_actor
from dashboard.words.threshold_words import threshold_name
from db.decisions import SaveThresholds
from db.thresholds import RANGES, are_thresholds

dash.register_page(
    __name__, path=THRESHOLDS, name="Thresholds", order=9.15, tab=mark("Thresholds")
)  # fmt: skip


def layout(**_query: str) -> html.Div:
    """The draft, which begins as the version in use, and the place of all versions."""
    with current().reading() as connection:
        head = frame(THRESHOLDS, settings_views.count(connection), [])
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


@callback(
    Output(ASK, "data", allow_duplicate=True),
    Output(WRONG, "children"),
    Input(SAVE, "n_clicks"),
    *(State(name, "value") for name in FIELDS.values()),
    prevent_initial_call=True,
)
def ask(clicks: int | None, *given: Any) -> Any:
    """Open the dialog that says what the draft would change and delete."""
    if not clicks:
        return no_update, no_update
    values = dict(zip(FIELDS, given, strict=True))
    for name, (least, most) in RANGES.items():
        value = values[name]
        if not isinstance(value, int) or not least <= value <= most:
            what = threshold_name(name)
            return no_update, _("%(what)s: enter a whole number from %(least)s to %(most)s.",
                                what=what, least=least, most=most)  # fmt: skip
    if not are_thresholds(values):
        return no_update, _("The share from which an administrator decides cannot be below the "
                            "share that is suspicious.")  # fmt: skip
    asked = {"job": SaveThresholds.kind, "with": json.dumps({"thresholds": values}), "n": clicks}
    return asked, None
