"""The callbacks of the picker, on every page: open, search, close."""

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
from dashboard.queries.devices import device_list
from dashboard.queries.moment import Moment
from dashboard.queries.own_sites import within
from dashboard.queries.sites import directory as site_list
from dashboard.web.context import current_actor, view
from db.decisions import KINDS, LinkDevices, MergeSites, MoveAlias
from db.sources import source_label

MAX_RESULTS = 12


def register_picking(app: Dash) -> None:
    """Add the callbacks of the picker to `app`."""
    app.callback(
        Output("picker", "is_open"),
        Output("picker-title", "children"),
        Output("picker-text", "value"),
        Input("picking", "data"),
        Input("picker-cancel", "n_clicks"),
        Input("decision", "is_open"),
        prevent_initial_call=True,
    )(open_or_close)
    app.callback(
        Output("picker-found", "children"),
        Input("picking", "data"),
        Input("picker-text", "value"),
        prevent_initial_call=True,
    )(search)


def open_or_close(
    picking: dict[str, Any] | None, _cancel: int | None, dialog_open: bool | None
) -> Any:
    """Open the picker for the button that was pressed; close it when the dialog opens."""
    if ctx.triggered_id == "picking" and picking:
        return True, _titles().get(str(picking.get("job")), _("Choose")), ""
    if ctx.triggered_id == "decision" and not dialog_open:
        raise PreventUpdate
    return False, no_update, no_update


def _titles() -> dict[str, str]:
    return {
        MergeSites.kind: _("Merge into which site?"),
        MoveAlias.kind: _("Move to which site?"),
        LinkDevices.kind: _("The same machine as which record?"),
    }


def search(picking: dict[str, Any] | None, text: str | None) -> Any:
    """The sites or devices whose name holds the text."""
    if not picking:
        return None
    decision = KINDS[str(picking["job"])]
    if not current_actor().may_start(decision):
        return None
    arguments = json.loads(picking["with"])
    text = (text or "").strip()[:SEARCH_LENGTH]
    with view("", own_sites=True) as v:
        if picking["what"] == SITES:
            results, count = _sites(v.connection, text, arguments)
        else:
            results, count = _devices(v.connection, v.moment, text, arguments)
    more = max(count - MAX_RESULTS, 0)
    return choices(decision, arguments, str(picking["field"]), results, more, current_actor())


def _sites(
    connection: Connection, text: str, arguments: dict[str, Any]
) -> tuple[list[Choice], int]:
    rows = [
        site
        for site in site_list.list_sites(connection, SiteFilters(text or None))
        if site.merged_into is None and site.site_id != arguments.get("site_id")
    ]
    results: list[Choice] = [
        (site.site_id, site.name, _about_site(site)) for site in rows[:MAX_RESULTS]
    ]
    if "alias_key" in arguments and not text:
        results.append((None, _("A separate site"), None))
    return results, len(rows)


def _about_site(site: site_list.SiteEntry) -> str:
    words = ngettext("%(n)s record", "%(n)s records", site.records, n=formats.number(site.records))
    names = ", ".join(sorted({source_label(alias.source) for alias in site.aliases}))
    return " \u00b7 ".join(part for part in (words, names) if part)


def _devices(
    connection: Connection, moment: Moment, text: str, arguments: dict[str, Any]
) -> tuple[list[Choice], int]:
    statuses = ("billable", "spare", "excluded")
    every = Filters(basis="records", statuses=statuses, q=text or None)
    filters = within(every, current_actor().sites)
    if not text:
        return [], 0
    rows = device_list.page(connection, moment, filters, limit=MAX_RESULTS + 1)
    mine = str(arguments.get("device_id"))
    results: list[Choice] = []
    results += [
        (
            int(row["device_id"]),
            row["hostname"] or row["display_name"] or row["source_key"],
            _about_device(row),
        )
        for row in rows
        if row["device_id"] != mine
    ][:MAX_RESULTS]
    return results, device_list.count(connection, moment, filters)


def _about_device(row: dict[str, Any]) -> str:
    parts = (source_label(row["source"]), row["site"], row["display_name"], row["serial"])
    return " \u00b7 ".join(part for part in parts if part)
