"""Buttons for decisions about one device, and the decisions already made."""

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.access import Actor
from dashboard.base.params import Filters
from dashboard.components.ask.dialog import ask_button
from dashboard.components.ask.picker import DEVICES, choose_button
from dashboard.components.kit import links
from dashboard.components.kit.drawn import drawn
from dashboard.components.settings.audit import entries
from dashboard.queries.audit.audit_log import Entry
from dashboard.queries.devices.asset import Record
from dashboard.queries.devices.device_decisions import Replacements
from dashboard.queries.devices.history import Device
from db.decisions import LinkDevices, SplitDevice


def device_acts(device: Device, records: Sequence[Record], actor: Actor, *, now: bool) -> Component:
    """The buttons under the records of a machine; none on a past day."""
    this = {"device_id": device.device_id}
    buttons: list[Component] = []
    if now and any(record.device_id == device.device_id for record in records):
        if len(records) > 1:
            buttons.append(ask_button(SplitDevice, this, _("Not the same machine"), actor=actor))
        words = _("Link with another device\u2026")
        buttons.append(
            choose_button(LinkDevices, this, "other_device_id", DEVICES, words, actor=actor)
        )
    return drawn(html.Div(buttons, className="acts machine-acts"))


def decision_entries(decisions: Sequence[Entry], actor: Actor) -> Component:
    """The decisions about the device, each with its undo button."""
    if not decisions:
        return html.P(_("Nobody has decided anything about this device."), className="note")
    return entries(decisions, actor)


def replaced_lines(replacements: Replacements, filters: Filters) -> list[Component]:
    """A line for each record that this one replaced or that replaced it."""
    lines = []
    if replacements.before is not None:
        link = dcc.Link(
            replacements.before.name, href=links.device(filters, replacements.before.device_id)
        )
        day = formats.day(replacements.before.day)
        lines.append([html.Strong(_("Replaces ")), link, _(", since %(day)s", day=day)])
    if replacements.after is not None:
        link = dcc.Link(
            replacements.after.name, href=links.device(filters, replacements.after.device_id)
        )
        day = formats.day(replacements.after.day)
        lines.append([html.Strong(_("Replaced by ")), link, _(", since %(day)s", day=day)])
    about = _(". The same machine, enrolled again: it counts as one, without a gap.")
    return [html.P([*line, html.Span(about, className="muted")], className="title-about")
            for line in lines]  # fmt: skip
