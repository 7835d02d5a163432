"""The shell's callbacks around the picker: open, search, close."""

import json
from typing import Any

from dash import Dash, Input, Output, ctx, no_update
from dash.exceptions import PreventUpdate
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Connection

from dashboard.base import formats
from dashboard.base.params import SEARCH_LENGTH, Filters
from dashboard.base.settings_params import SiteFilters
from dashboard.components.ask.picker import SITES, Choice, choices
from dashboard.components.kit.typed import tell_typed, typed_id
from dashboard.queries.devices import matching as devices
from dashboard.queries.moment import Moment
from dashboard.queries.sites import directory as site_list
from dashboard.web import asking
from dashboard.web.context import view
from db import jobs
from db.sources import source_label

MOST = 12


def register_picking(app: Dash) -> None:
    """Add the callbacks of the picker to `app`."""
    app.callback(
        Output("picker", "is_open"),
        Output("picker-title", "children"),
        Output("picker-text", "value"),
        Output(typed_id("picker-text"), "data"),
        Input("picking", "data"),
        Input("picker-cancel", "n_clicks"),
        Input("decision", "is_open"),
        prevent_initial_call=True,
    )(choose)
    app.callback(
        Output("picker-found", "children"),
        Input("picking", "data"),
        Input(typed_id("picker-text"), "data"),
        prevent_initial_call=True,
    )(found)
    tell_typed(app.clientside_callback, "picker-text")


def choose(picking: dict[str, Any] | None, _cancel: Any, decided: bool | None) -> Any:
    """A button that chooses was pressed; or what was chosen is decided about."""
    if ctx.triggered_id == "picking" and picking:
        return True, _titles().get(str(picking.get("job")), _("Choose")), "", ""
    if ctx.triggered_id == "decision" and not decided:
        raise PreventUpdate
    return False, no_update, no_update, no_update


def _titles() -> dict[str, str]:
    return {
        jobs.MERGE_SITES: _("Merge into which site?"),
        jobs.MOVE_ALIAS: _("Move to which site?"),
        jobs.LINK_DEVICES: _("The same machine as which record?"),
    }


def found(picking: dict[str, Any] | None, text: str | None) -> Any:
    """What is called so."""
    if not picking or not asking.may(str(picking["job"])):
        return None
    arguments = json.loads(picking["with"])
    wanted = (text or "").strip()[:SEARCH_LENGTH]
    with view("") as v:
        if picking["what"] == SITES:
            offered, count = _sites(v.connection, wanted, arguments)
        else:
            offered, count = _devices(v.connection, v.moment, wanted, arguments)
    more = max(count - MOST, 0)
    return choices(str(picking["job"]), arguments, str(picking["field"]), offered, more)


def _sites(
    connection: Connection, text: str, arguments: dict[str, Any]
) -> tuple[list[Choice], int]:
    rows = [
        one
        for one in site_list.sites(connection, SiteFilters(text or None))
        if one.merged_into is None and one.site_id != arguments.get("site_id")
    ]
    offered: list[Choice] = [(one.site_id, one.name, _about_site(one)) for one in rows[:MOST]]
    if "alias_key" in arguments and not text:
        offered.append((None, _("A new site of its own"), None))
    return offered, len(rows)


def _about_site(one: site_list.Row) -> str:
    words = ngettext("%(n)s record", "%(n)s records", one.records, n=formats.number(one.records))
    names = ", ".join(sorted({source_label(alias.source) for alias in one.aliases}))
    return " \u00b7 ".join(part for part in (words, names) if part)


def _devices(
    connection: Connection, moment: Moment, text: str, arguments: dict[str, Any]
) -> tuple[list[Choice], int]:
    statuses = ("billable", "spare", "excluded")
    filters = Filters(basis="records", statuses=statuses, q=text or None)
    if not text:
        return [], 0
    rows = devices.page(connection, moment, filters, limit=MOST + 1)
    mine = str(arguments.get("device_id"))
    offered: list[Choice] = []
    offered += [
        (int(row["device_id"]), row["hostname"] or row["display_name"] or row["source_key"],
         _about_device(row))
        for row in rows
        if row["device_id"] != mine
    ][:MOST]  # fmt: skip
    return offered, devices.count(connection, moment, filters)


def _about_device(row: dict[str, Any]) -> str:
    said = (source_label(row["source"]), row["site"], row["display_name"], row["serial"])
    return " \u00b7 ".join(part for part in said if part)
