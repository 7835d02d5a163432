"""What did one month count, what can it be billed by, and who closed it?"""

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, dcc, html
from dash.exceptions import PreventUpdate
from flask_babel import gettext as _

from dashboard.base.params import arguments
from dashboard.views.months import bases_of, month_called, month_detail, month_exists
from dashboard.web.context import current, view
from db.months.closings import is_unchanged

dash.register_page(
    __name__,
    path_template="/months/<month>",
    name="Month",
    order=7.5,
    exists=month_exists,
    any_day=True,
    called=month_called,
    filters=["basis", "site", "type", "status"],
    own_sites=True,
)


class Ids:
    """The ids of this page."""

    BASES, HISTORY = "month-bases", "month-history"
    MONTH, BODY, CLOSING = "month-shown", "month-body", "month-closing"
    PROOF, VERIFY, PROVEN = "month-proof", "month-verify", "month-proven"


def layout(month: str = "", **_query: str) -> html.Div:
    """Its place, and the proof that a closed month is what it was."""
    words = html.Div(
        [
            html.H2(_("Is it unchanged since closing?")),
            html.P(_("Devices, counts, billing options and changes are read and hashed again."),
                   className="card-subtitle"),
        ]
    )  # fmt: skip
    proof = [
        words,
        dbc.Button(_("Verify"), id=Ids.VERIFY, color="secondary"),
        html.P(id=Ids.PROVEN, role="status"),
    ]
    return html.Div(
        [
            dcc.Store(id=Ids.MONTH, data=month),
            dcc.Store(id=Ids.CLOSING),
            html.Div(id=Ids.BODY, className="collections"),
            html.Div(id=Ids.BASES, className="month-bases"),
            html.Section(dbc.Card(proof, body=True, class_name="proof"), id=Ids.PROOF, hidden=True),
            html.Div(id=Ids.HISTORY),
        ],
        className="collections",
    )


@callback(
    Output(Ids.BODY, "children"),
    Output(Ids.HISTORY, "children"),
    Output(Ids.CLOSING, "data"),
    Output(Ids.PROOF, "hidden"),
    Output(Ids.PROVEN, "children"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    Input("settled", "data"),
    Input(Ids.MONTH, "data"),
)
def show(query: str | None, _snapshot: object, _settled: object, month: str) -> tuple[Any, ...]:
    """Everything of the month; the proof only of a closed one."""
    with view(query, own_sites=True) as v:
        body, history, closing = month_detail(v, month)
        # The hash is that of all sites.
        unproven = closing is None or v.actor.sites is not None
    return body, history, closing, unproven, None


# Apart from the rest: to know each device's days costs more than all of that.
@callback(
    Output(Ids.BASES, "children"),
    Input("filters", "data"),
    Input("snapshot", "data"),
    Input("settled", "data"),
    Input(Ids.MONTH, "data"),
)
def show_bases(query: str | None, _snapshot: object, _settled: object, month: str) -> Any:
    """What changed since it was closed, what it can be billed by, and who makes the difference."""
    chosen = arguments(query)
    with view(query, own_sites=True) as v:
        return bases_of(v, month, chosen.get("present"), chosen.get("since"))


@callback(
    Output(Ids.PROVEN, "children", allow_duplicate=True),
    Input(Ids.VERIFY, "n_clicks"),
    State(Ids.CLOSING, "data"),
    prevent_initial_call=True,
)
def verify(clicks: int | None, closing: int | None) -> str:
    """Whether the closing's rows still give its hash."""
    if not clicks or closing is None:
        raise PreventUpdate
    with current().reading() as connection:
        unchanged = is_unchanged(connection, closing)
    if unchanged is None:
        return _("Its list of devices is no longer kept; its counts and hash are.")
    return (
        _("Yes: the hash is the same.")
        if unchanged
        else _("No: the rows differ from those that were closed.")
    )
