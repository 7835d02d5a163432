"""One machine: what does its agent say now, and how was its last day?"""

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, dcc, html, no_update
from flask_babel import gettext as _

from dashboard.components.kit.card import card, chart_place
from dashboard.components.machines.page import unknown_machine
from dashboard.figures.machine_day import KINDS
from dashboard.queries.machines import hours as machine_day
from dashboard.views import machines as machine_views

dash.register_page(
    __name__,
    path_template="/machines/<machine_id>",
    name="Machine",
    order=6.5,
    exists=machine_day.is_machine,
    charts=True,
    called=machine_day.name_of,
    filters=[],
    own_sites=True,
)


class Ids:
    """The ids of this page."""

    MACHINE, STATE, BODY, HEAD = "machine", "machine-state", "machine-body", "machine-head"
    CLONE, TICK = "machine-clone", "machine-tick"


def layout(machine_id: str = "", **_query: str) -> html.Div:
    """Every card in its place; the callback fills them."""
    words = {"cpu": _("CPU of the last 24 hours"), "memory": _("Memory of the last 24 hours")}
    charts = [
        card(f"machine-{kind}", chart_place(f"machine-{kind}-chart", 220, words[kind], _("Hour")))
        for kind in KINDS
    ]
    body = [
        dbc.Card(id=Ids.HEAD, body=True, class_name="title-card"),
        html.Div(id=Ids.CLONE),
        html.Div(charts, className="machine-days"),
    ]
    return html.Div(
        [
            dcc.Store(id=Ids.MACHINE, data=machine_id),
            dcc.Interval(id=Ids.TICK, interval=60_000),
            html.Div(id=Ids.STATE),
            html.Div(body, id=Ids.BODY, className="one-machine"),
        ]
    )


@callback(
    output={
        "state": Output(Ids.STATE, "children"),
        "hidden": Output(Ids.BODY, "hidden"),
        "head": Output(Ids.HEAD, "children"),
        "clone": Output(Ids.CLONE, "children"),
        **{f"{kind}_title": Output(f"machine-{kind}-title", "children") for kind in KINDS},
        **{f"{kind}_about": Output(f"machine-{kind}-subtitle", "children") for kind in KINDS},
        **{kind: Output(f"machine-{kind}-chart-place", "children") for kind in KINDS},
    },
    inputs=[Input("filters", "data"), Input(Ids.TICK, "n_intervals"), State(Ids.MACHINE, "data")],
)
def show(query: str | None, _ticks: int | None, machine_id: str) -> dict[str, Any]:
    """The machine now."""
    with machine_views.view(query) as v:
        parts = machine_views.machine_parts(v, machine_id)
    if parts is None:
        nothing = {"state": unknown_machine(), "hidden": True}
        return dict.fromkeys(machine_views.MACHINE_PARTS, no_update) | nothing
    return parts
