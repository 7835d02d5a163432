"""The filters: one control each, named as in the address."""

from collections.abc import Callable, Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.machine_params import STATES as STATES_OF_MACHINES
from dashboard.base.params import BASES, DAY_SCHEMA, FILTERS, STATUSES, TYPES
from dashboard.queries.sites.site_table import Option
from dashboard.words.filter_words import basis_name, state_word, status_word, type_word

CLEAR = "filter-clear"
MACHINE_FIELDS = MACHINE_STATE, MACHINE_SITE, MACHINE_OS = (
    "machines-field-state", "machines-field-site", "machines-field-os",
)  # fmt: skip
"""Of the pages of machines, which are about now and leave the other filters aside; what there is
to choose from, the page says."""

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
    """The bar, and on a phone the sheet, with every filter."""
    fields = html.Div(
        [
            html.Div(
                [
                    html.H2(_("Filters")),
                    html.Button(_("Done"), id="sheet-done", className="button filled"),
                ],
                className="sheet-head",
            ),
            *(make(control_id(name), sites) for name, make in _CONTROLS.items()),
            *_machine_fields(),
            html.Div(
                [
                    html.Button(_("Clear"), id=CLEAR, className="button quiet"),
                    html.Button(html.Span(_("Copy link"), id="copy-text"), id="copy-link",
                                className="button quiet"),
                ],
                className="field-end",
            ),
        ],
        className="fields",
    )  # fmt: skip
    under = html.Div(
        [html.Div(id="chips", className="chips"), html.Div(id="stamp", className="stamp")],
        className="under",
    )
    # What the calendars of the two dates mark, for days.js; the names of choices, for machines.js.
    stores = [dcc.Store(id="days"), dcc.Store(id=MACHINE_NAMES, data={})]
    return html.Section(
        [fields, under, *stores], className="filters", **{"aria-label": _("Filters")}
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
    control = dcc.Dropdown(
        id=name, options=options, value="assets", clearable=False, searchable=False
    )
    return _field(_("Counted"), control)


def _type(name: str, _sites: Sequence[Option]) -> Component:
    options = [(type_word(kind), kind) for kind in TYPES]
    return _field(_("Type"), _choices(name, options, _("All types")))


def _status(name: str, _sites: Sequence[Option]) -> Component:
    options = [(status_word(status), status) for status in STATUSES]
    return _field(_("Status"), _choices(name, options, _("Billable and spare")))


_CONTROLS: dict[str, Callable[[str, Sequence[Option]], Component]] = {
    "site": _site,
    "as_of": _as_of,
    "compare_to": _compare_to,
    "basis": _basis,
    "type": _type,
    "status": _status,
}
"""By parameter, in the order of the bar: makes the labelled control of an id, given the sites."""


def _machine_fields() -> list[Component]:
    states = [(state_word(name), name) for name in STATES_OF_MACHINES]
    fields = [
        (_("State"), _choices(MACHINE_STATE, states, _("All states"))),
        (_("Site it names"), _choices(MACHINE_SITE, [], _("All sites"), searchable=True)),
        (_("Operating system"), _choices(MACHINE_OS, [], _("All systems"), searchable=True)),
    ]
    return [_field(label, control, kind="field machine") for label, control in fields]


def _field(label: str, control: Any, *, kind: str = "field") -> Component:
    return html.Div([html.Label(label, htmlFor=control.id), control], className=kind)


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
