"""The callbacks of the shell: the address is the state, and the strip shows what is wrong."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard.addresses import counts_devices, refusal_at, status_of
from dashboard.base import formats
from dashboard.base.params import BadParameter, arguments
from dashboard.components.coverage.page import WHY
from dashboard.components.kit.fields import OPTIONS, VALUE
from dashboard.components.kit.why_button import BODY, REQUEST
from dashboard.components.machines.tiles import MACHINES
from dashboard.components.shell.chips import chips
from dashboard.components.shell.day_marks import marks_data
from dashboard.components.shell.filter_bar import (
    MACHINE_FIELDS,
    MACHINE_PLACE,
    MACHINES_OPEN,
    choice_ids,
    controls,
)
from dashboard.components.shell.frame import ADDRESS, Status
from dashboard.components.shell.strip import ingest_open, refused, stamp, strip, too_early
from dashboard.components.why.body import why_body
from dashboard.components.why.month import MONTH
from dashboard.queries import collection_days, freshness, quarantine
from dashboard.queries.changes.bars import first_day
from dashboard.queries.explain import figure as why
from dashboard.queries.names import site_names
from dashboard.views import machines as machine_views
from dashboard.views import settings as settings_views
from dashboard.views.coverage import why_coverage
from dashboard.views.months import explain_month
from dashboard.web.context import current, current_actor, view


def register_callbacks(app: Dash) -> None:
    """Register the callbacks of the shell."""
    app.clientside_callback(
        ClientsideFunction("shell", "sync_filters"),
        Output("filters", "data"),
        *(Output(name, value) for name, value in controls()),
        Input("moved", "data"),
        *(Input(name, value) for name, value in controls()),
        *(State(name, OPTIONS) for name in choice_ids()),
    )
    app.clientside_callback(
        ClientsideFunction("shell", "search"),
        Output("moved", "data"),
        Input("search-text", "n_submit"),
        State("search-text", "value"),
        prevent_initial_call=True,
    )
    app.callback(
        Output("snapshot", "data"),
        Input("poll", "n_intervals"),
        State("snapshot", "data"),
        prevent_initial_call=True,
    )(poll)
    app.callback(
        Output("days", "data"),
        Input("snapshot", "data"),
        Input("settled", "data"),
    )(day_marks)
    app.clientside_callback(
        ClientsideFunction("shell", "days"),
        Output("days", "storage_type"),
        Input("days", "data"),
    )
    app.callback(
        Output(MACHINE_PLACE, "children"), Input(MACHINES_OPEN, "data"), prevent_initial_call=True
    )(own_fields)
    app.clientside_callback(
        ClientsideFunction("machines", "sync_fields"),
        *(Output(name, VALUE) for name in MACHINE_FIELDS),
        Input("filters", "data"),
        *(Input(name, VALUE) for name in MACHINE_FIELDS),
        *(Input(name, OPTIONS) for name in MACHINE_FIELDS),
    )
    app.callback(
        Output("strip", "children"),
        Output("chips", "children"),
        Output("stamp", "children"),
        Output("page", "hidden"),
        Input("filters", "data"),
        Input("snapshot", "data"),
        Input("settled", "data"),
        State(ADDRESS, "pathname"),
    )(show_status)
    app.callback(Output("pending", "data"), Input("snapshot", "data"), Input("settled", "data"))(
        pending
    )
    app.clientside_callback(ClientsideFunction("shell", "pending"), Input("pending", "data"))
    app.callback(Output(BODY, "children"), Input(REQUEST, "data"), prevent_initial_call=True)(
        explain
    )


def own_fields(machines_open: bool) -> Any:
    """The fields that only the page of machines has; the others mount none."""
    return machine_views.fields() if machines_open else []


def pending(_version: str | None, _settled: str | None) -> str:
    """The number of pending decisions as the links to the settings show it; empty for none."""
    if current_actor().sites is not None:
        return ""
    with current().reading() as connection:
        count = settings_views.count(connection)
    return formats.number(count) if count else ""


def explain(request: dict[str, Any] | None) -> Any:
    """The content of the drawer about one figure."""
    if not request or request["figure"] not in (*why.FIGURES, MONTH, MACHINES, WHY):
        return no_update
    if request["figure"] == MACHINES:
        return machine_views.explain(request["query"])
    with view(request["query"], own_sites=True) as v:
        if request["figure"] == MONTH:
            return explain_month(v, arguments(request["query"]).get(MONTH))
        if request["figure"] == WHY:
            return why_coverage(v)
        return why_body(why.explain(v.connection, v.moment, v.filters, request["figure"]))


def poll(_ticks: int | None, displayed_version: str | None) -> Any:
    """The version of the newest snapshot, when the page shows another."""
    here = current()
    with here.reading(own_sites=True) as connection:
        version = freshness.freshness(connection, here.clock()).version
    return no_update if version == displayed_version else version


def day_marks(_version: str | None, _settled: str | None) -> dict[str, Any]:
    """The state of each day, for the calendars of the date pickers."""
    here = current()
    with here.reading(own_sites=True) as connection:
        marks = collection_days.day_marks(connection, here.today())
    return marks_data(marks)


def show_status(
    query: str | None, _version: str | None, _settled: object, path: str | None
) -> Status:
    """Strip, chips and stamp, and whether to hide the page: an address that cannot be used has no
    figures."""
    here = path or "/"
    if refusal_at(here, current_actor()) is not None:
        return Status("", [], "", hidden=False)
    opened = [ingest_open()] if current().ingest_open else []
    try:
        if status := status_of(here):
            own_strip, own_chips, own_stamp = status(query, here, opened)
            return Status(own_strip, own_chips, own_stamp, hidden=False)
        with view(query, here, own_sites=True) as v:
            fresh = freshness.freshness(v.connection, v.now)
            called = site_names(v.connection, v.filters.sites)
            sees_all = v.actor.sites is None
            aside = quarantine.quarantined_rows(v.connection) if sees_all else []
            chosen = v.filters
            if frozenset(chosen.sites) == v.actor.sites:
                chosen = chosen.having(sites=())  # Nobody chose them.
            if (
                v.moment.newest is not None
                and counts_devices(here)
                and not v.moment.now.has_data(v.filters.basis)
            ):
                first = first_day(v.connection, v.filters.basis)
                words = chips(chosen, called, here)
                return Status(too_early(v.filters, v.moment, first, here), words, "", True)
    except BadParameter as bad:
        return Status(refused(bad, here), [], "", True)
    notices = [*opened, *fresh.problems, *v.moment.notices]
    return Status(strip(notices, aside), chips(chosen, called, here), stamp(v.moment, fresh), False)
