"""The words for the settings of the rules, and for the differences between two versions."""

from collections.abc import Sequence
from dataclasses import fields

from flask_babel import gettext as _

from dashboard.base import formats
from db.rules import Rules
from db.sources import source_label

ORDERED = ("source_order",)
OF_SOURCES = ("source_order", "expected_sources")
NAMES = tuple(field.name for field in fields(Rules) if field.name != "version")
"""The settings, in the order of the page."""


def setting_name(name: str) -> str:
    """The name of a setting."""
    return {
        "spare_words": _("Spare words"),
        "spare_node_classes": _("Spare node classes"),
        "internal_sites": _("Internal sites"),
        "source_order": _("Source priority"),
        "expected_sources": _("Expected everywhere"),
    }.get(name, name)


def setting_about(name: str) -> str:
    """The description of a setting."""
    return {
        "spare_words": _("A device is spare when its display name or location contains one of "
                         "these, in upper or lower case. Separate them with commas."),
        "spare_node_classes": _("A device is spare when its node class is one of these. Separate "
                                "them with commas."),
        "internal_sites": _("Devices of these sites are excluded: shown apart, in no total. One "
                            "name per line."),
        "source_order": _("The first source in this list that has a machine decides its site and "
                          "status."),
        "expected_sources": _("Coverage lists machines missing from one of these, at every site "
                              "without its own setting."),
    }.get(name, "")  # fmt: skip


def sources_word(names: Sequence[str]) -> str:
    """The labels of sources, or "none"."""
    return ", ".join(source_label(name) for name in names) or _("none")


def setting_value(name: str, values: Sequence[str]) -> str:
    """The value of a setting, in words."""
    if name in OF_SOURCES:
        words = [source_label(value) for value in values]
        return " \u203a ".join(words) if name in ORDERED else sources_word(values)
    return ", ".join(values) or formats.NOTHING


def differences(before: Rules, after: Rules) -> list[tuple[str, str]]:
    """The settings that differ, each with what is removed and added."""
    changed = []
    for name in NAMES:
        was, now = getattr(before, name), getattr(after, name)
        if was == now or (name not in ORDERED and set(was) == set(now)):
            continue
        changed.append((setting_name(name), _difference(name, was, now)))
    return changed


def _difference(name: str, was: Sequence[str], now: Sequence[str]) -> str:
    if name in ORDERED:
        words = {"was": setting_value(name, was), "now": setting_value(name, now)}
        return str(_("%(was)s, now %(now)s", **words))
    gone = [f"{formats.MINUS}{_word(name, value)}" for value in was if value not in now]
    new = [f"+{_word(name, value)}" for value in now if value not in was]
    return ", ".join([*new, *gone])


def _word(name: str, value: str) -> str:
    return source_label(value) if name in OF_SOURCES else value
