"""Labels of the values of filters."""

from flask_babel import gettext as _

from dashboard.base.machine_params import ADDED_BY_HAND
from dashboard.base.params import NO_LOCATION, STATUSES
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
    return {"assets": _("Machines"), "records": _("All records")}.get(basis) or source_label(basis)


def basis_word(basis: str) -> str:
    """The label of a basis."""
    if basis in source_names():
        return _("%(source)s only", source=source_label(basis))
    return {"assets": _("Each machine once"), "records": _("All records added")}[basis]
