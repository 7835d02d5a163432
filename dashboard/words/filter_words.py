"""Labels of the values of filters."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.i18n import translate
from dashboard.base.machine_params import ADDED_BY_HAND
from dashboard.base.params import FILTERS, NO_LOCATION, STATUSES, Filters
from dashboard.words.coverage_words import finding_change, finding_state, kind_name
from dashboard.words.sentences import bar_word
from db.sources import source_label, source_names


def type_word(device_type: str) -> str:
    """The label of a device type."""
    return {
        "server": _("Server"),
        "workstation": _("Workstation"),
        "vm_guest": _("VM guest"),
        "network": _("Network"),
        "mobile": _("Mobile"),
        "other": _("Other"),
        "unknown": _("Unknown"),
    }[device_type]


def status_word(billing_status: str) -> str:
    """The label of a billing status."""
    return {"billable": _("Billable"), "spare": _("Spare"), "excluded": _("Excluded")}[
        billing_status
    ]


def statuses_word(statuses: tuple[str, ...]) -> str:
    """The label of several billing statuses."""
    if statuses == STATUSES:
        return _("Every status")
    return ", ".join(status_word(name) for name in statuses)


def state_word(state: str) -> str:
    """The label of the state of a machine that reports itself."""
    return {
        "online": _("Online"),
        "late": _("Late"),
        "offline": _("Offline"),
        ADDED_BY_HAND: _("Added by hand"),
    }[state]


def location_word(name: str) -> str:
    """The label of a location, or of none."""
    return _("(no location)") if name == NO_LOCATION else name


def basis_name(basis: str) -> str:
    """The label of a basis, as an option."""
    return {"assets": _("Unique machines"), "records": _("All records")}.get(basis) or source_label(
        basis
    )


def basis_word(basis: str) -> str:
    """The label of a basis."""
    if basis in source_names():
        return _("%(source)s only", source=source_label(basis))
    return basis_name(basis)


ValueWord = Callable[[Any, Filters, Mapping[int, str]], str]
"""The words of one value of a filter, given all filters and the names of their sites."""

VALUE_WORDS: dict[str, ValueWord] = {
    "site": lambda site, _filters, names: names.get(site, _("site %(id)s", id=site)),
    "location": lambda name, *_more: location_word(name),
    "as_of": lambda value, *_more: _("as of %(day)s", day=formats.day(value)),
    "compare_to": lambda value, *_more: _("against %(day)s", day=formats.day(value)),
    "basis": lambda name, *_more: basis_word(name),
    "type": lambda name, *_more: type_word(name),
    "status": lambda names, *_more: statuses_word(names),
    "q": lambda text, *_more: f"\u201c{text}\u201d",
    "source": lambda name, *_more: source_label(name),
    "managed_by": lambda name, *_more: _("managed by %(source)s", source=source_label(name)),
    "change": lambda name, filters, _names: bar_word(name, filters),
    "kind": lambda name, *_more: kind_name(name),
    "state": lambda name, *_more: finding_state(name),
    "compared": lambda name, *_more: finding_change(name),
}
"""By parameter, in the order of the chips."""


_PARAMETERS = {each.name: each for each in FILTERS}


def filter_name(name: str) -> str:
    """What a filter is called on the screen; "" when the words of its values say it."""
    label = _PARAMETERS[name].label
    return translate(label) if label else ""


def value_words(name: str, filters: Filters, names: Mapping[int, str], values: Any = None) -> str:
    """The words of `values` of a filter, of its own in `filters` when None: "Spare, Excluded"."""
    parameter, word = _PARAMETERS[name], VALUE_WORDS[name]
    given = getattr(filters, parameter.field) if values is None else values
    # Several values that have a default are one chip, so their words are made together.
    if not parameter.repeat or parameter.default:
        return word(given, filters, names)
    return ", ".join(word(value, filters, names) for value in given)
