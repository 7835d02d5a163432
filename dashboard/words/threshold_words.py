"""The words for the thresholds, and for the differences between two versions."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.base import formats
from db.thresholds import RANGES, Thresholds, are_thresholds, out_of_range

NAMES = tuple(field.name for field in fields(Thresholds))
"""The thresholds, in the order of the page."""


def groups() -> list[tuple[str, tuple[str, ...]]]:
    """Title and thresholds of each part of the form."""
    return [
        (_("How long days are kept"), NAMES[:2]),
        (_("Months and agents"), NAMES[2:4]),
        (_("When a collection is held as suspicious"), NAMES[4:]),
    ]


def threshold_name(name: str) -> str:
    """The name of a threshold."""
    return {
        "retention_days": _("Every day of the last ... days"),
        "month_end_retention_months": _("Last day of the last ... months"),
        "month_close_days": _("A month closes ... days after its end"),
        "agent_present_days": _("A machine counts for ... days after its last report"),
        "vanished_percent": _("More than ...% of the devices vanish"),
        "vanished_devices": _("and more than ... devices vanish"),
        "changed_percent": _("More than ...% change site, status or serial number"),
        "changed_devices": _("and more than ... devices change"),
        "emptied_site_devices": _("A site of at least ... devices goes to zero"),
        "growth_percent": _("A source grows by at least ...%"),
        "growth_devices": _("and by at least ... devices"),
        "administrator_percent": _("From ...% of vanished devices on, an administrator decides"),
    }[name]  # fmt: skip


def wrong_words(values: Mapping[str, Any]) -> str | None:
    """Why the values of the form are no version of the thresholds; None where they are one."""
    name = out_of_range(values)
    if name is not None:
        least, most = RANGES[name]
        return str(_("%(what)s: enter a whole number from %(least)s to %(most)s.",
                     what=threshold_name(name), least=least, most=most))  # fmt: skip
    if not are_thresholds(values):
        return str(_("The share from which an administrator decides cannot be below the "
                     "share that is suspicious."))  # fmt: skip
    return None


def differences(before: Thresholds, after: Thresholds) -> list[tuple[str, str]]:
    """The thresholds that differ, each with its value before and after."""
    pairs = [(name, getattr(before, name), getattr(after, name)) for name in NAMES]
    return [
        (threshold_name(name), f"{formats.number(was)} \u2192 {formats.number(now)}")
        for name, was, now in pairs
        if was != now
    ]


def loss_words(days: int, months: int) -> str | None:
    """What shorter retention deletes; None for nothing."""
    parts = []
    if days:
        parts.append(ngettext("%(n)s day", "%(n)s days", days, n=formats.number(days)))
    if months:
        parts.append(
            ngettext("%(n)s month-end", "%(n)s month-ends", months, n=formats.number(months))
        )
    if not parts:
        return None
    what = _(" and ").join(parts)
    return str(_("The next run deletes %(what)s that can be opened now. It cannot be undone; month "
                 "counts stay.", what=what))  # fmt: skip
