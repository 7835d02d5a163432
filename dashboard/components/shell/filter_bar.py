"""The filters: one control each, named as in the address."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component
from flask_babel import gettext as _

from dashboard.base.machine_params import STATES as STATES_OF_MACHINES
from dashboard.base.params import BASES, FILTERS, STATUSES, TYPES
from dashboard.components.kit.drawn import drawn_list
from dashboard.components.kit.fields import VALUE, choices_field, day_field
from dashboard.queries.sites.site_table import Option
from dashboard.words.filter_words import (
    basis_name,
    filter_name,
    state_word,
    status_word,
    type_word,
)
from dashboard.words.machine_words import named, named_system

MACHINE_FIELDS = MACHINE_STATE, MACHINE_SITE, MACHINE_OS = (
    "machines-field-state", "machines-field-site", "machines-field-os",
)  # fmt: skip
"""Of the pages of machines, which are about now and leave the other filters aside; mounted while
such a page is open."""

MACHINE_PLACE = "machine-fields"
"""Their place in the bar."""
MACHINES_OPEN = "machines-open"
"""The store that says whether the list of machines is open: only then its fields are asked for."""


def control_id(name: str) -> str:
    """The id of the control of the filter `name`; assets/js/shell.js reads the name from it."""
    return f"filter-{name.replace('_', '-')}"


def controls() -> list[tuple[str, str]]:
    """The id of each control, and the property that holds its value."""
    one = {each.name for each in FILTERS if each.choices and not each.repeat}
    return [(control_id(name), "value" if name in one else VALUE) for name in _CONTROLS]


def choice_ids() -> list[str]:
    """The ids of the controls that offer several choices, in `OPTIONS`."""
    several = {each.name for each in FILTERS if each.repeat}
    return [control_id(name) for name in _CONTROLS if name in several]


def filter_bar(sites: Sequence[Option], chips: Any, stamp: str) -> Component:
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
    # What a printed page is called; pages.js writes it.
    called = html.Div(id="print-head", className="print-head")
    under = html.Div(
        [
            called,
            html.Div(chips, id="chips", className="chips"),
            html.Div(stamp, id="stamp", className="stamp"),
        ],
        className="under",
    )
    # What the calendars of the two dates mark, for fields.js.
    return html.Section(
        [sheet, under, dcc.Store(id="days"), dcc.Store(id=MACHINES_OPEN)],
        className="filters",
        **{"aria-label": _("Filters")},
    )


def _site(name: str, sites: Sequence[Option]) -> Component:
    options = [(site.name, site.site_id) for site in sites]
    return choices_field(
        name, filter_name("site"), options, _("All sites"), searchable=True, kind="field wide"
    )


def _as_of(name: str, _sites: Sequence[Option]) -> Component:
    return day_field(name, filter_name("as_of"), _("Today"))


def _compare_to(name: str, _sites: Sequence[Option]) -> Component:
    return day_field(name, filter_name("compare_to"), _("Last month-end"))


def _basis(name: str, _sites: Sequence[Option]) -> Component:
    options = [{"label": basis_name(basis), "value": basis} for basis in BASES]
    return html.Div(
        [
            dbc.Label(filter_name("basis"), html_for=name),
            dbc.Select(id=name, options=options, value="assets"),
        ],
        className="field",
    )


def _type(name: str, _sites: Sequence[Option]) -> Component:
    options = [(type_word(kind), kind) for kind in TYPES]
    return choices_field(
        name, filter_name("type"), options, _("All types"), everything=_("All types")
    )


def _status(name: str, _sites: Sequence[Option]) -> Component:
    options = [(status_word(status), status) for status in STATUSES]
    return choices_field(
        name, filter_name("status"), options, _("Billable"), everything=_("All statuses")
    )


_CONTROLS: dict[str, Callable[[str, Sequence[Option]], Component]] = {
    "site": _site,
    "as_of": _as_of,
    "compare_to": _compare_to,
    "basis": _basis,
    "type": _type,
    "status": _status,
}
"""By parameter, in the order of the bar: makes the labelled control of an id, given the sites."""


def machine_options(field: str, names: Sequence[str]) -> list[tuple[str, object]]:
    """Label and value of each choice of a field that has names."""
    word = named_system if field == MACHINE_OS else named
    return [(word(name), name) for name in names]


def machine_fields(choices: Mapping[str, Sequence[str]]) -> list[Component]:
    """The fields of the page of machines.

    Args:
        choices: the names to choose from in each field that has names, by its id.
    """
    states = [(state_word(name), name) for name in STATES_OF_MACHINES]
    kind = "field machine"
    return [
        choices_field(MACHINE_STATE, _("State"), states, _("All states"), kind=kind),
        *(
            choices_field(
                field, label, machine_options(field, choices[field]), nothing,
                searchable=True, kind=kind,
            )
            for field, label, nothing in (
                (MACHINE_SITE, _("Reported site"), _("All sites")),
                (MACHINE_OS, _("Operating system"), _("All systems")),
            )
        ),
    ]  # fmt: skip
