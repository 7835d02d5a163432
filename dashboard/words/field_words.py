"""Labels of the fields of a device, and their values as text."""

import re
from datetime import date
from typing import Any

from flask_babel import gettext as _

from dashboard.base import formats
from dashboard.base.params import STATUSES, TYPES
from dashboard.words.filter_words import status_word, type_word

LONGEST = 300


def field_name(field: str) -> str:
    """A field of a stretch; a path of its payload stays as its source wrote it."""
    return {
        "site": _("Site"),
        "organization": _("Organization"),
        "location": _("Location"),
        "hostname": _("Hostname"),
        "display_name": _("Display name"),
        "device_type": _("Type"),
        "type_reason": _("Why this type"),
        "billing_status": _("Status"),
        "reason": _("Why this status"),
        "rule_version": _("Rules version"),
        "os": _("OS"),
        "node_class": _("Node class"),
        "serial": _("Serial"),
        "asset_id": _("Machine"),
        "repaired": _("Repaired"),
        "source_key": _("Id at the source"),
        "first_seen": _("First seen"),
        "last_contact": _("Last contact"),
    }.get(field) or field.removeprefix("payload.")


_LONG = (
    ("Microsoft Windows", "Windows"),
    (" Professional Edition", " Pro"),
    (" Professional", " Pro"),
    (" Edition", ""),
    ("Debian GNU/Linux", "Debian"),
)
"""Words of the names of systems, and what people say for them."""

_CODENAME = re.compile(r" \([a-z]+\)$")
"""What Debian adds to its number. Apple writes such names with a capital, and people use them."""


def system_name(text: str | None) -> str | None:
    """An operating system as a column has room for it: "Windows 11 Pro", "Debian 12"."""
    if not text:
        return text
    for long, short in _LONG:
        text = text.replace(long, short)
    return _CODENAME.sub("", text)


def field_value(field: str, value: Any) -> str:
    """A value as people read it; a dash where there is none."""
    if value is None or value == "":
        return formats.NOTHING
    if field == "device_type" and value in TYPES:
        return type_word(value)
    if field == "billing_status" and value in STATUSES:
        return status_word(value)
    if isinstance(value, date):
        return str(formats.plain(value))
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\u2026"
