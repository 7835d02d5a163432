"""The words of sentences, titles and legends; those of controls are in `filter_words`."""

from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base.formats import number
from dashboard.base.params import STATUSES, Filters
from db.sources import source_label


def type_names(device_type: str) -> str:
    """Several devices of a type, for legends and sentences."""
    return {
        "server": _("Servers"),
        "workstation": _("Workstations"),
        "vm_guest": _("VM guests"),
        "network": _("Network"),
        "mobile": _("Mobile"),
        "other": _("Other"),
        "unknown": _("Unknown"),
    }[device_type]


def counted_type(device_type: str, n: int) -> str:
    """So many devices of a type: "1 server", "12 servers"."""
    return {
        "server": ngettext("%(n)s server", "%(n)s servers", n, n=number(n)),
        "workstation": ngettext("%(n)s workstation", "%(n)s workstations", n, n=number(n)),
        "vm_guest": ngettext("%(n)s VM guest", "%(n)s VM guests", n, n=number(n)),
        "network": ngettext("%(n)s network device", "%(n)s network devices", n, n=number(n)),
        "mobile": ngettext("%(n)s mobile", "%(n)s mobiles", n, n=number(n)),
        "other": ngettext("%(n)s other", "%(n)s others", n, n=number(n)),
        "unknown": ngettext("%(n)s of unknown type", "%(n)s of unknown type", n, n=number(n)),
    }[device_type]


def basis_phrase(basis: str) -> str:
    """What a count of `basis` counts, inside a sentence."""
    if basis == "assets":
        return _("unique machines")
    if basis == "records":
        return _("all records")
    return _("records of %(source)s", source=source_label(basis))


def counted_name(filters: Filters) -> str:
    """What the filters count, as the beginning of a sentence."""
    kinds = " + ".join(type_names(name) for name in filters.types)
    whole, some = {
        ("billable",): (_("Billable devices"), _("Billable: %(types)s", types=kinds)),
        ("spare",): (_("Spare devices"), _("Spare: %(types)s", types=kinds)),
        ("excluded",): (_("Excluded devices"), _("Excluded: %(types)s", types=kinds)),
        ("billable", "spare"): (
            _("Billable and spare devices"),
            _("Billable and spare: %(types)s", types=kinds),
        ),
        ("billable", "excluded"): (
            _("Billable and excluded devices"),
            _("Billable and excluded: %(types)s", types=kinds),
        ),
        ("spare", "excluded"): (
            _("Spare and excluded devices"),
            _("Spare and excluded: %(types)s", types=kinds),
        ),
        STATUSES: (_("All devices"), _("All statuses: %(types)s", types=kinds)),
    }[filters.statuses]
    return some if kinds else whole
