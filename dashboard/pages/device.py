"""One device: what is it, why is it counted so, and what happened to it?"""

import json
from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Input, Output, State, callback, dcc, html, no_update
from flask_babel import gettext as _

from dashboard.components.devices import page as device_page
from dashboard.components.devices.page import PARTS, Answers
from dashboard.components.devices.payload_tree import payload_tree
from dashboard.components.kit.card import card, place
from dashboard.queries import quarantine
from dashboard.queries.devices import asset as machine
from dashboard.queries.devices import device_decisions as touched
from dashboard.queries.devices import history
from dashboard.queries.devices.history import Device, Stretch
from dashboard.views.list_page import in_browser
from dashboard.web.context import View, view

dash.register_page(
    __name__,
    path_template="/devices/<device_id>",
    name="Device",
    exists=history.is_known,
    any_day=True,
    called=history.name_of,
    filters=["as_of"],
    own_sites=True,
)


class Ids:
    """The ids of this page."""

    DEVICE, STATE, BODY, HEAD = "device", "device-state", "device-body", "device-head"
    WHY, TIMELINE, MACHINE = "device-why", "device-timeline", "device-machine"
    EVIDENCE, PAYLOAD, TREE = "device-evidence", "device-payload", "device-tree"
    ACTS, DECIDED = "device-acts", "device-decided"
    VERSION, TEXT, COPY = "device-version", "device-text", "device-copy"


def layout(device_id: str = "", **_query: str) -> html.Div:
    """Every card in its place; the callbacks fill them."""
    copy = dbc.Button(_("Copy"), id=Ids.COPY, color="link")
    version = dbc.Select(id=Ids.VERSION, options=[], class_name="version")
    which = html.Label(_("Version"), htmlFor=Ids.VERSION, className="visually-hidden")
    machine_body = [
        place(f"{Ids.MACHINE}-table", 420),
        html.Div(id=Ids.EVIDENCE),
        html.Div(id=Ids.ACTS),
    ]
    beside = [
        card(
            Ids.WHY,
            place(f"{Ids.WHY}-said", 110),
            title=_("Why it counts"),
            subtitle=_("Each result with its reason"),
        ),
        card(Ids.MACHINE, machine_body, subtitle=_("Side by side; what differs is marked")),
        card(
            Ids.DECIDED,
            place(f"{Ids.DECIDED}-rows", 60),
            title=_("What was decided"),
            subtitle=_("Decisions that touched this device, the newest first"),
        ),
    ]
    happened = [
        card(Ids.TIMELINE, place(f"{Ids.TIMELINE}-rows", 320), subtitle=_("Newest first")),
        card(
            Ids.PAYLOAD,
            [html.Div(id=Ids.TREE), dcc.Store(id=Ids.TEXT)],
            title=_("Data from its source"),
            subtitle=_("The whole record as collected"),
            actions=[which, version, copy],
        ),
    ]
    body = [
        dbc.Card(id=Ids.HEAD, body=True, class_name="title-card"),
        html.Div(happened, className="column"),
        html.Div(beside, className="column beside"),
    ]
    return html.Div(
        [
            dcc.Store(id=Ids.DEVICE, data=device_id),
            html.Div(id=Ids.STATE),
            html.Div(body, id=Ids.BODY, className="one-device"),
        ]
    )


@callback(
    output={
        "state": Output(Ids.STATE, "children"),
        "hidden": Output(Ids.BODY, "hidden"),
        "head": Output(Ids.HEAD, "children"),
        "why": Output(f"{Ids.WHY}-said", "children"),
        "timeline_title": Output(f"{Ids.TIMELINE}-title", "children"),
        "timeline": Output(f"{Ids.TIMELINE}-rows", "children"),
        "machine_title": Output(f"{Ids.MACHINE}-title", "children"),
        "machine": Output(f"{Ids.MACHINE}-table", "children"),
        "evidence": Output(Ids.EVIDENCE, "children"),
        "acts": Output(Ids.ACTS, "children"),
        "decided": Output(f"{Ids.DECIDED}-rows", "children"),
        "versions": Output(Ids.VERSION, "options"),
        "version": Output(Ids.VERSION, "value"),
    },
    inputs=[
        Input("filters", "data"),
        Input("snapshot", "data"),
        Input("settled", "data"),
        State(Ids.DEVICE, "data"),
    ],
)
def show(
    query: str | None, _snapshot: object, _settled: object, device_id: str | None
) -> dict[str, Any]:
    """The device on the shown day, and its whole history."""
    with view(query, own_sites=True) as v:
        device = history.find(v.connection, device_id)
        stretches = history.stretches(v.connection, device, v.moment.kept) if device else []
        if device is None or not stretches:
            nothing = {"state": device_page.unknown(), "hidden": True}
            return dict.fromkeys(PARTS, no_update) | nothing
        return device_page.parts(_answers(v, device, stretches))


def _answers(v: View, device: Device, stretches: list[Stretch]) -> Answers:
    # Decisions and other records of the machine may name other sites.
    sees_all = v.actor.sites is None
    day = v.moment.now.day
    nearest = device_page.nearest(stretches, day)
    records = machine.records(v.connection, v.moment, nearest.state["asset_id"])
    links = machine.links(
        v.connection, {device.device_id, *(stretch.device_id for stretch in records)}
    )
    ends = {end for link in links for end in (link.device_id, link.other_device_id)}
    standing = v.moment.now.snapshots.get(device.source)
    return Answers(
        device,
        stretches,
        history.stretch_on(stretches, day),
        nearest,
        records,
        links,
        machine.device_labels(v.connection, ends),
        v.moment,
        v.filters,
        v.actor,
        v.now,
        None
        if standing is None or not sees_all
        else quarantine.quarantine_reason(v.connection, standing.run_id, device.device_id),
        touched.device_decisions(v.connection, device.device_id) if sees_all else [],
        touched.replacements(
            v.connection, device, {stretch.state["asset_id"] for stretch in stretches}
        )
        if sees_all
        else touched.Replacements(None, None),
    )


@callback(
    Output(Ids.TREE, "children"),
    Output(Ids.TEXT, "data"),
    Input(Ids.VERSION, "value"),
    State("filters", "data"),
    State(Ids.DEVICE, "data"),
)
def show_payload(version: str | None, query: str | None, device_id: str | None) -> Any:
    """The payload of the stretch that is chosen."""
    with view(query, own_sites=True) as v:
        device = history.find(v.connection, device_id)
        stretches = history.stretches(v.connection, device, v.moment.kept) if device else []
        chosen = next(
            (stretch for stretch in stretches if stretch.valid_from.isoformat() == version), None
        )
        if device is None or chosen is None:
            return no_update, no_update
        payload, hourly = history.payload(v.connection, device, chosen)
    text = json.dumps(payload | hourly, indent=2, ensure_ascii=False)
    return payload_tree(payload, hourly), text


in_browser(
    "pages.copy",
    Output(Ids.COPY, "title"),
    Input(Ids.COPY, "n_clicks"),
    State(Ids.TEXT, "data"),
)
