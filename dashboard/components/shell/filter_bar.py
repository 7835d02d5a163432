"""The filters: one control each, named as in the address."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.machine_params import STATES as STATES_OF_MACHINES
from dashboard.base.params import BASES, DAY_SCHEMA, FILTERS, STATUSES, TYPES
from dashboard.components.kit.drawn import drawn_list
from dashboard.queries.sites.site_table import Option
from dashboard.words.filter_words import basis_name, state_word, status_word, type_word

MACHINE_FIELDS = MACHINE_STATE, MACHINE_SITE, MACHINE_OS = (
    "machines-field-state", "machines-field-site", "machines-field-os",
)  # fmt: skip
"""Of the pages of machines, which are about now and leave the other filters aside; mounted while
such a page is open."""

MACHINE_PLACE = "machine-fields"
"""Their place in the bar."""

MACHINE_NAMES = "machines-names"
"""The names behind the choices of these fields."""

LONGEST = 80
"""Characters of a name that a choice shows."""


def control_id(name: str) -> str:
    """The id of the control of the filter `name`; assets/js/shell.js reads the name from it."""
    return f"filter-{name.replace('_', '-')}"


def controls() -> list[tuple[str, str]]:
    """The id of each control, and the property that holds its value."""
    days = {each.name for each in FILTERS if each.schema is DAY_SCHEMA}
    return [(control_id(name), "date" if name in days else "value") for name in _CONTROLS]


def filter_bar(sites: Sequence[Option]) -> Component:
    """The bar with every filter. On a phone it is a sheet that "Filters" opens: there a callback
    needs every control too, so it is Bootstrap's responsive offcanvas and not a component that
    mounts its content when it opens."""
    head = html.Header(
        [
            html.H2(_("Filters"), id="sheet-title"),
            html.Button(_("Done"), id="sheet-done", className="btn btn-primary", type="button",
                        **{"data-shell": "sheet"}),
        ],
        className="offcanvas-header",
    )  # fmt: skip
    buttons = [
        html.Button(
            _("Clear"),
            id="filter-clear",
            className="btn btn-link",
            type="button",
            **{"data-shell": "clear"},
        ),
        html.Button(
            _("Copy link"),
            id="copy-link",
            className="btn btn-link",
            type="button",
            **{"data-shell": "copy"},
        ),
    ]
    fields = html.Div(
        [
            *(make(control_id(name), sites) for name, make in _CONTROLS.items()),
            html.Div(id=MACHINE_PLACE, className="machine-fields"),
            drawn_list([html.Div(buttons, className="field-end")]),
        ],
        className="offcanvas-body fields",
    )
    sheet = html.Div(
        [drawn_list([head]), fields],
        id="sheet",
        className="offcanvas-md offcanvas-bottom",
        tabIndex=-1,
        **{"aria-labelledby": "sheet-title"},
    )
    under = html.Div(
        [html.Div(id="chips", className="chips"), html.Div(id="stamp", className="stamp")],
        className="under",
    )
    # What the calendars of the two dates mark, for days.js.
    return html.Section(
        [sheet, under, dcc.Store(id="days")], className="filters", **{"aria-label": _("Filters")}
    )


def _site(name: str, sites: Sequence[Option]) -> Component:
    options = [(site.name, site.site_id) for site in sites]
    control = _choices(name, options, _("All sites"), searchable=True)
    return _field(_("Sites"), control, kind="field wide")


def _as_of(name: str, _sites: Sequence[Option]) -> Component:
    return _field(_("As of"), _date(name, _("Today")))


def _compare_to(name: str, _sites: Sequence[Option]) -> Component:
    return _field(_("Compare to"), _date(name, _("Last month-end")))


def _basis(name: str, _sites: Sequence[Option]) -> Component:
    options = [{"label": basis_name(basis), "value": basis} for basis in BASES]
    return _field(_("Counted"), dbc.Select(id=name, options=options, value="assets"))


def _type(name: str, _sites: Sequence[Option]) -> Component:
    options = [(type_word(kind), kind) for kind in TYPES]
    return _field(_("Type"), _choices(name, options, _("All types")))


def _status(name: str, _sites: Sequence[Option]) -> Component:
    options = [(status_word(status), status) for status in STATUSES]
    return _field(_("Status"), _choices(name, options, _("Billable")))


_CONTROLS: dict[str, Callable[[str, Sequence[Option]], Component]] = {
    "site": _site,
    "as_of": _as_of,
    "compare_to": _compare_to,
    "basis": _basis,
    "type": _type,
    "status": _status,
}
"""By parameter, in the order of the bar: makes the labelled control of an id, given the sites."""


def machine_fields(choices: Mapping[str, Mapping[str, Any]]) -> list[Component]:
    """The fields of the page of machines, and the store of the names behind their choices.

    Args:
        choices: the properties of fields and store by id, as machines.js and the page replace them.
    """
    states = [(state_word(name), name) for name in STATES_OF_MACHINES]
    parts = {
        MACHINE_STATE: _choices(MACHINE_STATE, states, _("All states")),
        MACHINE_SITE: _choices(MACHINE_SITE, [], _("All sites"), searchable=True),
        MACHINE_OS: _choices(MACHINE_OS, [], _("All systems"), searchable=True),
        MACHINE_NAMES: dcc.Store(id=MACHINE_NAMES),
    }
    for part, properties in choices.items():
        for name, value in properties.items():
            setattr(parts[part], name, value)
    return [
        _field(_("State"), parts[MACHINE_STATE], kind="field machine"),
        _field(_("Site it names"), parts[MACHINE_SITE], kind="field machine"),
        _field(_("Operating system"), parts[MACHINE_OS], kind="field machine"),
        parts[MACHINE_NAMES],
    ]


def _field(label: str, control: Any, *, kind: str = "field") -> Component:
    return html.Div([dbc.Label(label, html_for=control.id), control], className=kind)


def _choices(
    name: str, options: list[tuple[str, object]], nothing: str, *, searchable: bool = False
) -> Component:
    return dcc.Dropdown(
        id=name,
        options=[option(label, value) for label, value in options],
        value=[],
        multi=True,
        placeholder=nothing,
        searchable=searchable,
        closeOnSelect=False,
    )


def option(label: str, value: object) -> dict[str, Any]:
    """A choice whose label is no plain string: Dash's dropdown indexes every substring of those,
    which takes minutes for a long name, and by a table in which "__proto__" breaks the page."""
    short = label if len(label) <= LONGEST else label[: LONGEST - 1] + "\u2026"
    search = short.replace("__proto__", "proto")
    return {"label": html.Span(short), "value": value, "search": search}


def _date(name: str, nothing: str) -> Component:
    return dcc.DatePickerSingle(
        id=name, placeholder=nothing, display_format="D MMM YYYY", clearable=True,
        first_day_of_week=1,
    )  # fmt: skip
